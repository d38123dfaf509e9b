"""What a method returns."""

from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from lottery.core.mask import Mask
from lottery.core.network import Network

Log = list[dict[str, Any]]


@dataclass(frozen=True)
class Result:
    """What a search returns.

    Attributes:
        mask: the ticket's mask.
        scores: shape (d,), higher = keep; None where the method ranks nothing.
        soft_gates: shape (d,), the gates as the search last had them, noise removed.
        log: one row per epoch: the objective's mean over it; at its end the expected density, the
            density of the gates more likely open than not, the pressure's strength, and `kept`,
            the number of those gates in each layer; with a judge also `accuracy` of the mask of
            those gates and `accuracy_soft_gates`, of all gates without noise.
        trained: the network at weights of the method's own, where it trains them together with the
            mask; the ticket is then judged as it is.
    """

    mask: Mask
    scores: Tensor | None = None
    soft_gates: Tensor | None = None
    log: Log = field(default_factory=list)
    trained: Network | None = None
