"""Write the bundled digits as a folder of pictures, as one's own might lie:

python examples/make_pictures.py pictures
make compare METHOD=examples/my_method.py \
    ARGS="--dataset-folder pictures=pictures --plugin examples/my_model.py"
"""

import sys
from pathlib import Path

from PIL import Image

from lottery.data import load


def main(folder: Path) -> None:
    """train/<class>/<number>.png and val/<class>/<number>.png."""
    for part, images in zip(("train", "val"), load("digits", Path("data")), strict=True):
        for number, (image, label) in enumerate(zip(images.images, images.labels, strict=True)):
            path = folder / part / f"digit-{label}" / f"{number:04}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image[..., 0].numpy()).save(path)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
