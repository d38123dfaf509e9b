"""Objectives R of CTS (Section IV-C): what a ticket is searched to minimise.

Each takes a network, gates of shape (d,), and a batch; it returns a scalar that can be
differentiated by the gates.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from lottery.core.network import Gates, Network
from lottery.search.registry import objective, objectives


@dataclass
class Batch:
    """Images x and labels y, and what the dense network makes of them: the one that gates lie over.

    That is outside the graph, and worked out once, when it is first asked for: a batch may serve
    several objectives, or several rounds.
    """

    dense: Network
    x: Tensor
    y: Tensor

    @cached_property
    @torch.no_grad()
    def dense_logits(self) -> Tensor:
        """Shape (n, classes)."""
        return self.dense(self.x)

    @cached_property
    @torch.no_grad()
    def dense_features(self) -> list[Tensor]:
        """The outputs of the prunable layers."""
        return self.dense.features(self.x)

    @cached_property
    def dense_gradient(self) -> Tensor:
        """The task loss's gradient by the prunable weights, shape (d,)."""
        return weight_gradient(self.dense, torch.ones_like(self.dense.weights), self)


@objective("loss")
def loss(network: Network, gates: Gates, batch: Batch) -> Tensor:
    """The task loss of the gated network."""
    return F.cross_entropy(network(batch.x, gates), batch.y)


@objective("delta_loss")
def delta_loss(network: Network, gates: Tensor, batch: Batch) -> Tensor:
    """|loss / dense loss - 1|."""
    dense = F.cross_entropy(batch.dense_logits, batch.y)
    change: Tensor = loss(network, gates, batch) / dense - 1
    return change.abs()


@objective("grad_norm")
def grad_norm(network: Network, gates: Tensor, batch: Batch) -> Tensor:
    """Minus the norm of the loss's gradient by the prunable weights."""
    norm: Tensor = torch.linalg.vector_norm(weight_gradient(network, gates, batch))
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
    """Mean over the prunable layers of the squared distance between normalised outputs."""
    dense = batch.dense_features
    return _layer_distance(network.features(batch.x, gates), dense)


@objective("grad_match")
def grad_match(network: Network, gates: Tensor, batch: Batch) -> Tensor:
    """Mean over the prunable layers of the squared distance between normalised gradients."""
    dense, gated = batch.dense_gradient, weight_gradient(network, gates, batch)
    spans = [entry.span for entry in network.layout.entries]
    return _layer_distance([gated[s] for s in spans], [dense[s] for s in spans])


def measure(
    network: Network, gates: Tensor, batches: Iterable[tuple[Tensor, Tensor]]
) -> dict[str, float]:
    """Every objective's mean over batches, at gates of shape (d,), by name (CTS Figs. 7 and 8)."""
    functions = {name: objectives[name] for name in objectives.names()}
    values = [
        [f(network, gates, batch).detach() for f in functions.values()]
        for batch in (Batch(network, x, y) for x, y in batches)
    ]
    means = torch.stack([torch.stack(row) for row in values]).mean(0).tolist()
    return dict(zip(functions, means, strict=True))


def weight_gradient(network: Network, gates: Tensor, batch: Batch) -> Tensor:
    """Gradient of the task loss by the prunable weights under the gates, shape (d,).

    It can be differentiated again where the gates can. Fused attention has no second derivative, so
    attention runs in its plain form.
    """
    weights = network.weights.detach().clone().requires_grad_()
    with sdpa_kernel(SDPBackend.MATH):
        value = F.cross_entropy(network.run(batch.x, weights * gates, network.rest), batch.y)
        (gradient,) = torch.autograd.grad(value, weights, create_graph=gates.requires_grad)
    return gradient


def _layer_distance(gated: Sequence[Tensor], dense: Sequence[Tensor]) -> Tensor:
    pairs = zip(gated, dense, strict=True)
    return torch.stack([F.mse_loss(_normalised(g), _normalised(d)) for g, d in pairs]).mean()


def _normalised(x: Tensor) -> Tensor:
    """N(X) = (X - E X) / sqrt(Var X), over all elements; a constant stays at zero."""
    x = x.to(torch.promote_types(x.dtype, torch.float32))
    centred = x - x.mean()
    return centred / centred.square().mean().clamp_min(1e-24).sqrt()
