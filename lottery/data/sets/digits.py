"""scikit-learn's digits: 1797 images of 8x8, which come with the package."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np

from lottery.data.datasets import Images, dataset, from_arrays
from lottery.data.sources import Bundled


def digits_file() -> Path:
    """Where they lie: within scikit-learn, which takes as long as torch to import itself."""
    package = find_spec("sklearn")
    assert package is not None
    assert package.origin is not None
    return Path(package.origin).parent / "datasets" / "data" / "digits.csv.gz"


@dataset(
    "digits",
    classes=10,
    shape=(1, 8, 8),
    train_size=1437,
    test_size=360,
    files=Bundled(digits_file(), "scikit-learn"),
)
def digits(file: Path) -> tuple[Images, Images]:
    """0 to 16 scaled to 0 to 255; every fifth image is a test image."""
    table = np.loadtxt(file, delimiter=",")  # 64 pixels and a label in every row
    images = np.rint(table[:, :64].reshape(-1, 8, 8, 1) * 255 / 16).astype(np.uint8)
    labels = table[:, 64]
    test = np.arange(len(images)) % 5 == 0
    return from_arrays(images[~test], labels[~test]), from_arrays(images[test], labels[test])
