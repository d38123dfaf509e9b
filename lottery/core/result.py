"""What a method returns."""

from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from lottery.core.layout import Layout
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


def as_result(returned: Any, layout: Layout, density: float | None, method: str) -> Result:
    """What a method returned: scores, of which the highest are kept, a mask, or a Result.

    Args:
        density: that was asked for; None where the method decides it.
        method: its name, for messages.

    Raises:
        TypeError: it is neither.
        ValueError: scores of the wrong shape, NaN or all equal.
    """
    if isinstance(returned, Tensor) and density is not None:
        if returned.shape != (layout.total,):
            raise ValueError(
                f"{method} returned scores of shape {tuple(returned.shape)}, not one for each "
                f"of the {layout.total} prunable weights"
            )
        mask = Mask.top(layout, returned, density)
        if density < 1 and bool((returned == returned[0]).all()):
            raise ValueError(f"{method} returned the same score for every weight")
        return Result(mask, scores=returned)
    if isinstance(returned, Mask):
        return Result(returned)
    if not isinstance(returned, Result):
        kind = type(returned).__name__
        raise TypeError(f"{method} returned a {kind}, not scores, a Mask or Result")
    return returned
