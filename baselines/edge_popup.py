"""Edge-popup (Ramanujan et al. 2020): strong tickets by straight-through scores."""

import math
from functools import partial

import torch
from torch import Tensor

from lottery.core.errors import check_name
from lottery.core.mask import kept_count
from lottery.core.network import Network
from lottery.core.randomness import child
from lottery.core.result import Result
from lottery.data.batches import Data
from lottery.search.gates import cosine, plan_epochs, search_gates
from lottery.search.objectives import loss
from lottery.search.registry import method
from lottery.search.relaxations import StraightThroughTopK
from lottery.training.runner import Runner


@method("edge_popup", strong=True, pruned_at="init", plan=plan_epochs)
def edge_popup(
    network: Network,
    data: Data,
    density: float,
    generator: torch.Generator,
    *,
    runner: Runner,
    scope: str = "layer",
    lr: float = 0.1,
    momentum: float = 0.9,
    weight_decay: float = 1e-4,
    epochs: int = 100,
    batch_size: int = 128,
) -> Result:
    """Learn a score per weight; every layer keeps its highest |score| (Section 3.2, Eq. 7).

    The search sees augmented images, as in the authors' code.

    Args:
        network: the frozen base network; the paper's best has signed-constant weights.
        density: fraction kept in every layer (its public code calls this "prune_rate").
        scope: "layer" as published, or "global" for one ranking of all weights.
        lr, momentum, weight_decay, epochs, batch_size: of SGD with a cosine schedule.

    Returns:
        As scores |score|, or where layers do not compete its rank in the layer, in [0, 1].

    Raises:
        BadInput: an invalid density, or one that keeps no weight.
        UnknownName: another scope.
    """
    layout = network.layout
    kept_count(density, layout.total)
    check_name("scope", scope, ["layer", "global"])
    # Scores start as the weights of a linear layer do in torch: uniform in +-1 / sqrt(fan_in).
    rng = child(generator, "scores", device="cpu")
    bounds = torch.cat(
        [torch.full((e.size,), 1 / math.sqrt(layout.fan_in(e.name))) for e in layout.entries]
    )
    start = (2 * torch.rand(layout.total, generator=rng) - 1) * bounds
    relaxation = StraightThroughTopK(layout, density, per_layer=scope == "layer")
    scores, log = search_gates(
        network,
        data,
        relaxation,
        None,
        loss,
        start=start.to(network.device),
        optimiser=partial(torch.optim.SGD, lr=lr, momentum=momentum, weight_decay=weight_decay),
        schedule=cosine,
        epochs=epochs,
        batch_size=batch_size,
        generator=generator,
        runner=runner,
        augment=True,
    )
    scores = scores.abs()
    mask = relaxation.mask(scores)
    if scope == "layer":
        scores = torch.cat([_ranked(scores[e.span]) for e in layout.entries])
    return Result(mask, scores=scores, log=log)


def _ranked(scores: Tensor) -> Tensor:
    """The ranks of a layer's scores, spread so that at any density as many are the lowest of all
    layers, or the highest, as the mask keeps of this one: its share, and at least one weight."""
    rank, last = scores.argsort().argsort(), len(scores) - 1
    return ((rank + 0.5) / len(scores)).where(rank < last, 1.0).where(rank > 0, 0.0)
