"""The running statistics of norms: taken out for a search, measured anew for a ticket.

A frozen network keeps none (CTS Section V-A): every batch is normalised by itself. A ticket that is
used as it is needs them, or what it says of one example depends on the others in the batch.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from lottery.core.network import Network
from lottery.core.outputs import Inputs

BUFFERS = ("running_mean", "running_var")


def tracking(module: nn.Module) -> dict[str, nn.Module]:
    """The norms that keep running statistics, by name."""
    layers = module.named_modules()
    return {name: layer for name, layer in layers if getattr(layer, "track_running_stats", False)}


def batch_norms(module: nn.Module) -> dict[str, nn.Module]:
    """The norms that normalise by the batch, whatever they keep, by name."""
    kind = nn.modules.batchnorm._BatchNorm
    return {name: layer for name, layer in module.named_modules() if isinstance(layer, kind)}


def take_out(norms: Iterable[Any]) -> None:
    """Let norms forget their running statistics: they normalise by the batch in every mode."""
    for norm in norms:
        norm.track_running_stats = False
        for buffer in (*BUFFERS, "num_batches_tracked"):
            setattr(norm, buffer, None)


def put_in(norms: Iterable[Any]) -> None:
    """Let norms keep running statistics, which are those of no data yet."""
    for norm in norms:
        size, place = norm.num_features, next(norm.parameters(), torch.empty(0))
        norm.track_running_stats = True
        norm.register_buffer("running_mean", place.new_zeros(size))
        norm.register_buffer("running_var", place.new_ones(size))
        norm.register_buffer("num_batches_tracked", torch.tensor(0, device=place.device))


def keep_statistics(module: nn.Module) -> nn.Module:
    """The module, its batch norms keeping running statistics, which are those of no data yet: so
    that an exported ticket's can be loaded into one of the suite's."""
    put_in(batch_norms(module).values())
    return module


@torch.no_grad()
def measured(
    network: Network, norms: Iterable[str], batches: Iterable[Inputs]
) -> dict[str, Tensor]:
    """The running statistics of a network's norms: means over batches, each weighing the same, of
    what training would average. Dropout is off.

    Returns:
        The buffers of all norms by their name, `<norm>.running_mean` and `<norm>.running_var`.
    """
    layers = {name: network.module.get_submodule(name) for name in norms}
    with _measuring(network.module, list(layers.values())):
        for i, x in enumerate(batches):
            for layer in layers.values():
                layer.momentum = 1 / (i + 1)  # type: ignore[assignment]
            network(x, training=False)
        return {
            f"{name}.{buffer}": getattr(layer, buffer).clone()
            for name, layer in layers.items()
            for buffer in BUFFERS
        }


@contextmanager
def _measuring(module: nn.Module, norms: list[Any]) -> Iterator[None]:
    """The module in evaluation mode, its norms alone in training, with statistics of their own."""
    training = module.training
    momenta: list[Any] = [norm.momentum for norm in norms]
    module.eval()
    put_in(norms)
    for norm in norms:
        norm.train()
    try:
        yield
    finally:
        take_out(norms)
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
        module.train(training)
