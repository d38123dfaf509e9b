import platform
import subprocess
import sys

import pytest
import torch

from benchmarks.run.runtime import tuned_processor

# Page faults of a step that takes and frees what the step before it did: in a process of its own,
# whose heap has no gaps of others.
PAGE_FAULTS = """
import ctypes, resource
from benchmarks.run.runtime import tuned_processor

libc, size = ctypes.CDLL(None), 16 * 2**20
libc.malloc.restype = ctypes.c_void_p

def step():
    blocks = [libc.malloc(size) for _ in range(20)]
    for block in blocks:
        ctypes.memset(block, 1, size)
    for block in blocks:
        libc.free(ctypes.c_void_p(block))

def faults():
    step()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    step()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

before = faults()
with tuned_processor():
    meanwhile = faults()
print(before, meanwhile, faults())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the allocator is glibc's")
def test_freed_memory_serves_again_without_the_system() -> None:
    run = [sys.executable, "-c", PAGE_FAULTS]
    text = subprocess.run(run, check=True, capture_output=True, text=True).stdout
    before, meanwhile, after = map(int, text.split())
    assert meanwhile < min(before, after) / 5


def test_denormal_numbers_count_as_zero_meanwhile() -> None:
    small = torch.tensor([1e-30])
    with tuned_processor():
        assert small * 1e-10 == 0
    assert small * 1e-10 > 0
