"""While a method draws, the test set is out of bounds.

What is watched, in this process: the suite's own test data, the datasets' files, whoever opens
them, whoever has a dataset read, and the garbage collector's lists of objects. Code that is bent on
cheating has other ways (another process, ctypes): this catches mistakes and plain cheating, and
docs/adding-a-method.md says what it cannot.
"""

import hashlib
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import Any

from lottery.data.batches import Data
from lottery.data.datasets import AUDIT, datasets
from lottery.data.streaming import StreamedData

# The names of the suite's own datasets' files, where a name says that much: "train" does not.
DATA_FILES = {"digits.csv.gz"} | {  # scikit-learn has the same digits
    path.name
    for dataset in datasets.present().values()
    if dataset.files
    for path in dataset.files.paths(Path())
    if len(path.name) > 9
}
Inode = tuple[int, int]  # of a file: its device and its number there
# Files that datasets of plug-ins were read from.
opened: set[Inode] = set()
CODE = (".py", ".pyc", ".so", ".pyd", ".dll")


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


@contextmanager
def recorded() -> Iterator[None]:
    """Within it, every file that is opened is one of a dataset, but for Python's own."""
    global _recording
    before, _recording = _recording, True
    try:
        yield
    finally:
        _recording = before


_recording = False


def _record(path: str) -> None:
    where = Path(path)
    if where.suffix in CODE or where.parent.suffix in (".dist-info", ".egg-info"):
        return
    if (found := inode(where)) is not None:
        opened.add(found)


def inode(path: Path) -> Inode | None:
    """Of a file; None where there is none."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    return (found.st_dev, found.st_ino) if stat.S_ISREG(found.st_mode) else None


def data_files(root: Path) -> frozenset[Inode]:
    """Device and inode of every dataset's files, as far as they are there."""
    of_suite = [d.files.paths(root) for d in datasets.present().values() if d.files]
    found = {inode(path) for paths in of_suite for path in paths}
    return frozenset({each for each in found if each is not None} | opened)


def inodes_of(data: StreamedData) -> frozenset[Inode]:
    """Device and inode of the pictures of a dataset that is streamed."""
    found = (inode(data.pictures.path(i)) for i in range(len(data)))
    return frozenset(each for each in found if each is not None)


def fingerprint(data: Data) -> str:
    """Hash of a dataset's images and labels."""
    digest = hashlib.sha256()
    for tensor in data.content():
        digest.update(tensor.cpu().numpy().tobytes())
    return digest.hexdigest()


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    """An audit hook (PEP 578): told of every file that Python opens, among others."""
    if _recording and event == "open" and isinstance(arguments[0], str | bytes | os.PathLike):
        _record(os.fsdecode(arguments[0]))
    if _broken is None:
        return
    if event == "open" and isinstance(arguments[0], str | bytes | os.PathLike):
        name = PurePath(os.fsdecode(arguments[0])).name
        if name in DATA_FILES:
            require_open(f"opened a dataset's file, {name}")
    elif event == AUDIT:
        require_open(f"read the dataset {arguments[0]}")
    elif event in ("gc.get_objects", "gc.get_referrers"):
        require_open(f"looked for objects that are not its own ({event})")


sys.addaudithook(_hear)
