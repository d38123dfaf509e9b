"""SNIP (Lee, Ajanthan & Torr 2019): single-shot pruning by connection sensitivity."""

import torch
from torch import Tensor

from lottery.core.network import Network
from lottery.core.result import Result
from lottery.data.batches import Data
from lottery.search.objectives import Batch, loss
from lottery.search.registry import method
from lottery.search.rounds import prune_in_rounds


@method("snip", pruned_at="init")
def snip(
    network: Network,
    data: Data,
    density: float,
    generator: torch.Generator,
    *,
    samples_per_class: int = 10,
    rounds: int = 1,
) -> Result:
    """Keep the weights with the highest |dL / dm| at a mask m of ones (Section 4.1, Eqs. 4 to 6).

    One batch, no augmentation. The paper draws 100 images on MNIST and 128 on CIFAR-10; later work
    takes 10 a class, the default here. The paper's division by the sum changes no order.

    Args:
        samples_per_class: images of each class in the batch.
        rounds: 1 as the paper; more prune step by step (de Jorge et al. 2021, iterative SNIP).

    Raises:
        BadInput: an invalid density, or one that keeps no weight.
        ValueError: a class with too few images, or scores that are not finite.
    """
    batch = Batch(network, *data.balanced(samples_per_class, generator))

    def score(gates: Tensor) -> Tensor:
        gates = gates.requires_grad_()
        (gradient,) = torch.autograd.grad(loss(network, gates, batch), gates)
        return gradient.abs()

    return prune_in_rounds(network, density, rounds, score)
