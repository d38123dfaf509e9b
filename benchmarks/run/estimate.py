"""What a cell costs, before it is run: the pieces of work that it needs, in epochs and seconds."""

import math
import time
from dataclasses import dataclass
from functools import cache

import torch

from benchmarks.plan.cell import Cell, without_defaults
from benchmarks.run.methods import is_trained, methods
from lottery.core.choices import Precision
from lottery.data import DATASETS
from lottery.models.zoo import build


@dataclass(frozen=True)
class Piece:
    """A stretch of work that cells may share.

    Attributes:
        name: equal for equal work.
        epochs: passes over the training set.
        images: drawn.
        seconds: estimated.
    """

    name: tuple[str, ...]
    epochs: float
    images: float
    seconds: float


def pieces(cell: Cell, device: torch.device, precision: Precision) -> list[Piece]:
    """Pretraining, search and training of a cell, as far as each is needed."""
    recipe, method = cell.recipe, methods[cell.method]
    rewind = recipe.rewind_epochs if cell.drawn_at == "rewind" else 0.0
    task = (cell.model, cell.dataset, str(cell.seed), cell.pruned_at, str(without_defaults(recipe)))
    options = {**method.options, **cell.options}
    found: list[tuple[tuple[str, ...], float, int]] = []
    if rewind:
        found.append((("pretraining",), rewind, recipe.batch_size))
    for name, epochs in method.plan(recipe, rewind, cell.density, options).items():
        asked = options.get("batch_size")
        batch = asked if isinstance(asked, int) and asked > 0 else recipe.batch_size
        found.append(((cell.method, name), epochs, batch))
    if is_trained(cell):
        training = ("training", cell.method, str(options), str(cell.density), cell.ablation)
        start = rewind if cell.pruned_at == "rewind" else 0.0
        found.append((training, recipe.epochs - start, recipe.batch_size))
    return [
        _piece((*task, *name), epochs, batch, cell, device, precision)
        for name, epochs, batch in found
    ]


def _piece(
    name: tuple[str, ...],
    epochs: float,
    batch_size: int,
    cell: Cell,
    device: torch.device,
    precision: Precision,
) -> Piece:
    size = DATASETS[cell.dataset].train_size
    batch = min(batch_size, size)
    flops = 3 * batch * forward_flops(cell.model, cell.dataset)
    seconds = step_overhead(device) + flops / (0.5 * matrix_rate(device, precision))
    steps = epochs * math.ceil(size / batch)
    return Piece(name, epochs, epochs * size, steps * seconds)


def duration(seconds: float) -> str:
    """A rough duration for people."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


@cache
def forward_flops(model: str, dataset: str) -> float:
    """Operations of one image's forward pass (a multiplication and an addition are two).

    Those of the prunable layers, which is all but a transformer's products of activations. torch's
    own counter would take longer to import than many a cell to run.
    """
    facts = DATASETS[dataset]
    network = build(model, facts.shape, facts.classes, 0)
    images = 2
    layers = [network.module.get_submodule(name) for name in network.layout.layer_names]
    with torch.no_grad():
        calls, _ = network.calls(layers, torch.zeros(images, *facts.shape))
    # Every weight is used once per output position, and there are as many of each channel.
    weights = ((output, layer.get_parameter("weight")) for layer, output in calls)
    return 2 * sum(out.numel() / len(w) * w.numel() for out, w in weights) / images


# Operations per second by the data sheet of an H100 or H200, for a GPU that is not here.
PLANNED_RATE = {"bfloat16": 989e12, "float32": 67e12}


@cache
def matrix_rate(device: torch.device, precision: Precision) -> float:
    """Measured operations per second of a large matrix product; see PLANNED_RATE."""
    if device.type == "cuda" and not torch.cuda.is_available():
        return PLANNED_RATE[precision]
    n = 1024 if device.type == "cpu" else 4096
    a = torch.randn(n, n, device=device, dtype=getattr(torch, precision))
    (a @ a).sum().item()
    start, rounds = time.perf_counter(), 4
    for _ in range(rounds):
        b = a @ a
    b.sum().item()
    return float(2 * n**3 * rounds) / (time.perf_counter() - start)


def step_overhead(device: torch.device) -> float:
    """Seconds of a step that do not shrink with the work, as seen on small networks."""
    return 0.006 if device.type == "cpu" else 0.004
