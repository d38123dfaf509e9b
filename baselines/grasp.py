"""GraSP (Wang, Zhang & Grosse 2020): pruning that preserves gradient flow."""

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from lottery.core.network import Network
from lottery.core.result import Result
from lottery.data.batches import Data
from lottery.search.registry import method
from lottery.search.rounds import prune_in_rounds


@method("grasp", pruned_at="init")
def grasp(
    network: Network,
    data: Data,
    density: float,
    generator: torch.Generator,
    *,
    samples_per_class: int = 10,
    temperature: float = 200.0,
    magnitude: bool = False,
    rounds: int = 1,
) -> Result:
    """Score weights by -theta * Hg and remove the highest (Section 4, Eq. 8 and Algorithm 2).

    H is the Hessian and g the gradient of the loss by the prunable weights, on one batch; BatchNorm
    is in training mode, as in the authors' code. Their code adds the products of several smaller
    batches up; here the batch is one.

    Args:
        samples_per_class: images of each class in the batch.
        temperature: the logits are divided by it.
        magnitude: prune the lowest |theta * Hg| instead ("Pruning neural networks at
            initialization: why are we missing the mark?", Frankle et al. 2021, Section 5).
        rounds: 1 as the paper.

    Raises:
        BadInput: a density that is none, or that keeps no weight.
        ValueError: a class with too few images, or scores that are not finite.
    """
    x, y = data.balanced(samples_per_class, generator)

    def score(gates: Tensor) -> Tensor:
        theta = (network.weights * gates).requires_grad_()
        product = theta.detach() * hessian_gradient(network, theta, x, y, temperature)
        return product.abs() if magnitude else product  # the highest of -product go first

    return prune_in_rounds(network, density, rounds, score)


def hessian_gradient(
    network: Network, theta: Tensor, x: Tensor, y: Tensor, temperature: float
) -> Tensor:
    """Hg of the loss at the prunable weights theta, shape (d,), by double backward."""
    with sdpa_kernel(SDPBackend.MATH):  # fused attention has no second derivative
        logits = network.run(x, theta, network.rest) / temperature
        value = F.cross_entropy(logits, y)
        (gradient,) = torch.autograd.grad(value, theta, create_graph=True)
        (product,) = torch.autograd.grad(gradient, theta, gradient.detach())
    return product
