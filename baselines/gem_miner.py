"""Gem-Miner (Sreenivasan et al. 2022, "Rare gems"): rounded scores, frozen step by step."""

from functools import partial
from typing import Any

import torch
from torch import Tensor

from lottery.core.mask import Mask, kept_count
from lottery.core.network import Network
from lottery.core.randomness import child
from lottery.core.result import Result
from lottery.data.batches import Data
from lottery.search.gates import cosine, plan_epochs, search_gates
from lottery.search.objectives import loss
from lottery.search.registry import method
from lottery.search.relaxations import StraightThroughRounding
from lottery.training.runner import Runner


@method("gem_miner", pruned_at="init", plan=plan_epochs)
def gem_miner(
    network: Network,
    data: Data,
    density: float,
    generator: torch.Generator,
    *,
    runner: Runner,
    lam: float = 1e-4,
    lr: float = 0.1,
    momentum: float = 0.9,
    epochs: int = 150,
    freeze_every: int = 5,
    batch_size: int = 128,
) -> Result:
    """Learn scores in [0, 1] whose rounding is the mask; freeze the lowest at zero (Algorithm 1).

    Every step projects the scores to [0, 1]. Freezing j of n leaves density^(j / n) of the weights;
    as in the authors' code each comes one epoch after a multiple of `freeze_every`, so that 150
    epochs have 29 freezings and end with four epochs of search. The search sees augmented images,
    as there. The paper tunes lambda and the rate for every density; these are its values at 1.44%.

    Args:
        lam: of the penalty lam * |scores|^2.
        lr, momentum, epochs, batch_size: of SGD with a cosine schedule.
        freeze_every: epochs between freezings.

    Returns:
        As scores the order of freezing: 2 e + score, where e is the last epoch at whose freezing
        the weight was still alive.

    Raises:
        BadInput: an invalid density, or one that keeps no weight.
    """
    kept_count(density, network.layout.total)
    alive = torch.ones_like(network.weights)
    order = torch.zeros_like(alive, dtype=torch.float64)
    layout = network.layout
    start = torch.rand(layout.total, generator=child(generator, "scores", device="cpu"))

    freezings = max(1, (epochs - 1) // freeze_every)

    def after_epoch(scores: Tensor, epoch: int) -> None:
        number, early = divmod(epoch - 1, freeze_every)
        # A search shorter than that freezes once, at its end.
        if (0 < number <= freezings and not early) or (epochs <= freeze_every and epoch == epochs):
            within = Mask(layout, alive.bool())
            order[within.keep] = 2 * epoch + scores[within.keep].double()
            share = max(number, 1) / freezings
            alive.copy_(Mask.top(layout, scores, density**share, within).keep)

    _, log = search_gates(
        network,
        data,
        StraightThroughRounding(alive),
        None,
        loss,
        start=start.to(network.device),
        # weight_decay adds its value times the score to the gradient; lam * score^2 adds 2 lam.
        optimiser=partial(projected_sgd, lr=lr, momentum=momentum, weight_decay=2 * lam),
        schedule=cosine,
        epochs=epochs,
        batch_size=batch_size,
        generator=generator,
        runner=runner,
        augment=True,
        after_epoch=after_epoch,
        alive=alive,
        order=order,
    )
    return Result(Mask(layout, alive.bool()), scores=order, log=log)


def projected_sgd(parameters: list[Tensor], **options: Any) -> torch.optim.Optimizer:
    """SGD that brings the parameters back to [0, 1] after every step."""
    optimiser = torch.optim.SGD(parameters, **options)

    def project(*_: object) -> None:
        for parameter in parameters:
            parameter.detach().clamp_(0, 1)

    optimiser.register_step_post_hook(project)
    return optimiser
