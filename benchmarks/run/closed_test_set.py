"""While a method draws, the test set is out of bounds.

What is watched, in this process: the suite's own test data, the datasets' files, whoever opens
them, and the garbage collector's lists of objects. Code that is bent on cheating has other ways
(another process, ctypes): this catches mistakes and plain cheating, and docs/adding-a-method.md
says what it cannot.
"""

import hashlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePath
from typing import Any

from lottery.data.batches import Data
from lottery.data.sources import LAYOUTS

_NAMES = {name for layouts in LAYOUTS.values() for layout in layouts for name in layout.md5}
# Here, and in scikit-learn, which has the same digits.
DIGITS = ("digits.npz", "digits.csv.gz")
DATA_FILES = {*DIGITS, *_NAMES, *(f"{name}.gz" for name in _NAMES)}


class RuleBroken(ValueError):
    """A method did what no method may; the text says what."""


_broken: list[str] | None = None  # what was done since the watched block began; None outside one


@contextmanager
def closed_test_set() -> Iterator[None]:
    """Watch for reads of test data, which fail at once; a block that swallowed that fails too.

    Raises:
        RuleBroken: at the end, if anything was done.
    """
    global _broken
    before, _broken = _broken, []
    try:
        yield
    finally:
        done, _broken = _broken, before
        if done:
            raise RuleBroken(done[0])


@contextmanager
def opened_test_set() -> Iterator[None]:
    """For the suite's own code inside a watched block."""
    global _broken
    before, _broken = _broken, None
    try:
        yield
    finally:
        _broken = before


def require_open(what: str) -> None:
    """Called wherever the suite hands out test data.

    Raises:
        RuleBroken: inside a watched block.
    """
    if _broken is not None:
        _broken.append(f"it {what}; a method sees the training data alone")
        raise RuleBroken(_broken[-1])


def fingerprint(data: Data) -> str:
    """Hash of a dataset's images and labels."""
    digest = hashlib.sha256()
    for tensor in (data.images, data.labels):
        digest.update(tensor.cpu().numpy().tobytes())
    return digest.hexdigest()


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    """An audit hook (PEP 578): told of every file that Python opens, among others."""
    if _broken is None:
        return
    if event == "open" and isinstance(arguments[0], str | bytes | os.PathLike):
        name = PurePath(os.fsdecode(arguments[0])).name
        if name in DATA_FILES:
            require_open(f"opened a dataset's file, {name}")
    elif event in ("gc.get_objects", "gc.get_referrers"):
        require_open(f"looked for objects that are not its own ({event})")


sys.addaudithook(_hear)
