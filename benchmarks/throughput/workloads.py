"""The kinds of work that are measured: the loops that cells run, with a clock that stops them."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from benchmarks.run.methods import methods
from lottery.core.choices import Precision
from lottery.core.mask import Mask
from lottery.core.network import Network
from lottery.core.randomness import generator
from lottery.data import Dataset, Images
from lottery.data.batches import Data, Normalisation
from lottery.models.zoo import build
from lottery.search.objectives import Batch
from lottery.search.registry import objective
from lottery.training.loop import Resumable
from lottery.training.recipe import Recipe
from lottery.training.runner import Runner
from lottery.training.train import train

DENSITY = 0.05
GATES = "CTS gates alone"
STEPS_PER_EPOCH = 8
WARM_UP = 3


class Enough(Exception):
    """Stops a loop whose steps have been timed."""


class Clock:
    """A keeper that times a loop's steps after a warm-up and then stops it by `Enough`.

    On a GPU, whose steps run behind the host's back, only the first and the last are waited for.
    """

    def __init__(self, device: torch.device, steps: int) -> None:
        self._device, self._steps = device, steps
        self._done: list[float] = []

    def resume(self, loop: str, first: int, state: Resumable) -> int:
        return first

    def done(self, loop: str, step: int, state: Resumable) -> None:
        if self._device.type == "cuda" and step in (WARM_UP, WARM_UP + self._steps):
            torch.cuda.synchronize(self._device)
        self._done.append(time.perf_counter())
        if step == WARM_UP + self._steps:
            raise Enough

    def seconds_per_step(self) -> float:
        """The median on a CPU, where other processes may take part of a step; else the mean."""
        timed = self._done[WARM_UP - 1 :]
        if self._device.type == "cuda":
            return (timed[-1] - timed[0]) / self._steps
        return statistics.median(b - a for a, b in pairwise(timed))


class PlainData(Data):
    """Batches as a plain loader gives them: images laid out channel by channel (NCHW)."""

    def finish(self, pixels: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
        x, y = super().finish(pixels, index)
        return x.contiguous(), y


@dataclass(frozen=True)
class Task:
    """A network and a training set that are worked on."""

    network: Network
    data: Data
    recipe: Recipe

    @classmethod
    def made_up(
        cls,
        model: str,
        dataset: Dataset,
        batch_size: int,
        device: torch.device,
        precision: Precision,
        *,
        plain: bool,
    ) -> "Task":
        """Images of a dataset's shape, made up: what they show does not matter here.

        Args:
            plain: eager float32 on NCHW images instead of the suite's own engine.
        """
        channels, height, width = dataset.shape
        count = STEPS_PER_EPOCH * batch_size
        rng = generator(0, "made-up images")
        pixels = torch.randint(0, 256, (count, height, width, channels), generator=rng)
        images = Images(pixels.to(torch.uint8), torch.arange(count) % dataset.classes)
        kind = PlainData if plain else Data
        data = kind(images, dataset, Normalisation.of(images), device)
        precision = "float32" if plain else precision
        network = build(
            model, dataset.shape, dataset.classes, 0, device=device, precision=precision
        )
        replicas = max(1, batch_size // Recipe().part_size)
        recipe = Recipe(epochs=1000, rewind_epochs=0, batch_size=batch_size, replicas=replicas)
        return cls(network, data, recipe)


@objective("throughput_nothing")
def nothing(network: Network, gates: Tensor, batch: Batch) -> Tensor:
    """No network at all: what is left of a search step is its gate arithmetic."""
    return gates.sum()


Work = Callable[[Task, Clock], None]


def _train(density: float) -> Work:
    def work(task: Task, clock: Clock) -> None:
        scores = torch.rand(task.network.layout.total, generator=generator(0, "scores"))
        mask = Mask.top(task.network.layout, scores.to(task.network.device), density)
        steps = range(task.recipe.steps(STEPS_PER_EPOCH))
        train(task.network, mask, task.data, task.recipe, 0, steps, clock)

    return work


def _search(name: str, density: float | None, *, sized: bool, **options: object) -> Work:
    """`sized`: the batch size is an option of the method, not the recipe's."""

    def work(task: Task, clock: Clock) -> None:
        runner = Runner(task.data, task.recipe, 0, keeper=clock)
        stated = {"batch_size": task.recipe.batch_size} if sized else {}
        rng = generator(0, name)
        draw = methods[name].draw
        draw(task.network, task.data, density, rng, runner=runner, **options, **stated)

    return work


# What each does, and its passes over the network in units of one forward pass.
WORKLOADS: dict[str, tuple[Work, float]] = {
    "dense training": (_train(1.0), 3),
    "ticket training": (_train(DENSITY), 3),
    "CTS-loss search": (_search("cts", DENSITY, sized=False, objective="loss"), 3),
    "CTS-KL search": (_search("cts", DENSITY, sized=False), 4),
    "CRBG search": (_search("crbg", None, sized=True), 3),
    "edge-popup search": (_search("edge_popup", DENSITY, sized=True), 3),
    GATES: (_search("cts", DENSITY, sized=False, objective="throughput_nothing"), 0),
}


def seconds_per_step(work: Work, task: Task, steps: int) -> float:
    """Run a kind of work for some steps and time them."""
    clock = Clock(task.network.device, steps)
    try:
        work(task, clock)
    except Enough:
        return clock.seconds_per_step()
    raise RuntimeError("the loop ended before the clock stopped it")
