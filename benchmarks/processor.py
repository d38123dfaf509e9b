"""What a process is told about the CPU that it works on while cells run."""

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
    """Settings that make steps on a CPU faster and change no more than denormal numbers.

    - Numbers too small to be normal count as zero: a CPU takes up to a hundred times as long for
      them, and the moments of gates that stay closed decay into nothing else.
    - Freed memory is kept for the next step: glibc would give it back to the system, which hands
      it out again zeroed, page by page, at every step.
    """
    torch.set_flush_denormal(True)
    _give_memory_back_above(1024 * MIB, 1024 * MIB)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)
        _give_memory_back_above(32 * MIB, 64 * MIB)  # what glibc comes to by itself


def _give_memory_back_above(one: int, at_the_top: int) -> None:
    """Keep freed blocks below `one` bytes, and `at_the_top` bytes of the heap that are unused."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt:  # glibc's; elsewhere memory is kept or not as the system pleases
        mallopt(M_MMAP_THRESHOLD, one)
        mallopt(M_TRIM_THRESHOLD, at_the_top)
