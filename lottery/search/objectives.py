"""Objectives R of CTS (Section IV-C): what a ticket is searched to minimise.

Each takes a network, gates of shape (d,), and a batch; it returns a scalar that can be
differentiated by the gates.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from lottery.core.network import Gates, Network
from lottery.core.outputs import Inputs
from lottery.search.registry import objective, objectives


@dataclass
class Batch:
    """Images x and labels y, or whatever a network takes and its loss compares with; and what the
    dense network makes of them, the one that gates lie over.

    That is outside the graph, and worked out once, when it is first asked for: a batch may serve
    several objectives, or several rounds.
    """

    dense: Network
    x: Inputs
    y: Any

    @cached_property
    @torch.no_grad()
    def dense_logits(self) -> Tensor:
        """Shape (n, classes)."""
        return self.dense(self.x)

    @cached_property
    @torch.no_grad()
    def dense_activations(self) -> list[Tensor]:
        """See `Network.activations`."""
        return self.dense.activations(self.x)

    @cached_property
    def dense_gradient(self) -> Tensor:
        """The task loss's gradient by the prunable weights, shape (d,)."""
        return gradients(self.dense, torch.ones_like(self.dense.weights), self)[0]


@objective("loss")
def loss(network: Network, gates: Gates, batch: Batch) -> Tensor:
    """The task loss of the gated network."""
    return network.task_loss(network(batch.x, gates), batch.y)


@objective("delta_loss")
def delta_loss(network: Network, gates: Tensor, batch: Batch) -> Tensor:
    """|loss / dense loss - 1|."""
    dense = network.task_loss(batch.dense_logits, batch.y)
    change: Tensor = loss(network, gates, batch) / dense - 1
    return change.abs()


@objective("grad_norm")
def grad_norm(network: Network, gates: Tensor, batch: Batch) -> Tensor:
    """Minus the norm of the loss's gradient by all parameters, norms and biases included."""
    norm: Tensor = torch.linalg.vector_norm(torch.cat(gradients(network, gates, batch)))
    return -norm


@objective("kl")
def kl(network: Network, gates: Tensor, batch: Batch) -> Tensor:
    """Reverse KL: D(gated network || dense network) of the output distributions, batch mean."""
    dense = F.log_softmax(batch.dense_logits, dim=1)
    gated = F.log_softmax(network(batch.x, gates), dim=1)
    # kl_div(input, target) is D(target || input).
    return F.kl_div(dense, gated, reduction="batchmean", log_target=True)


@objective("feature")
def feature(network: Network, gates: Tensor, batch: Batch) -> Tensor:
    """Mean squared distance between activations, those of each image normalised by themselves;
    averaged over the activation layers and the softmax."""
    pairs = zip(network.activations(batch.x, gates), batch.dense_activations, strict=True)
    distances = [
        F.mse_loss(_normalised(gated.flatten(1)), _normalised(dense.flatten(1)))
        for gated, dense in pairs
    ]
    return torch.stack(distances).mean()


@objective("grad_match")
def grad_match(network: Network, gates: Tensor, batch: Batch) -> Tensor:
    """Mean over the prunable layers of the squared distance between normalised gradients."""
    dense, gated = batch.dense_gradient, gradients(network, gates, batch)[0]
    distances = [
        F.mse_loss(_normalised(gated[entry.span]), _normalised(dense[entry.span]))
        for entry in network.layout.entries
    ]
    return torch.stack(distances).mean()


def measure(
    network: Network, gates: Tensor, batches: Iterable[tuple[Tensor, Tensor]]
) -> dict[str, float]:
    """Every objective's mean over batches, at gates of shape (d,), by name (CTS Figs. 7 and 8).

    `feature` is a sum over layers here, as the paper plots it; a search takes the mean.
    """
    functions = {name: objectives[name] for name in objectives.names()}
    values = []
    for batch in (Batch(network, x, y) for x, y in batches):
        row = {name: f(network, gates, batch).detach() for name, f in functions.items()}
        row["feature"] *= len(batch.dense_activations)
        values.append(torch.stack(list(row.values())))
    means = torch.stack(values).mean(0).tolist()
    return dict(zip(functions, means, strict=True))


def gradients(network: Network, gates: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
    """Gradient of the task loss by the prunable weights under the gates, shape (d,), and by the
    other parameters.

    It can be differentiated again where the gates can. Fused attention has no second derivative, so
    attention runs in its plain form.
    """
    weights = network.weights.detach().clone().requires_grad_()
    rest = network.rest.detach().clone().requires_grad_()
    with sdpa_kernel(SDPBackend.MATH):
        value = network.task_loss(network.run(batch.x, weights * gates, rest), batch.y)
        by_weights, by_rest = torch.autograd.grad(
            value, (weights, rest), create_graph=gates.requires_grad, materialize_grads=True
        )
    return by_weights, by_rest


def _normalised(x: Tensor) -> Tensor:
    """(X - E X) / sqrt(Var X) along the last dimension, Var unbiased; a constant stays at zero."""
    x = x.to(torch.promote_types(x.dtype, torch.float32))
    centred = x - x.mean(-1, keepdim=True)
    freedom = max(x.shape[-1] - 1, 1)
    variance = centred.square().sum(-1, keepdim=True) / freedom
    return centred / variance.clamp_min(1e-18).sqrt()
