"""python -m benchmarks.throughput.memory: what a CRBG search takes, measured in a fresh process.

Ten steps on random images; a search's memory does not depend on what they show.
"""

import math
import sys
import time
from dataclasses import dataclass

import torch

from benchmarks.run.devices import choose_precision
from benchmarks.throughput.roofline import peak_memory
from lottery.core.command_line import run_command
from lottery.core.errors import BadInput, check_name
from lottery.core.randomness import generator
from lottery.data import DATASETS, Images
from lottery.data.batches import Data, Normalisation
from lottery.models.zoo import build
from lottery.search.crbg import crbg
from lottery.training.recipe import Recipe
from lottery.training.runner import Runner

MIB = 2**20


@dataclass(frozen=True)
class Options:
    """Peak memory of ten steps of a CRBG search on the CPU."""

    model: str = "vit_base_224"
    """Key of lottery.models.zoo.MODELS; one that ends in _224 runs at its native input size."""
    batch_size: int = 32
    steps: int = 10
    dataset: str = "cifar10"
    """Whose image size and classes are taken."""
    precision: str = "auto"
    """float32, bfloat16 or auto."""


def measure(options: Options) -> str:
    """One line: parameters, resident memory before the search and at its peak, seconds a step.

    Raises:
        UnknownName: a model, dataset or precision that does not exist.
        BadInput: a model that cannot take the dataset's images, or a number below one.
    """
    for name, value in (("batch-size", options.batch_size), ("steps", options.steps)):
        if value < 1:
            raise BadInput(f"--{name} must be at least 1, got {value}")
    device = torch.device("cpu")
    precision = choose_precision(options.precision, device)
    facts = DATASETS[check_name("dataset", options.dataset, list(DATASETS))]
    channels, height, width = facts.shape
    draw, size = generator(0), options.batch_size * options.steps
    pixels = torch.randint(256, (size, height, width, channels), generator=draw, dtype=torch.uint8)
    images = Images(pixels, torch.randint(facts.classes, (size,), generator=draw))
    data = Data(images, facts, Normalisation.of(images))
    network = build(options.model, facts.shape, facts.classes, 0, precision=precision)
    d = network.layout.total
    before, start = peak(), time.perf_counter()
    runner = Runner(data, Recipe(), 0)
    crbg(network, data, None, draw, runner=runner, epochs=1, batch_size=options.batch_size)
    seconds = (time.perf_counter() - start) / options.steps
    copy, top = 4 * d / MIB, peak()
    return (
        f"{options.model}, batch {options.batch_size}, {precision}: {d / 1e6:.1f} M prunable "
        f"weights of {copy:.0f} MiB; resident {before:.0f} MiB before the search, {top:.0f} MiB "
        f"at its peak, which is {(top - before) / copy:.2f} copies of the weights more; "
        f"{seconds:.1f} s a step"
    )


def peak() -> float:
    """Largest resident memory of this process so far, in MiB; NaN where that is unknown."""
    found = peak_memory(torch.device("cpu"))
    return math.nan if found is None else found / MIB


def main() -> int:
    """Run the command line; exit status 0, or 2 with one line for bad input."""
    return run_command(_main, Options, "python -m benchmarks.throughput.memory")


def _main(options: Options) -> int:
    print(measure(options))
    return 0


if __name__ == "__main__":
    sys.exit(main())
