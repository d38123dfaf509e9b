"""Registering a dataset by a function."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lottery.core.errors import BadInput
from lottery.data.datasets import DATASETS, Dataset, Images, as_images, dataset, datasets, load
from lottery.data.sources import DataError

PIXELS = np.arange(6 * 4 * 4 * 3, dtype=np.uint8).reshape(6, 4, 4, 3)
LABELS = [0, 1, 2, 0, 1, 2]


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    with datasets.temporarily():
        yield
    DATASETS.pop("mine", None)


def register(train: Any, test: Any, **more: Any) -> list[Path]:
    """The data roots that it is read with."""
    roots: list[Path] = []

    @dataset("mine", **more)
    def mine(root: Path) -> Any:
        roots.append(root)
        return train, test

    return roots


def refusal(train: Any, test: Any = (PIXELS, LABELS)) -> str:
    register(train, test)
    with pytest.raises(DataError) as caught:
        load("mine", Path("root"))
    assert "\n" not in str(caught.value)
    assert "mine" not in DATASETS
    return str(caught.value)


def test_arrays_become_images_with_facts() -> None:
    roots = register(
        (PIXELS, LABELS), Images(torch.from_numpy(PIXELS[:3]), torch.arange(3)), flip=True
    )
    assert roots == []
    train, test = load("mine", Path("root"))
    assert torch.equal(train.images, torch.from_numpy(PIXELS))
    assert (train.labels.dtype, train.labels.tolist()) == (torch.int64, LABELS)
    assert len(test.labels) == 3
    assert DATASETS["mine"] == Dataset("mine", 3, (3, 4, 4), 6, 3, 0, True)
    load("mine", Path("root"))
    assert roots == [Path("root")], "it is read once"


def test_images_without_channels_have_one() -> None:
    assert as_images((PIXELS[..., 0], LABELS), "training").images.shape == (6, 4, 4, 1)


@pytest.mark.parametrize(
    ("train", "words"),
    [
        (
            (PIXELS.astype(np.float32), LABELS),
            "images are float32 of shape (6, 4, 4, 3), not uint8",
        ),
        ((PIXELS[0, 0], LABELS), "images are uint8 of shape (4, 3), not uint8 of shape (n, "),
        ((PIXELS, LABELS[:5]), "training labels are not a whole number from 0 on for each image"),
        ((PIXELS, [-1, *LABELS[1:]]), "training labels are not a whole number from 0 on"),
        ((PIXELS, np.array(LABELS) + 0.5), "training labels are not a whole number from 0 on"),
        ((PIXELS, [0, 1, 3, 0, 1, 3]), "class 2 of 4 has no training image"),
        ((PIXELS[:, :2], LABELS), "its test images are 4x4x3, not 2x4x3"),
        ((PIXELS[:1], [0]), "its training part has a single image"),
        (None, "dataset mine cannot be read: TypeError"),
    ],
)
def test_what_is_no_dataset_is_one_line(train: Any, words: str) -> None:
    assert words in refusal(train)


def test_a_function_that_raises_is_one_line() -> None:
    @dataset("mine")
    def mine(root: Path) -> Any:
        raise KeyError("two\nlines")

    with pytest.raises(DataError, match=r"^dataset mine cannot be read: KeyError: 'two\\nlines'$"):
        load("mine", Path("root"))


def test_names() -> None:
    with pytest.raises(BadInput, match="dataset name 'a/b' has to be letters, digits, _ and -"):
        dataset("a/b")
    with pytest.raises(ValueError, match="dataset 'digits' is registered already"):
        dataset("digits")(lambda root: None)
