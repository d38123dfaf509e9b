"""Tiny ImageNet: 110,000 photographs of 64x64 in 200 classes (Stanford CS231n)."""

import io
import sys
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import torch
from torch import Tensor

from lottery.core.extras import needing
from lottery.core.ticket import read_tensors, write_tensors
from lottery.data.datasets import Images, dataset
from lottery.data.sources import Files, FileSet, from_url

ARCHIVE = "tiny-imagenet-200.zip"
TINY = FileSet("tiny-imagenet", {ARCHIVE: "90528d7ca1a48142e341f4ef8d21d0de"}, largest=2**29)
INSIDE = "tiny-imagenet-200"
DECODED = "decoded.safetensors"  # beside the archive, since decoding takes a minute


def from_stanford(work: Path) -> None:
    """A source: the official archive."""
    folder = work / TINY.folder
    folder.mkdir()
    from_url(f"http://cs231n.stanford.edu/{ARCHIVE}", folder)


@dataset(
    "tiny_imagenet",
    classes=200,
    shape=(3, 64, 64),
    train_size=100000,
    test_size=10000,
    crop_padding=4,
    flip=True,
    files=Files((TINY,), {"Stanford": from_stanford}, made=(f"{TINY.folder}/{DECODED}",)),
)
def tiny_imagenet(folder: Path) -> tuple[Images, Images]:
    """The training and the validation part, classes in the order of their names."""
    decoded = folder / DECODED
    try:
        tensors, _ = read_tensors(decoded)
    except ValueError:  # it is not there, or damaged
        tensors = _decode(folder / ARCHIVE)
        with suppress(OSError):  # a folder that may not be written: it is decoded each time
            write_tensors(decoded, tensors, {})
    part = partial(_part, tensors)
    return part("train"), part("val")


def _part(tensors: dict[str, Tensor], name: str) -> Images:
    return Images(tensors[f"{name}_images"], tensors[f"{name}_labels"])


def _decode(archive: Path) -> dict[str, Tensor]:
    print(f"decoding {archive}, once", file=sys.stderr)
    with ZipFile(archive) as file:
        classes = sorted(file.read(f"{INSIDE}/wnids.txt").decode().split())
        labels = {name: label for label, name in enumerate(classes)}
        train = [
            (name, labels[name.split("/")[2]])
            for name in sorted(file.namelist())
            if name.startswith(f"{INSIDE}/train/") and name.endswith(".JPEG")
        ]
        annotations = file.read(f"{INSIDE}/val/val_annotations.txt").decode().splitlines()
        val = [
            (f"{INSIDE}/val/images/{name}", labels[label])
            for name, label, *_ in (line.split() for line in annotations)
        ]
        found = {"train": train, "val": val}
        images = {f"{part}_images": _pixels(file, files) for part, files in found.items()}
    return images | {f"{n}_labels": torch.tensor([k for _, k in f]) for n, f in found.items()}


def _pixels(archive: ZipFile, files: Sequence[tuple[str, int]]) -> Tensor:
    """The pictures, uint8 of shape (n, 64, 64, 3); the few grey ones as RGB."""
    with needing("suites"):
        from PIL import Image  # these pictures alone need it

    pixels = torch.empty(len(files), 64, 64, 3, dtype=torch.uint8)
    for i, (name, _) in enumerate(files):
        with Image.open(io.BytesIO(archive.read(name))) as picture:
            pixels[i] = torch.from_numpy(np.array(picture.convert("RGB")))
    return pixels
