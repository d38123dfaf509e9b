"""Objectives R of CTS (Section IV-C): what a ticket is searched to minimise.

Each takes a network, gates of shape (d,), and a batch x, y; it returns a scalar that can be
differentiated by the gates. The dense pass is outside the graph.
"""

from collections.abc import Iterable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from lottery.network import Gates, Network
from lottery.registry import objective, objectives


@objective("loss")
def loss(network: Network, gates: Gates, x: Tensor, y: Tensor) -> Tensor:
    """The task loss of the gated network."""
    return F.cross_entropy(network(x, gates), y)


@objective("delta_loss")
def delta_loss(network: Network, gates: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """|loss / dense loss - 1|."""
    with torch.no_grad():
        dense = F.cross_entropy(network(x), y)
    change: Tensor = F.cross_entropy(network(x, gates), y) / dense - 1
    return change.abs()


@objective("grad_norm")
def grad_norm(network: Network, gates: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Minus the norm of the loss's gradient by the prunable weights."""
    norm: Tensor = torch.linalg.vector_norm(weight_gradient(network, gates, x, y))
    return -norm


@objective("kl")
def kl(network: Network, gates: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Reverse KL: D(gated network || dense network) of the output distributions, batch mean."""
    with torch.no_grad():
        dense = F.log_softmax(network(x), dim=1)
    gated = F.log_softmax(network(x, gates), dim=1)
    # kl_div(input, target) is D(target || input).
    return F.kl_div(dense, gated, reduction="batchmean", log_target=True)


@objective("feature")
def feature(network: Network, gates: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Mean over the prunable layers of the squared distance between normalised outputs."""
    with torch.no_grad():
        dense = network.features(x)
    return _layer_distance(network.features(x, gates), dense)


@objective("grad_match")
def grad_match(network: Network, gates: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Mean over the prunable layers of the squared distance between normalised gradients."""
    dense = weight_gradient(network, torch.ones_like(gates), x, y).detach()
    gated = weight_gradient(network, gates, x, y)
    spans = [entry.span for entry in network.layout.entries]
    return _layer_distance([gated[s] for s in spans], [dense[s] for s in spans])


def measure(
    network: Network, gates: Tensor, batches: Iterable[tuple[Tensor, Tensor]]
) -> dict[str, float]:
    """Every objective's mean over batches, at gates of shape (d,), by name (CTS Figs. 7 and 8)."""
    functions = {name: objectives[name] for name in objectives.names()}
    values = [[f(network, gates, x, y).detach() for f in functions.values()] for x, y in batches]
    means = torch.stack([torch.stack(row) for row in values]).mean(0).tolist()
    return dict(zip(functions, means, strict=True))


def weight_gradient(network: Network, gates: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Gradient of the task loss by the prunable weights under the gates, shape (d,).

    It can be differentiated again. Fused attention has no second derivative, so attention runs in
    its plain form.
    """
    weights = network.weights.detach().clone().requires_grad_()
    with sdpa_kernel(SDPBackend.MATH):
        value = F.cross_entropy(network.run(x, weights * gates, network.rest), y)
        (gradient,) = torch.autograd.grad(value, weights, create_graph=True)
    return gradient


def _layer_distance(gated: Sequence[Tensor], dense: Sequence[Tensor]) -> Tensor:
    pairs = zip(gated, dense, strict=True)
    return torch.stack([F.mse_loss(_normalised(g), _normalised(d)) for g, d in pairs]).mean()


def _normalised(x: Tensor) -> Tensor:
    """N(X) = (X - E X) / sqrt(Var X), over all elements; a constant stays at zero."""
    x = x.to(torch.promote_types(x.dtype, torch.float32))
    centred = x - x.mean()
    return centred / centred.square().mean().clamp_min(1e-24).sqrt()
