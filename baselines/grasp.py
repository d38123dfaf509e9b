"""GraSP (Wang, Zhang & Grosse 2020): pruning that preserves gradient flow."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from lottery.core.errors import check_name
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
    criterion: str = "signed",
    rounds: int = 1,
) -> Result:
    """Score weights by -theta * Hg and remove the highest (Section 4, Eq. 8 and Algorithm 2).

    H is the Hessian and g the gradient of the loss by the prunable weights, on one batch; BatchNorm
    is in training mode, as in the authors' code. Their code adds the products of several smaller
    batches up; here the batch is one.

    Args:
        samples_per_class: images of each class in the batch.
        temperature: the logits are divided by it.
        criterion: "signed" as published. "magnitude": keep the highest |theta * Hg| ("Pruning
            neural networks at initialization: why are we missing the mark?", Frankle et al. 2021,
            Section 5). "cts_code": what the CTS authors' code computes and their Table I appears to
            print: the highest theta * |Hg|, so that large positive weights are kept, with H taken
            on images that were normalised twice.
        rounds: 1 as the paper.

    Raises:
        UnknownName: another criterion.
        BadInput: an invalid density, or one that keeps no weight.
        ValueError: a class with too few images, or scores that are not finite.
    """
    check_name("criterion", criterion, CRITERIA)
    x, y = data.balanced(samples_per_class, generator)
    curved = data.normalised_again(x) if criterion == "cts_code" else x

    def score(gates: Tensor) -> Tensor:
        theta = (network.weights * gates).requires_grad_()
        product = hessian_gradient(network, theta, (curved, x), y, temperature)
        return CRITERIA[criterion](theta.detach(), product)

    return prune_in_rounds(network, density, rounds, score)


# From theta and Hg, each of shape (d,), to scores; -(-theta * Hg), as the highest of that go first.
CRITERIA: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "signed": lambda theta, product: theta * product,
    "magnitude": lambda theta, product: (theta * product).abs(),
    "cts_code": lambda theta, product: theta * product.abs(),
}


def hessian_gradient(
    network: Network, theta: Tensor, images: tuple[Tensor, Tensor], y: Tensor, temperature: float
) -> Tensor:
    """Hg of the loss at the prunable weights theta, shape (d,), by double backward.

    Args:
        images: those that H is taken on and those that g is, mostly the same.
    """

    def gradient(x: Tensor, *, graph: bool) -> Tensor:
        logits = network.run(x, theta, network.rest) / temperature
        value = network.task_loss(logits, y)
        return torch.autograd.grad(value, theta, create_graph=graph)[0]

    curved, plain = images
    with sdpa_kernel(SDPBackend.MATH):  # fused attention has no second derivative
        differentiable = gradient(curved, graph=True)
        g = differentiable.detach() if plain is curved else gradient(plain, graph=False)
        (product,) = torch.autograd.grad(differentiable, theta, g)
    return product
