"""Concrete Ticket Search (CTS, Algorithm 3): lines 2 to 8, the search for a mask near the start."""

from functools import partial

import torch

import lottery.search.objectives  # noqa: F401  (registers them)
from lottery.core.errors import check_name
from lottery.core.mask import Mask, kept_count
from lottery.core.network import Network
from lottery.core.result import Result
from lottery.data.batches import Data
from lottery.search.gates import drop_at, plan_share, search_epochs, search_gates
from lottery.search.pressures import GradBalance, Lagrange, Pressure
from lottery.search.registry import method, objectives
from lottery.search.relaxations import Concrete
from lottery.training.runner import Runner


@method("cts", plan=plan_share)
def cts(
    network: Network,
    data: Data,
    density: float,
    generator: torch.Generator,
    *,
    runner: Runner,
    objective: str = "kl",
    gradient_step: str = "gradbalance",
    search: str = "full",
    tau: float = 2 / 3,
    noise_alone: bool = False,
    eta: float = 0.99,
    slack: float = 1.1,
    lr: float = 0.1,
    lagrange_lr: float = 0.01,
) -> Result:
    """Search a ticket of a given density by gradient descent on concrete gates.

    Args:
        network: f at theta_k; its weights are not changed.
        density: kappa, in (0, 1].
        objective: R, a registered objective.
        gradient_step: "gradbalance" (Algorithm 2) or "lagrange" (Algorithm 1).
        search: "full", "half" or "quick": as many epochs as training, 1/2 or 1/8 of them, rounded.
        tau: temperature of the gates, not annealed (Section IV-D).
        noise_alone: whether tau divides the noise alone, as in the authors' code, and not the logit
            with it (Eq. 8). It changes results: docs/reproduction.md.
        eta: smoothing of GradBalance's lambda; Lagrange has none.
        slack: kappa_eff / kappa, how much denser GradBalance's constraint is than the ticket.
        lagrange_lr: step size of Lagrange's lambda, which the paper tunes and does not print.
        lr: Adam's learning rate, divided by 10 at 90% of the search (Section V-A).

    Returns:
        The mask of the most probable weights (Eq. 5); the scores are the gates' logits.

    Raises:
        UnknownName: an objective, gradient step or search length that does not exist.
        BadInput: a density that is none, or that keeps no weight.
    """
    kept_count(density, network.layout.total)
    check_name("gradient step", gradient_step, ["gradbalance", "lagrange"])
    pressure: Pressure = GradBalance.to(density, network.device, slack=slack, eta=eta)
    if gradient_step == "lagrange":
        pressure = Lagrange(density, network.device, lr=lagrange_lr)
    epochs = search_epochs(runner.recipe.epochs, search)
    # alpha starts at kappa (Section IV-B), kept finite at density 1.
    logit = torch.logit(torch.tensor(density), eps=1e-6).item()
    logits, log = search_gates(
        network,
        data,
        Concrete(tau, noise_alone),
        pressure,
        objectives[objective],
        start=torch.full_like(network.weights, logit),
        optimiser=partial(torch.optim.Adam, lr=lr),
        schedule=drop_at(0.9),
        epochs=epochs,
        batch_size=runner.recipe.batch_size,
        generator=generator,
        runner=runner,
    )
    return Result(Mask.top(network.layout, logits, density), scores=logits, log=log)
