"""Continuous sparsification (Savarese, Silva & Maire 2020): gates that harden while learnt."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from lottery.core.errors import check_name
from lottery.core.mask import Mask, kept_count
from lottery.core.network import Network
from lottery.core.randomness import child
from lottery.core.result import Result
from lottery.data.batches import Data
from lottery.search.registry import method
from lottery.training.cuda_graphs import set_lr
from lottery.training.loop import Resumable
from lottery.training.recipe import Recipe
from lottery.training.runner import Runner


def plan(
    recipe: Recipe, start: float, density: float | None, options: Mapping[str, Any]
) -> dict[str, float]:
    """All rounds, which train the weights too."""
    return {"search": options["rounds"] * options["epochs"]}


@method("continuous_sparsification", plan=plan)
def continuous_sparsification(
    network: Network,
    data: Data,
    density: float,
    generator: torch.Generator,
    *,
    runner: Runner,
    use: str = "ticket",
    rewind: bool = False,
    s0: float = 0.0,
    lam: float = 1e-8,
    beta: float = 200.0,
    rounds: int = 3,
    epochs: int = 85,
    lr: float = 0.1,
    weight_decay: float = 1e-4,
    batch_size: int = 128,
) -> Result:
    """Train weights and gates sigmoid(beta s) / sigmoid(s0) together, beta growing from 1 to
    `beta` in every round (Section 4, Algorithm 1 for ticket search).

    Between rounds s <- min(beta s, s0), so what a round suppressed stays so; weights and momentum
    go on, as in Algorithm 1 and the authors' code. The mask is s > 0 as beta grows without bound;
    the suite compares at equal density, so the highest s are kept instead. In the paper s0 sets
    the density: higher is denser.

    Args:
        use: "ticket": the mask over the weights of `network`, which are trained afterwards;
            "pruning": the mask over the weights of the last round, judged as they are.
        rewind: whether the weights go back to where `network` is between rounds, and momentum
            starts anew.
        lam: lambda times the sum of the gates.
        rounds, epochs: rounds, and epochs of each.
        lr, weight_decay, batch_size: of SGD with Nesterov momentum 0.9, its rate divided by 10 at
            two thirds and five sixths of a round; s has no weight decay.

    Raises:
        UnknownName: another use.
        BadInput: an invalid density, or one that keeps no weight.
    """
    kept_count(density, network.layout.total)
    check_name("use", use, ["ticket", "pruning"])
    d = network.layout.total
    s = torch.full_like(network.weights, s0).requires_grad_()
    theta = torch.cat([network.weights, network.rest]).requires_grad_()
    begin = theta.detach().clone()
    groups: list[dict[str, Any]] = [
        {"params": [theta], "weight_decay": weight_decay},
        {"params": [s]},
    ]
    optimiser = torch.optim.SGD(groups, lr=lr, momentum=0.9, nesterov=True)
    stream = data.stream(batch_size, child(generator, "order"), augment=True)
    per_round = epochs * stream.steps_per_epoch

    @torch.no_grad()
    def between_rounds() -> None:
        s.copy_((beta * s).clamp_max(s0))
        if rewind:
            theta.copy_(begin)
            for parameter in (theta, s):
                optimiser.state[parameter]["momentum_buffer"].zero_()

    def step(i: int) -> None:
        progress = i % per_round / per_round
        if progress == 0 and i > 0:
            between_rounds()
        x, y = stream[i]
        gates = gate(s, beta**progress, s0)
        logits = network.run(x, theta[:d] * gates, theta[d:])
        value = network.task_loss(logits, y) + lam * gates.sum()
        theta.grad, s.grad = torch.autograd.grad(value, (theta, s))
        set_lr(optimiser, lr * 0.1 ** ((progress >= 2 / 3) + (progress >= 5 / 6)))
        optimiser.step()

    runner.loop("search", range(rounds * per_round), step, Resumable(optimiser, s=s, theta=theta))
    scores = s.detach()
    mask = Mask.top(network.layout, scores, density)
    if use == "ticket":
        return Result(mask, scores=scores)
    # Open gates end at 1 / sigmoid(s0), which the weights were trained with.
    opened = theta[:d] * mask.keep * gate(torch.ones_like(s), torch.inf, s0)
    return Result(mask, scores=scores, trained=network.at(opened, theta[d:]))


def gate(s: Tensor, hardness: float, s0: float) -> Tensor:
    """sigmoid(beta s) / sigmoid(s0), shape (d,): 1 at first, 0 or 1 / sigmoid(s0) in the end."""
    return torch.sigmoid(hardness * s) / torch.sigmoid(torch.tensor(s0, device=s.device))
