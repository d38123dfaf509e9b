"""Objectives R of CTS (Section IV-C): what a ticket is searched to minimise."""

import torch
import torch.nn.functional as F
from torch import Tensor

from lottery.network import Network
from lottery.registry import objective


@objective("loss")
def loss(network: Network, gates: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """The task loss of the gated network."""
    return F.cross_entropy(network(x, gates), y)


@objective("kl")
def kl(network: Network, gates: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Reverse KL: D(gated network || dense network) of the output distributions, batch mean."""
    with torch.no_grad():
        dense = F.log_softmax(network(x), dim=1)
    gated = F.log_softmax(network(x, gates), dim=1)
    # kl_div(input, target) is D(target || input).
    return F.kl_div(dense, gated, reduction="batchmean", log_target=True)
