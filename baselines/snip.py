"""SNIP (Lee, Ajanthan & Torr 2019): single-shot pruning by connection sensitivity."""

from typing import Any

import torch
from torch import Tensor

from lottery.core.network import Network
from lottery.core.outputs import Inputs
from lottery.core.result import Result
from lottery.data.batches import Data
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
    x, y = data.balanced(samples_per_class, generator)

    def score(gates: Tensor) -> Tensor:
        return sensitivity(network, gates.to(network.weights).mul_(network.weights), x, y)

    return prune_in_rounds(network, density, rounds, score)


def sensitivity(network: Network, gated: Tensor, x: Inputs, y: Any) -> Tensor:
    """|dL / dm| = |theta * dL / d(theta m)|, shape (d,), from the gated weights theta m.

    The scores are written over the gated weights, layer by layer while the backward pass goes on:
    a large network needs one more vector beside its own, not four.
    """
    unused = network.layout.views(gated)
    layers: dict[str, Tensor] = {}
    for name, view in list(unused.items()):

        @torch.no_grad()
        def finish(layer: Tensor, name: str = name) -> None:
            assert layer.grad is not None
            unused.pop(name).copy_(layer.grad)
            layer.grad = None

        # .data: a version counter of its own, as a layer is overwritten before others are through.
        layers[name] = view.data.requires_grad_()
        layers[name].register_post_accumulate_grad_hook(finish)  # type: ignore[no-untyped-call]
    value = network.task_loss(network.run(x, layers, network.rest), y)
    value.backward()  # type: ignore[no-untyped-call]
    for view in unused.values():
        view.zero_()
    return gated.mul_(network.weights).abs_()
