"""What a process is told about the processors that it works on while cells run."""

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch

# Of glibc's mallopt(3).
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
MIB = 2**20


@contextmanager
def tuned_processor() -> Iterator[None]:
    """Settings of a run, which change no more than rounding and denormal numbers.

    On a CPU they make steps faster:

    - Numbers too small to be normal count as zero: a CPU takes up to a hundred times as long for
      them, and the moments of gates that stay closed decay into nothing else.
    - Freed memory is kept for the next step: glibc would give it back to the system, which hands
      it out again zeroed, page by page, at every step.

    On a GPU cuDNN takes kernels that sum in a fixed order: a ticket depends on rounding, and its
    ablations may be run when its search is no longer in the cache.
    """
    torch.set_flush_denormal(True)
    torch.backends.cudnn.deterministic = True
    _keep_free_memory(1024 * MIB)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)
        torch.backends.cudnn.deterministic = False
        _keep_free_memory(64 * MIB)  # what glibc comes to by itself


def _keep_free_memory(size: int) -> None:
    """Let this many bytes at the top of the heap stay free before they go back to the system.

    Blocks above 32 MiB do not come from the heap, as glibc has it by itself where blocks are large:
    before glibc 2.38 a heap may find no place for an aligned block where one of its size was freed.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt:  # glibc's; elsewhere memory is kept or not as the system pleases
        mallopt(M_MMAP_THRESHOLD, 32 * MIB)
        mallopt(M_TRIM_THRESHOLD, size)
