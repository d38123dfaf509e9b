"""ImageNet (ILSVRC 2012): 1.3 million photographs in 1000 classes, which nobody may pass on."""

from functools import cache
from pathlib import Path

from lottery.data.datasets import DATASETS, Pictures, dataset
from lottery.data.sources import Absent, DataError
from lottery.data.streaming import streamed_folder


@dataset(
    "imagenet",
    classes=1000,
    shape=(3, 224, 224),
    train_size=1281167,
    test_size=50000,
    flip=True,
)
def imagenet(root: Path) -> tuple[Pictures, Pictures]:
    """Read batch by batch, as open_lth has it: see streamed_folder."""
    folder = root / "imagenet"
    if not folder.is_dir():
        raise Absent(
            f"needs ImageNet: put it under {folder} (train/ and val/, each with a folder for each "
            "of the 1000 classes)"
        )
    return _counted(folder)


@cache
def _counted(folder: Path) -> tuple[Pictures, Pictures]:
    train, test = streamed_folder(folder)
    facts = DATASETS["imagenet"]
    found = 1 + int(train.labels.max()), len(train.labels), len(test.labels)
    if found != (facts.classes, facts.train_size, facts.test_size):
        raise DataError(
            f"{folder} has {found[0]} classes, {found[1]} training and {found[2]} test pictures; "
            f"ImageNet has {facts.classes}, {facts.train_size} and {facts.test_size}"
        )
    return train, test
