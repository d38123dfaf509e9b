"""Concrete Ticket Search (CTS, Algorithm 3): lines 2 to 8, the search for a mask near the start."""

from functools import partial

import torch

import lottery.search.objectives  # noqa: F401  (registers them)
from lottery.core.errors import check_name
from lottery.core.mask import Mask, kept_count
from lottery.core.network import Network
from lottery.core.result import Result
from lottery.data.batches import Data
from lottery.search.gates import drop_after, plan_share, search_epochs, search_gates
from lottery.search.pressures import GradBalance, Lagrange, Pressure
from lottery.search.registry import method, objectives
from lottery.search.relaxations import Concrete
from lottery.training.runner import Runner

# What the authors' code multiplies objective and constraint by, and the step of Lagrange's lambda
# in units of R + lambda S; an objective that is not here has those of `kl`.
SCALES = {"delta_loss": 1e4, "grad_norm": 1.0}
LAGRANGE_RATES = {"feature": 0.01, "delta_loss": 0.001, "grad_norm": 10.0}


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
    noise_alone: bool = True,
    scale: float | None = None,
    lambda_by_part: bool = True,
    eta: float = 0.99,
    slack: float = 1.1,
    lr: float = 0.1,
    lr_drop: float = 0.88,
    lagrange_lr: float | None = None,
) -> Result:
    """Search a ticket of a given density by gradient descent on concrete gates, in float32.

    The defaults are those that made the paper's numbers; where its text says otherwise the option
    says so, and docs/recipe.md what it changes. Each of the recipe's `replicas` draws gates of its
    own for its part of a batch; the gradients are averaged.

    Args:
        network: f at theta_k; its weights are not changed.
        density: kappa, in (0, 1].
        objective: R, a registered objective.
        gradient_step: "gradbalance" (Algorithm 2) or "lagrange" (Algorithm 1).
        search: "full", "half" or "quick": as many epochs as training, 1/2 or 1/8 of them, rounded.
        tau: temperature of the gates, not annealed (Section IV-D).
        noise_alone: whether tau divides the noise alone. False for Eq. 8, where it divides the
            logit too.
        scale: of objective and constraint before Adam's step, where it matters through Adam's
            epsilon alone; None for the objective's own. 1 for the text, which knows no scale.
        lambda_by_part: whether GradBalance brings the constraint to the mean norm of the parts'
            gradients. False for the norm of the gradient itself (Algorithm 2, line 5).
        eta: smoothing of GradBalance's lambda; Lagrange has none.
        slack: kappa_eff / kappa, how much denser GradBalance's constraint is than the ticket.
        lr: Adam's learning rate.
        lr_drop: after int(lr_drop E) - 1 of E epochs the rate is divided by 10; 1 for never. The
            text has it at 90% of the search (Section V-A).
        lagrange_lr: step size of Lagrange's lambda, which the paper tunes and does not print; None
            for the objective's own.

    Returns:
        The mask of the most probable weights (Eq. 5); the scores are the gates' logits.

    Raises:
        UnknownName: an objective, gradient step or search length that does not exist.
        BadInput: an invalid density, or one that keeps no weight.
    """
    kept_count(density, network.layout.total)
    check_name("gradient step", gradient_step, ["gradbalance", "lagrange"])
    pressure: Pressure = GradBalance.to(
        density, network.device, slack=slack, eta=eta, by_part=lambda_by_part
    )
    if gradient_step == "lagrange":
        rate = LAGRANGE_RATES.get(objective, 0.1) if lagrange_lr is None else lagrange_lr
        pressure = Lagrange(density, network.device, lr=rate)
    scale = SCALES.get(objective, 100.0) if scale is None else scale
    epochs = search_epochs(runner.recipe.epochs, search)
    # alpha starts at kappa (Section IV-B), kept finite at density 1.
    logit = torch.logit(torch.tensor(density), eps=1e-6).item()
    logits, log = search_gates(
        network.in_precision("float32"),
        data,
        Concrete(tau, noise_alone),
        pressure,
        objectives[objective],
        start=torch.full_like(network.weights, logit),
        # Adam's step is the same for s times the gradient as for epsilon / s.
        optimiser=partial(torch.optim.Adam, lr=lr, eps=1e-8 / scale),
        schedule=drop_after(lr_drop, epochs),
        epochs=epochs,
        batch_size=runner.recipe.batch_size,
        replicas=runner.recipe.replicas,
        generator=generator,
        runner=runner,
    )
    return Result(Mask.top(network.layout, logits, density), scores=logits, log=log)
