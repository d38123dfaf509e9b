"""Folders of pictures, in the layout of torchvision's ImageFolder: train/<class>/*.jpg, val/..."""

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from lottery.core.extras import needing
from lottery.data.datasets import Images
from lottery.data.sources import DataError

if TYPE_CHECKING:
    from PIL import Image

ENDINGS = (".jpg", ".jpeg", ".png", ".bmp", ".ppm", ".pgm", ".tif", ".tiff", ".webp")
TEST_NAMES = ("val", "test")
BILINEAR = 2  # PIL.Image.Resampling.BILINEAR
LARGEST = 2**34  # bytes of all pixels, which are kept in memory


def image_folder(folder: str | Path, size: int = 0) -> tuple[Images, Images]:
    """The pictures below train/ and below val/ or test/, a folder for each class.

    Classes are the folders of train/ in alphabetical order. Pictures are RGB, or of one channel
    where all of them are grey.

    Args:
        size: side of the images: shorter sides are resized to it, then the centre is cut out. 0
            leaves pictures as they are, where they are all alike.

    Raises:
        DataError: it has another layout; a class has no picture; a picture cannot be read; or they
            are of different sizes and no size is given.
    """
    root = Path(folder).expanduser()
    train, test = root / "train", held_out_folder(root)
    classes = class_names(train)
    files = pictures(train, classes), pictures(test, classes, needed=False)
    if not files[1]:
        raise DataError(f"{test} has no picture")
    parts = [_read(part, size) for part in files]
    grey = all(is_grey for _, is_grey in parts)
    return _part(parts[0][0], files[0], grey), _part(parts[1][0], files[1], grey)


def held_out_folder(root: Path) -> Path:
    """The folder of the test part, beside that of the training part.

    Raises:
        DataError: there are not both.
    """
    if not root.is_dir():
        raise DataError(f"there is no folder {root}")
    found = [root / name for name in TEST_NAMES if (root / name).is_dir()]
    if not (root / "train").is_dir() or not found:
        here = sorted(path.name for path in root.iterdir() if path.is_dir())[:5]
        raise DataError(
            f"{root} has no train/ with val/ or test/ beside it, each with a folder for each "
            f"class; it has {', '.join(here) or 'no folders'}"
        )
    return found[0]


def class_names(train: Path) -> list[str]:
    """The classes of a training folder in order.

    Raises:
        DataError: there are fewer than two.
    """
    names = sorted(path.name for path in train.iterdir() if path.is_dir() and _shown(path.name))
    if len(names) < 2:
        raise DataError(f"{train} has {len(names)} folders; each class is one, and two are needed")
    return names


def pictures(part: Path, classes: Sequence[str], *, needed: bool = True) -> list[tuple[Path, int]]:
    """The pictures of a part in order, each with its label.

    Args:
        needed: whether each class has to have one; where it need not, a warning says which has
            none.

    Raises:
        DataError: a class without a picture, or a folder that is no class.
    """
    folders = {path.name for path in part.iterdir() if path.is_dir() and _shown(path.name)}
    if odd := sorted(folders - {*classes}):
        raise DataError(f"{part} has a folder {odd[0]!r}, which is no class of the training set")
    found = [[(path, label) for path in _below(part / name)] for label, name in enumerate(classes)]
    if empty := [name for name, files in zip(classes, found, strict=True) if not files]:
        text = f"{part / empty[0]} has no picture ({', '.join(ENDINGS)})"
        if needed:
            raise DataError(text)
        print(f"warning: {text}; the class is not tested", file=sys.stderr)
    return [each for files in found for each in files]


def _below(folder: Path) -> Iterator[Path]:
    """Pictures at any depth, in order; hidden files are left out."""
    for here, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            if _shown(name) and name.lower().endswith(ENDINGS):
                yield Path(here, name)


def _shown(name: str) -> bool:
    return not name.startswith(".")


def read_picture(path: Path) -> "tuple[Image.Image, bool]":
    """A picture as RGB, and whether it is grey.

    Raises:
        DataError: it cannot be read, or has more than 8 bits a channel.
        BadInput: Pillow is not installed.
    """
    with needing("suites"):
        from PIL import Image

    try:
        with Image.open(path) as file:
            picture = file.copy()
    except Exception as error:  # a decoder raises whatever it likes
        raise DataError(f"{path} cannot be read: {' '.join(str(error).split())}") from error
    if picture.mode.startswith(("I", "F")):
        raise DataError(f"{path} has more than 8 bits a channel ({picture.mode}); convert it")
    grey = picture.mode in ("1", "L", "LA")
    if picture.mode == "P" or "transparency" in picture.info:
        picture = picture.convert("RGBA")
    return picture.convert("RGB"), grey


def fitted(picture: "Image.Image", size: int) -> "Image.Image":
    """The shorter side resized to a size, then the centre cut out; with size 0 as it is."""
    if not size or picture.size == (size, size):
        return picture
    scale = size / min(picture.size)
    width, height = (max(size, round(side * scale)) for side in picture.size)
    picture = picture.resize((width, height), BILINEAR)
    left, top = (width - size) // 2, (height - size) // 2
    return picture.crop((left, top, left + size, top + size))


def _read(files: Sequence[tuple[Path, int]], size: int) -> tuple[torch.Tensor, bool]:
    """The pixels of pictures, uint8 of shape (n, height, width, 3), and whether all are grey."""
    first, _ = files[0]
    width, height = fitted(read_picture(first)[0], size).size
    needed = len(files) * width * height * 3
    if needed > LARGEST:
        raise DataError(
            f"{len(files)} pictures of {width}x{height} take {needed >> 30} GiB; give a smaller "
            "image size, or stream them (streamed_folder)"
        )
    pixels = torch.empty(len(files), height, width, 3, dtype=torch.uint8)
    all_grey = True
    for i, (path, _) in enumerate(files):
        whole, grey = read_picture(path)
        picture = fitted(whole, size)
        if picture.size != (width, height):
            theirs = "x".join(map(str, picture.size))
            raise DataError(
                f"{first} has {width}x{height} pixels and {path} {theirs}; give the size that all "
                "are to have (--image-size)"
            )
        pixels[i] = torch.from_numpy(np.array(picture))
        all_grey &= grey
    return pixels, all_grey


def _part(pixels: torch.Tensor, files: Sequence[tuple[Path, int]], grey: bool) -> Images:
    labels = torch.tensor([label for _, label in files])
    return Images(pixels[..., :1].contiguous() if grey else pixels, labels)
