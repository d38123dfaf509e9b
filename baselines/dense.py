"""The dense network."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from lottery.core.errors import BadInput
from lottery.core.network import Network
from lottery.data.batches import Data
from lottery.search.registry import method


def check(density: float | None, options: Mapping[str, Any]) -> None:
    """Refuse any density but 1."""
    if density != 1:
        raise BadInput(f"the dense network has density 1, not {density}")


@method("dense", check=check)
def dense(network: Network, data: Data, density: float, generator: torch.Generator) -> Tensor:
    """Equal scores: at density 1 everything is kept.

    Raises:
        BadInput: any other density.
    """
    check(density, {})
    return torch.ones_like(network.weights)
