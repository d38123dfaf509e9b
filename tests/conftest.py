"""What the tests of several folders share."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest
import timm
import torch
from torch import Tensor, nn

from lottery.core.network import Network
from lottery.data import DATASETS, Images, load
from lottery.data.batches import Data, Normalisation
from lottery.training.loop import Keeper, Resumable

T = TypeVar("T")

# One thread, here and in the processes that tests start: on tiny tensors more threads only wait for
# each other (a hundred times as long where the cores are busy), and another number of threads may
# round differently.
torch.set_num_threads(1)
os.environ["OMP_NUM_THREADS"] = "1"


@pytest.fixture(scope="session")
def digits_images() -> Images:
    """The training images of digits."""
    return load("digits", Path("unused"))[0]


@pytest.fixture
def digits(digits_images: Images) -> Data:
    """256 digits: two batches of 128."""
    part = Images(digits_images.images[:256], digits_images.labels[:256])
    return Data(part, DATASETS["digits"], Normalisation.of(part))


class RecordedData(Data):
    """Digits that remember which images were handed out, batch by batch."""

    def __init__(self, images: Images) -> None:
        super().__init__(images, DATASETS["digits"], Normalisation.of(images))
        self.taken: list[tuple[int, ...]] = []

    def finish(self, pixels: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
        self.taken.append(tuple(index.tolist()))
        return super().finish(pixels, index)


def first(images: Images, count: int) -> Images:
    """The first so many images."""
    return Images(images.images[:count], images.labels[:count])


# By replicas: the parts of a batch of 40, and of one of 4, where an image alone makes no part.
PARTS = {1: {40: [40], 4: [4]}, 2: {40: [20, 20], 4: [2, 2]}, 4: {40: [10] * 4, 4: [2, 2]}}


def tiny_module(seed: int = 0) -> nn.Module:
    """A small convolutional network for digits: 2 prunable layers, 436 prunable weights.

    A fifth of its 36 + 400 prunable weights is no whole number, and 436 is no multiple of 8.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Conv2d(1, 4, 3, stride=2, padding=1),
            nn.BatchNorm2d(4, track_running_stats=False),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d((2, 5)),
            nn.Flatten(),
            nn.Linear(40, 10),
        )


def vit() -> nn.Module:
    """A vision transformer of timm, untouched: two blocks, for images of 32x32."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module: nn.Module = timm.create_model(
            "vit_tiny_patch16_224",
            img_size=32,
            patch_size=8,
            num_classes=10,
            depth=2,
            pretrained=False,
        )
    return module


@pytest.fixture
def tiny() -> Network:
    """`tiny_module` as a network."""
    return Network(tiny_module())


class Stopped(Exception):
    """Raised by Checkpoints."""


class Checkpoints:
    """A keeper that remembers a loop's state every few steps, and may raise after one of them.

    Attributes:
        first_steps: where each loop that was started began.
    """

    def __init__(self, stop: int, every: int = 1) -> None:
        self.stop, self.every = stop, every
        self.first_steps: list[int] = []
        self._kept: dict[str, tuple[int, dict[str, Tensor]]] = {}

    def resume(self, loop: str, first: int, state: Resumable) -> int:
        step, tensors = self._kept.get(loop, (first, None))
        if tensors is not None:
            state.load(tensors)
        self.first_steps.append(step)
        return step

    def done(self, loop: str, step: int, state: Resumable) -> None:
        if step % self.every == 0:
            copies = {name: tensor.clone() for name, tensor in state.tensors().items()}
            self._kept[loop] = (step, copies)
        if step == self.stop:
            self.stop = 0
            raise Stopped


def interrupted(run: Callable[[Keeper], T], stop: int, every: int = 1) -> T:
    """Run loops twice, the first time only until one is at step `stop`; what the second returns."""
    keeper = Checkpoints(stop, every)
    with pytest.raises(Stopped):
        run(keeper)
    result = run(keeper)
    assert len(keeper.first_steps) > 1
    assert max(keeper.first_steps) == stop - stop % every
    return result


def global_state() -> bytes:
    """The state of torch's global generator, to see that nothing draws from it."""
    return torch.get_rng_state().numpy().tobytes()
