"""The task loss: what a network is trained for."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch.nn.functional as F
from torch import Tensor

from lottery.core.errors import BadInput


@dataclass(frozen=True)
class TaskLoss:
    """A task loss that is a mean over a batch's examples.

    Attributes:
        function: from logits and targets to a scalar.
    """

    function: Callable[[Tensor, Any], Tensor]

    def __call__(self, logits: Tensor, y: Any) -> Tensor:
        """The mean over the examples, a scalar.

        Raises:
            BadInput: the function returns something else.
        """
        value = self.function(logits, y)
        if not isinstance(value, Tensor) or value.dim():
            got = f"shape {tuple(value.shape)}" if isinstance(value, Tensor) else type(value)
            raise BadInput(f"a loss returns a scalar, the mean over the batch; got {got}")
        return value

    def total(self, logits: Tensor, y: Any) -> Tensor:
        """The sum over the examples, a scalar."""
        return self(logits, y) * len(logits)


class CrossEntropy(TaskLoss):
    """Cross-entropy with class numbers, or with probabilities."""

    def __init__(self) -> None:
        super().__init__(F.cross_entropy)

    def total(self, logits: Tensor, y: Any) -> Tensor:
        return F.cross_entropy(logits, y, reduction="sum")
