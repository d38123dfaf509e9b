"""The datasets: what is fixed about each, registering and loading them."""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar, cast, overload

import numpy as np
import torch

from lottery.core.errors import BadInput
from lottery.core.randomness import generator
from lottery.core.registry import Registry, check_registered_name
from lottery.data.sources import Bundled, DataError, Files


@dataclass(frozen=True)
class Images:
    """Images, uint8 of shape (n, height, width, channels), and labels, int64 of shape (n,)."""

    images: torch.Tensor
    labels: torch.Tensor

    @property
    def shape(self) -> tuple[int, ...]:
        """Height, width and channels."""
        return tuple(self.images.shape[1:])

    def content(self) -> tuple[torch.Tensor, torch.Tensor]:
        """All that they are: images and labels."""
        return self.images, self.labels

    def at(self, index: torch.Tensor) -> "Images":
        """Some of them, in the order given."""
        return Images(self.images[index], self.labels[index])


IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Pictures:
    """Picture files that are read batch by batch, and labels, int64 of shape (n,).

    Attributes:
        root: the folder that they are below.
        names: their paths below it, as bytes, shape (n,).
        size: side of the images that they become.
        mean, std: of the channels, for pixels in 0..1.
    """

    root: Path
    names: np.ndarray
    labels: torch.Tensor
    size: int
    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD

    @property
    def shape(self) -> tuple[int, ...]:
        """Height, width and channels of an image."""
        return (self.size, self.size, 3)

    def at(self, index: torch.Tensor) -> "Pictures":
        """Some of them, in the order given."""
        return replace(self, names=self.names[index.numpy()], labels=self.labels[index])

    def path(self, index: int) -> Path:
        """Where one lies."""
        return self.root / os.fsdecode(bytes(self.names[index]))

    def content(self) -> tuple[torch.Tensor, torch.Tensor]:
        """What says which pictures they are: their names as bytes, and their labels."""
        raw = np.ascontiguousarray(self.names).view(np.uint8)
        return torch.from_numpy(raw.copy()), self.labels


Parts = tuple[Images, Images] | tuple[Pictures, Pictures]  # for training and for the test


@dataclass(frozen=True)
class Dataset:
    """What is fixed about a dataset.

    Attributes:
        shape: of one image: channels, height, width.
        train_size, test_size: images.
        crop_padding: pixels added on each side before a random crop in training; 0 for no crop.
        flip: whether training images are flipped left to right at random.
    """

    name: str
    classes: int
    shape: tuple[int, int, int]
    train_size: int
    test_size: int
    crop_padding: int = 0
    flip: bool = False


# Facts of those datasets that state them, and of others once they are loaded.
DATASETS: dict[str, Dataset] = {}

AUDIT = "lottery.dataset"  # the event (PEP 578) that a dataset is about to be read; with its name


@dataclass(frozen=True)
class Registered:
    """A dataset by name, see `dataset`.

    Attributes:
        read: (folder or file of its files, else the data root) -> training and test part.
        files: that it is read from, where the suite keeps and verifies them.
        facts: as stated; None where they are taken from what is read.
        kept: what was read, by data root, of a dataset that does not state its facts.
    """

    name: str
    read: Callable[[Path], Any]
    crop_padding: int = 0
    flip: bool = False
    files: Files | Bundled | None = None
    facts: Dataset | None = None
    kept: dict[Path, Parts] = field(default_factory=dict, repr=False)

    def load(self, root: Path) -> Parts:
        """The training and the test part."""
        if self.facts:
            train, test = self.read(self.files.ensure(self.name, root) if self.files else root)
            return train, test
        if root not in self.kept:
            self.kept[root] = self._checked(root)
        return self.kept[root]

    def _checked(self, root: Path) -> Parts:
        """What is read, held to what a dataset has to be; DATASETS has its facts from then on.

        Raises:
            DataError: it is not a dataset.
        """
        try:
            train, test = self.read(root)
            parts: Parts
            if isinstance(train, Pictures) and isinstance(test, Pictures):
                parts = train, test
            else:
                parts = as_images(train, "training"), as_images(test, "test")
            DATASETS[self.name] = self._facts_of(*parts)
        except BadInput as error:
            raise DataError(f"dataset {self.name}: {error}") from error
        except Exception as error:  # whatever the function of a plug-in raises
            problem = " ".join(f"{type(error).__name__}: {error}".split())
            raise DataError(f"dataset {self.name} cannot be read: {problem}") from error
        return parts

    def _facts_of(self, train: Images | Pictures, test: Images | Pictures) -> Dataset:
        if test.shape != train.shape:
            theirs, own = ("x".join(map(str, part.shape)) for part in (test, train))
            raise DataError(f"its test images are {theirs}, not {own}")
        classes = 1 + int(max(train.labels.max(), test.labels.max()))
        for label, count in enumerate(train.labels.bincount(minlength=classes).tolist()):
            if not count:
                raise DataError(f"class {label} of {classes} has no training image")
        sizes = len(train.labels), len(test.labels)
        height, width, channels = train.shape
        shape = (channels, height, width)
        return Dataset(self.name, classes, shape, *sizes, self.crop_padding, self.flip)


def as_images(part: Any, which: str) -> Images:
    """Images, or a pair of arrays or tensors, as Images.

    Raises:
        DataError: images that are not uint8 of shape (n, height, width) or (n, height, width,
            channels), labels that are not n whole numbers from 0 on, or too few of them.
    """
    images, labels = (part.images, part.labels) if isinstance(part, Images) else part
    images, labels = _tensor(images), _tensor(labels)
    if images.dtype != torch.uint8 or images.dim() not in (3, 4) or not images.numel():
        kind = str(images.dtype).removeprefix("torch.")
        raise DataError(
            f"its {which} images are {kind} of shape {tuple(images.shape)}, not uint8 of shape "
            "(n, height, width) or (n, height, width, channels)"
        )
    if labels.shape != images.shape[:1] or labels.is_floating_point() or labels.min() < 0:
        raise DataError(f"its {which} labels are not a whole number from 0 on for each image")
    if len(labels) < 2:
        raise DataError(f"its {which} part has a single image")
    if images.dim() == 3:
        images = images[..., None]
    return Images(images.contiguous(), labels.long())


def _tensor(values: Any) -> torch.Tensor:
    if isinstance(values, torch.Tensor):
        return values
    return torch.from_numpy(np.require(values, requirements=["W"]))  # a copy of what is read-only


datasets: Registry[Registered] = Registry("dataset", "lottery.datasets")

F = TypeVar("F", bound=Callable[[Path], Any])


def dataset(
    name: str,
    *,
    crop_padding: int = 0,
    flip: bool = False,
    classes: int = 0,
    shape: tuple[int, int, int] | None = None,
    train_size: int = 0,
    test_size: int = 0,
    files: Files | Bundled | None = None,
) -> Callable[[F], F]:
    """Register a function as a dataset.

    `read(root)` returns a training and a test part, each `Images` or a pair of images, uint8 of
    shape (n, height, width) or (n, height, width, channels), and labels, whole numbers from 0 on of
    shape (n,). `root` is the data root.

    Args:
        crop_padding: pixels added on each side before a random crop in training; 0 for no crop.
        flip: whether training images are flipped left to right at random.
        classes, shape, train_size, test_size: see Dataset; taken from what is read where they are
            not given. Stated, they are at hand before anything is read.
        files: that the suite fetches and verifies; `read` is then given the folder that has them.

    Raises:
        BadInput: a name that is no file's name.
        ValueError: the name is taken.
    """
    check_registered_name("dataset", name)
    facts = None
    if shape:
        facts = Dataset(name, classes, shape, train_size, test_size, crop_padding, flip)

    def register(read: F) -> F:
        @wraps(read)
        def watched(place: Path) -> Any:
            sys.audit(AUDIT, name)
            return read(place)

        datasets.add(name, Registered(name, watched, crop_padding, flip, files, facts))
        if facts:
            DATASETS[name] = facts
        return cast(F, watched)

    return register


def default_root() -> Path:
    """The data root where none is given: $LOTTERY_DATA, else data in the current folder."""
    return Path(os.environ.get("LOTTERY_DATA") or "data")


def load(name: str, root: Path) -> tuple[Images, Images]:
    """The training and the test images of a dataset, whose files are fetched if missing.

    Raises:
        UnknownName: no such dataset.
        DataError: the files are damaged or cannot be fetched, or do not make a dataset.
        BadInput: it is too large for memory; see lottery.data.streaming.
    """
    train, test = load_parts(name, root)
    if isinstance(train, Pictures) or isinstance(test, Pictures):
        raise BadInput(f"dataset {name} is read batch by batch: it is too large for memory")
    return train, test


def load_parts(name: str, root: Path) -> Parts:
    """Like `load`, but of a dataset that is too large for memory its picture files."""
    return datasets[name].load(root)


@overload
def hold_out(images: Images, fraction: float) -> tuple[Images, Images]: ...
@overload
def hold_out(images: Pictures, fraction: float) -> tuple[Pictures, Pictures]: ...
def hold_out(images: Images | Pictures, fraction: float) -> Parts:
    """Images without a random part, and that part: a validation split.

    The split depends on the number of images and the fraction alone.

    Raises:
        BadInput: a fraction outside (0, 1).
    """
    if not 0 < fraction < 1:
        raise BadInput(f"validation fraction {fraction} is outside (0, 1)")
    size = len(images.labels)
    order = torch.randperm(size, generator=generator(0, "validation"))
    kept = size - round(fraction * size)
    parts = order[:kept].sort().values, order[kept:].sort().values
    if isinstance(images, Images):
        return images.at(parts[0]), images.at(parts[1])
    return images.at(parts[0]), images.at(parts[1])


def from_arrays(images: np.ndarray, labels: np.ndarray) -> Images:
    """Images from arrays of shape (n, height, width, channels) and (n,)."""
    return Images(
        torch.from_numpy(np.ascontiguousarray(images)), torch.from_numpy(labels.astype(np.int64))
    )
