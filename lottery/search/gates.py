"""The gate search: a relaxation, a sparsity pressure and an objective over frozen weights."""

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor

from lottery.core.errors import check_name
from lottery.core.layer_gates import LayerGates
from lottery.core.network import Network
from lottery.core.randomness import derive
from lottery.core.result import Log
from lottery.data.batches import Data, mean_over_parts
from lottery.search.objectives import Batch
from lottery.search.pressures import Pressure
from lottery.search.relaxations import Relaxation
from lottery.training.cuda_graphs import captured, set_lr
from lottery.training.loop import Resumable
from lottery.training.recipe import Recipe
from lottery.training.runner import Runner

Objective = Callable[[Network, Any, Batch], Tensor]
COLUMNS = ("objective", "expected_density", "density", "strength")
JUDGED = ("accuracy", "accuracy_soft_gates")


def search_gates(
    network: Network,
    data: Data,
    relaxation: Relaxation,
    pressure: Pressure | None,
    objective: Objective,
    start: Tensor,
    optimiser: Callable[[list[Tensor]], torch.optim.Optimizer],
    schedule: Callable[[float], float],
    *,
    epochs: int,
    batch_size: int,
    generator: torch.Generator,
    runner: Runner,
    replicas: int = 1,
    augment: bool = False,
    layer_gates: LayerGates | None = None,
    after_epoch: Callable[[Tensor, int], None] | None = None,
    **more_state: Tensor,
) -> tuple[Tensor, Log]:
    """Learn one gate parameter per weight; the weights under the gates never change.

    Args:
        pressure: None where the relaxation fixes the density itself.
        start: the gate parameter's initial value, shape (d,).
        optimiser: makes the optimiser of the gate parameter, at its full learning rate.
        schedule: factor on that learning rate, by fraction of the search in [0, 1).
        epochs, batch_size: passes over the data.
        generator: parent of the data order and of the gate noise.
        runner: runs the loop, and judges the gates after each epoch if it has a judge.
        replicas: equal parts of a batch, each with gate noise and BatchNorm statistics of its own.
        augment: whether images are augmented as in training; in CTS they are not (Section IV-D).
        layer_gates: draw gates into these, with less memory, where the relaxation allows it.
        after_epoch: called with the gate parameter, which it may change in place, and the number
            of epochs done.
        more_state: tensors that `after_epoch` changes in place; they are kept with the loop.

    Returns:
        The gate parameter, shape (d,), and the log.
    """
    parameter = start.clone(memory_format=torch.contiguous_format).requires_grad_()
    steps = optimiser([parameter])
    full_lr = steps.param_groups[0]["lr"]
    stream = data.stream(batch_size, generator, augment=augment)
    total = epochs * stream.steps_per_epoch
    entries = network.layout.entries
    columns = COLUMNS + (JUDGED if runner.judge else ())
    log = torch.zeros(epochs, len(columns) + len(entries), device=network.device)
    strength = torch.zeros((), device=network.device) if pressure is None else pressure.strength
    noise = torch.Generator(network.device)

    def part_gradient(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The objective's gradient on one part under gates of its own, its norm, and its value."""
        batch = Batch(network, x, y)
        if layer_gates:
            drawn = layer_gates.draw(partial(relaxation.fill, generator=noise), parameter)
            value = objective(network, drawn, batch)
            gradient = layer_gates.gradient(value)
        else:
            value = objective(network, relaxation.sample(parameter, noise), batch)
            (gradient,) = torch.autograd.grad(value, parameter)
        return gradient, gradient.norm(), value.detach()

    def learn(x: Tensor, y: Tensor) -> Tensor:
        gradient, norm, value = mean_over_parts(part_gradient, x, y, replicas)
        if pressure:
            pressure.add_to(gradient, relaxation, parameter.detach(), norm)
        parameter.grad = gradient
        steps.step()
        return value

    learn_from = captured(learn, steps, noise)

    def step(i: int) -> None:
        # Noise by step number, so that a resumed search draws what it would have drawn.
        noise.manual_seed(derive(generator.initial_seed(), "gate noise", i))
        factor = schedule(i / total)
        set_lr(steps, full_lr * factor)
        if pressure:
            pressure.set_rate(factor)
        epoch, position = divmod(i, stream.steps_per_epoch)
        log[epoch, 0] += learn_from(*stream[i]) / stream.steps_per_epoch
        if position == stream.steps_per_epoch - 1:
            finish(epoch)

    def finish(epoch: int) -> None:
        if after_epoch:
            after_epoch(parameter.detach(), epoch + 1)
        gates = parameter.detach()
        expected, opened = torch.zeros_like(strength), torch.empty_like(gates, dtype=torch.bool)
        for part in [e.span for e in entries] if layer_gates else [slice(None)]:
            keep, _ = relaxation.keep(gates[part])
            expected += keep.sum() / len(gates)
            torch.gt(keep, 0.5, out=opened[part])
        kept = torch.stack([opened[e.span].sum() for e in entries])  # a sum copies what it adds up
        values = [expected, kept.sum() / len(gates), strength]
        if runner.judge:
            values += runner.judge(network, opened.float(), relaxation.mean_gate(gates))
        log[epoch, 1:] = torch.cat([torch.stack(values), kept])

    mine = {"parameter": parameter, "strength": strength, "log": log}
    state = Resumable(steps, **mine, **more_state)
    runner.loop("search", range(total), step, state)
    rows = [dict(zip(columns, row, strict=False)) for row in log.tolist()]
    for row, counts in zip(rows, log[:, len(columns) :].long().tolist(), strict=True):
        row["kept"] = counts
    return parameter.detach(), rows


def drop_after(share: float, epochs: int, factor: float = 0.1) -> Callable[[float], float]:
    """A schedule: 1, then `factor` once int(share * epochs) - 1 epochs are done, at least one.

    So the CTS authors' code drops the rate: a share of 0.88 of 160 epochs is after 139 of them, and
    of 20 after 16. A share of 1 never drops it.
    """
    first = max(1, int(share * epochs) - 1) if share < 1 else epochs
    return lambda progress: factor if progress >= first / epochs else 1.0


def constant(progress: float) -> float:
    """A schedule: 1 throughout."""
    return 1.0


def cosine(progress: float) -> float:
    """A schedule: half a cosine from 1 to 0."""
    return 0.5 * (1 + math.cos(math.pi * progress))


def plan_epochs(
    recipe: Recipe, start: float, density: float | None, options: Mapping[str, Any]
) -> dict[str, float]:
    """The plan of a search whose option `epochs` is its length."""
    return {f"search {options} {density}": options["epochs"]}


SEARCHES = {"full": 1.0, "half": 0.5, "quick": 0.125}


def search_epochs(training_epochs: int, search: str) -> int:
    """Epochs of a search: as many as training's, 1/2 or 1/8 of them, rounded; at least one.

    Raises:
        UnknownName: none of "full", "half", "quick".
    """
    check_name("search", search, list(SEARCHES))
    return max(1, round(SEARCHES[search] * training_epochs))


def plan_share(
    recipe: Recipe, start: float, density: float | None, options: Mapping[str, Any]
) -> dict[str, float]:
    """The plan of a search whose option `search` is its length, as a share of training's."""
    return {f"search {options} {density}": search_epochs(recipe.epochs, options["search"])}
