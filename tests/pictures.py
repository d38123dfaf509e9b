"""Small folders of real picture files, for tests."""

from pathlib import Path

import numpy as np
from PIL import Image

CLASSES = ("ant", "bee", "cat")


def picture(label: int, number: int, size: tuple[int, int] = (8, 8)) -> Image.Image:
    """An RGB picture whose red channel says its class: 40, 80, 120; noise in the others."""
    pixels = np.random.default_rng((label, number)).integers(
        0, 256, (size[1], size[0], 3), np.uint8
    )
    pixels[..., 0] = 40 * (label + 1)
    return Image.fromarray(pixels)


def write_folder(root: Path, each: int = 4, test: str = "val", ending: str = "png") -> Path:
    """train/ and val/ with a few pictures of three classes."""
    for part in ("train", test):
        for label, name in enumerate(CLASSES):
            folder = root / part / name
            folder.mkdir(parents=True)
            for number in range(each):
                picture(label, number).save(folder / f"{number}.{ending}")
    return root
