"""Write scikit-learn's digits as a folder of pictures, as one's own might lie:

python examples/make_pictures.py pictures
make compare METHOD=examples/my_method.py \
    ARGS="--dataset-folder pictures=pictures --plugin examples/my_model.py"
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits


def main(folder: Path) -> None:
    """train/<class>/<number>.png and, every fifth of them, val/<class>/<number>.png."""
    digits = load_digits()
    pixels = np.rint(digits.images * 255 / 16).astype(np.uint8)
    for number, (image, label) in enumerate(zip(pixels, digits.target, strict=True)):
        part = "train" if number % 5 else "val"
        path = folder / part / f"digit-{label}" / f"{number:04}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
