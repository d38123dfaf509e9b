"""Saliency of any CTS objective: the first-order counterpart of a search (CTS Section V-E)."""

import torch
from torch import Tensor

from lottery.core.network import Network
from lottery.core.randomness import child
from lottery.core.result import Result
from lottery.data.batches import Data
from lottery.search.objectives import Batch
from lottery.search.registry import method, objectives
from lottery.search.rounds import prune_in_rounds


@method("saliency")
def saliency(
    network: Network,
    data: Data,
    density: float,
    generator: torch.Generator,
    *,
    objective: str = "kl",
    samples_per_class: int = 10,
    sigma: float = 0.06,
    rounds: int = 1,
) -> Result:
    """Keep the weights with the highest |dR / ds| at a noisy overlay s = 1 + N(0, sigma^2).

    Where R compares the gated network with the dense one, its gradient at s = 1 is zero, so the
    paper disturbs the overlay; `loss` and `grad_norm` have a gradient there and no noise is added.

    Args:
        objective: R, a registered objective.
        samples_per_class: images of each class in the batch.
        sigma: of the overlay's noise.
        rounds: 1 as the paper.

    Raises:
        UnknownName: no such objective.
        BadInput: an invalid density, or one that keeps no weight.
        ValueError: a class with too few images, or scores that are not finite.
    """
    objective_of = objectives[objective]
    batch = Batch(network, *data.balanced(samples_per_class, generator))
    noise = torch.zeros_like(network.weights)
    if objective not in ("loss", "grad_norm"):
        rng = child(generator, "overlay", device="cpu")
        noise = sigma * torch.randn(network.layout.total, generator=rng).to(network.device)

    def score(gates: Tensor) -> Tensor:
        overlay = (gates * (1 + noise)).requires_grad_()
        (gradient,) = torch.autograd.grad(objective_of(network, overlay, batch), overlay)
        return gradient.abs()

    return prune_in_rounds(network, density, rounds, score)
