"""Randomness by name: each use has its own generator, so results do not depend on what else ran."""

import hashlib
import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


def derive(seed: int, *use: str | int) -> int:
    """A 63-bit seed for one named use of a parent seed."""
    name = "/".join(str(part) for part in (seed, *use))
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") >> 1


def generator(seed: int, *use: str | int, device: torch.device | str = "cpu") -> torch.Generator:
    """A generator on `device` for one named use, e.g. `generator(0, "order", epoch)`."""
    return torch.Generator(device).manual_seed(derive(seed, *use))


def child(
    parent: torch.Generator, *use: str | int, device: torch.device | str | None = None
) -> torch.Generator:
    """A generator for one named use within a parent's. The parent's own state plays no part."""
    return generator(parent.initial_seed(), *use, device=device or parent.device)


@contextmanager
def seeded_globals(seed: int) -> Iterator[None]:
    """Every global generator (torch's on all devices, NumPy's, Python's) seeded within the block,
    and as it was after it: what a method draws without asking for a generator is known too."""
    python, numpy = random.getstate(), np.random.get_state()
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        np.random.seed(seed % 2**32)
        random.seed(seed)
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)
