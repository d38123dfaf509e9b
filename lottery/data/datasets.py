"""The datasets: what is fixed about each, and loading them."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np
import torch

from lottery.core.errors import BadInput, check_name
from lottery.core.extras import needing
from lottery.core.randomness import generator
from lottery.data.sources import ensure


@dataclass(frozen=True)
class Images:
    """Images, uint8 of shape (n, height, width, channels), and labels, int64 of shape (n,)."""

    images: torch.Tensor
    labels: torch.Tensor


@dataclass(frozen=True)
class Dataset:
    """What is fixed about a dataset.

    Attributes:
        shape: of one image: channels, height, width.
        train_size, test_size: images.
        crop_padding: pixels added on each side before a random crop in training; 0 for no crop.
        flip: whether training images are flipped left to right at random.
    """

    name: str
    classes: int
    shape: tuple[int, int, int]
    train_size: int
    test_size: int
    crop_padding: int = 0
    flip: bool = False


DATASETS = {
    dataset.name: dataset
    for dataset in (
        Dataset("digits", 10, (1, 8, 8), 1437, 360),
        Dataset("mnist", 10, (1, 28, 28), 60000, 10000),
        Dataset("fashion_mnist", 10, (1, 28, 28), 60000, 10000),
        Dataset("cifar10", 10, (3, 32, 32), 50000, 10000, crop_padding=4, flip=True),
    )
}


def default_root() -> Path:
    """The data root where none is given: $LOTTERY_DATA, else data in the current folder."""
    return Path(os.environ.get("LOTTERY_DATA") or "data")


def load(name: str, root: Path) -> tuple[Images, Images]:
    """The training and the test images of a dataset, whose files are fetched if missing.

    Raises:
        UnknownName: no such dataset.
        DataError: the files are damaged or cannot be fetched.
    """
    check_name("dataset", name, list(DATASETS))
    if name == "digits":
        return _digits()
    folder = ensure(name, root)
    read = _READERS[folder.name]
    return read(folder, True), read(folder, False)


def hold_out(images: Images, fraction: float) -> tuple[Images, Images]:
    """Images without a random part, and that part: a validation split.

    The split depends on the number of images and the fraction alone.

    Raises:
        BadInput: a fraction outside (0, 1).
    """
    if not 0 < fraction < 1:
        raise BadInput(f"validation fraction {fraction} is outside (0, 1)")
    size = len(images.labels)
    order = torch.randperm(size, generator=generator(0, "validation"))
    kept = size - round(fraction * size)
    return _part(images, order[:kept].sort().values), _part(images, order[kept:].sort().values)


def _part(images: Images, index: torch.Tensor) -> Images:
    return Images(images.images[index], images.labels[index])


def _images(images: np.ndarray, labels: np.ndarray) -> Images:
    """Images from arrays of shape (n, height, width, channels) and (n,)."""
    return Images(
        torch.from_numpy(np.ascontiguousarray(images)), torch.from_numpy(labels.astype(np.int64))
    )


def digits_file() -> Path:
    """Where the bundled digits lie; lottery/data/digits.md says where they are from."""
    return Path(str(files("lottery.data").joinpath("digits.npz")))


def _digits() -> tuple[Images, Images]:
    """The bundled digits, 0 to 16 scaled to 0 to 255; every fifth image is a test image."""
    with np.load(digits_file(), allow_pickle=False) as file:
        pixels, labels = file["images"], file["labels"]
    images = np.rint(pixels[..., None] * 255.0 / 16).astype(np.uint8)
    test = np.arange(len(images)) % 5 == 0
    return _images(images[~test], labels[~test]), _images(images[test], labels[test])


def _read_idx(folder: Path, train: bool) -> Images:
    """Images from idx files, past their headers of 16 and 8 bytes."""
    split = "train" if train else "t10k"
    images = np.fromfile(folder / f"{split}-images-idx3-ubyte", np.uint8, offset=16)
    labels = np.fromfile(folder / f"{split}-labels-idx1-ubyte", np.uint8, offset=8)
    return _images(images.reshape(-1, 28, 28, 1), labels)


def _read_bin(folder: Path, train: bool) -> Images:
    """Images from CIFAR-10's binary batches: records of a label and three colour planes."""
    names = [f"data_batch_{i}.bin" for i in range(1, 6)] if train else ["test_batch.bin"]
    batches = [np.fromfile(folder / name, np.uint8).reshape(-1, 1 + 3 * 32 * 32) for name in names]
    records = np.concatenate(batches)
    planes = records[:, 1:].reshape(-1, 3, 32, 32)
    return _images(planes.transpose(0, 2, 3, 1), records[:, 0])


def _read_py(folder: Path, train: bool) -> Images:
    """Images from CIFAR-10's pickled batches, whose MD5s torchvision checks once more."""
    with needing("suites"):
        from torchvision.datasets import CIFAR10  # a second to import, for this layout alone

    cifar10 = CIFAR10(folder.parent, train=train)
    return _images(cifar10.data, np.array(cifar10.targets))


_READERS: dict[str, Callable[[Path, bool], Images]] = {
    "raw": _read_idx,
    "cifar-10-batches-bin": _read_bin,
    "cifar-10-batches-py": _read_py,
}
