import platform
import resource

import pytest
import torch

from benchmarks.processor import tuned_processor

BLOCK = 100 * 2**20


def page_faults_of_a_block() -> int:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.ones(BLOCK, dtype=torch.uint8)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the allocator is glibc's")
def test_freed_memory_serves_again_without_the_system() -> None:
    given = page_faults_of_a_block()
    with tuned_processor():
        page_faults_of_a_block()
        kept = page_faults_of_a_block()
    page_faults_of_a_block()
    again = page_faults_of_a_block()
    assert kept < min(given, again) / 5


def test_denormal_numbers_count_as_zero_meanwhile() -> None:
    small = torch.tensor([1e-30])
    with tuned_processor():
        assert small * 1e-10 == 0
    assert small * 1e-10 > 0
