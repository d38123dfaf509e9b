"""CIFAR-100: 60,000 photographs of 32x32 in 100 classes (Krizhevsky 2009)."""

from functools import partial
from pathlib import Path

from lottery.data.datasets import Images, dataset
from lottery.data.sets.cifar10 import read_pickled
from lottery.data.sources import Files, FileSet, from_archive, from_torchvision

CIFAR100 = FileSet(
    "cifar-100-python",
    {
        "train": "16019d7e3df5f24257cddd939b257f8d",
        "test": "f0ef6b0ae62326f3e7ffdfab6717acfc",
        "meta": "7973b15100ade9c7d40fb424638fde48",
    },
    largest=2**28,
)
ARCHIVE = "cifar-100-python.tar.gz"


@dataset(
    "cifar100",
    classes=100,
    shape=(3, 32, 32),
    train_size=50000,
    test_size=10000,
    crop_padding=4,
    flip=True,
    files=Files(
        (CIFAR100,),
        {
            ARCHIVE: partial(from_archive, ARCHIVE, CIFAR100.folder),
            "torchvision": partial(from_torchvision, "CIFAR100"),
        },
    ),
)
def cifar100(folder: Path) -> tuple[Images, Images]:
    """By the fine labels."""
    return read_pickled("CIFAR100", folder)
