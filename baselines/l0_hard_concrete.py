"""L0 regularisation with hard concrete gates (Louizos, Welling & Kingma 2018)."""

import math
from functools import partial

import torch

from lottery.core.errors import BadInput
from lottery.core.mask import Mask, kept_count
from lottery.core.network import Network
from lottery.core.result import Result
from lottery.data.batches import Data
from lottery.search.gates import drop_after, plan_share, search_epochs, search_gates
from lottery.search.objectives import loss
from lottery.search.pressures import ExpectedL0, GradBalance, Pressure
from lottery.search.registry import method
from lottery.search.relaxations import HardConcrete
from lottery.training.runner import Runner


@method("l0_hard_concrete", plan=plan_share)
def l0_hard_concrete(
    network: Network,
    data: Data,
    density: float,
    generator: torch.Generator,
    *,
    runner: Runner,
    lam: float = 0.0,
    search: str = "full",
    tau: float = 2 / 3,
    lr: float = 0.1,
) -> Result:
    """Learn hard concrete gates under the task loss and a pressure on their expected L0 norm.

    The paper trains the weights together with the gates under a fixed lambda. Here the weights stay
    frozen during the search, as in every other search of the suite, and the ticket is trained
    afterwards, so that what is compared is the relaxation.

    Args:
        density: of the ticket, which keeps the gates with the highest logits.
        lam: lambda times the mean P(gate != 0) (Eq. 12); 0 lets GradBalance reach the density.
        search: "full", "half" or "quick": as many epochs as training, 1/2 or 1/8 of them.
        tau: temperature; the stretch is (-0.1, 1.1).
        lr: Adam's learning rate, divided by 10 towards the end as in CTS.

    Raises:
        BadInput: lambda negative or not finite, or a density that keeps no weight.
    """
    kept_count(density, network.layout.total)
    if not (lam >= 0 and math.isfinite(lam)):
        raise BadInput(f"l0_hard_concrete's lam must be at least 0 and finite, got {lam}")
    pressure: Pressure = GradBalance.to(density, network.device)
    if lam > 0:
        pressure = ExpectedL0(network.layout, lam, "mean", network.device)
    relaxation = HardConcrete(tau)
    # P(gate != 0) starts at the density.
    start = torch.logit(torch.tensor(density), eps=1e-6).item() + relaxation.shift
    epochs = search_epochs(runner.recipe.epochs, search)
    logits, log = search_gates(
        network,
        data,
        relaxation,
        pressure,
        loss,
        start=torch.full_like(network.weights, start),
        optimiser=partial(torch.optim.Adam, lr=lr),
        schedule=drop_after(0.88, epochs),
        epochs=epochs,
        batch_size=runner.recipe.batch_size,
        replicas=runner.recipe.replicas,
        generator=generator,
        runner=runner,
    )
    mask = Mask.top(network.layout, logits, density)
    return Result(mask, scores=logits, soft_gates=relaxation.mean_gate(logits), log=log)
