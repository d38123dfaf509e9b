"""Randomness by name: each use has its own generator, so results do not depend on what else ran."""

import hashlib

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
