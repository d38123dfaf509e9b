"""The bundled digits: 1797 images of 8x8; lottery/data/digits.md says where they are from."""

from importlib.resources import files
from pathlib import Path

import numpy as np

from lottery.data.datasets import Images, dataset, from_arrays
from lottery.data.sources import Bundled

DIGITS_FILE = Path(str(files("lottery.data").joinpath("digits.npz")))


@dataset(
    "digits",
    classes=10,
    shape=(1, 8, 8),
    train_size=1437,
    test_size=360,
    files=Bundled(DIGITS_FILE),
)
def digits(file: Path) -> tuple[Images, Images]:
    """0 to 16 scaled to 0 to 255; every fifth image is a test image."""
    with np.load(file, allow_pickle=False) as arrays:
        pixels, labels = arrays["images"], arrays["labels"]
    images = np.rint(pixels[..., None] * 255.0 / 16).astype(np.uint8)
    test = np.arange(len(images)) % 5 == 0
    return from_arrays(images[~test], labels[~test]), from_arrays(images[test], labels[test])
