"""Numbers that have to be numbers."""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor


class NotFinite(ArithmeticError):
    """NaN or infinity where a number has to be; the text is one line that says where."""


def require_finite(**tensors: Tensor | None) -> None:
    """Check tensors by name; None is let pass.

    Raises:
        NotFinite: one holds NaN or infinity.
    """
    for name, tensor in tensors.items():
        if tensor is not None and tensor.is_floating_point():
            bad = int((~torch.isfinite(tensor)).sum())
            if bad:
                what = f"{bad} of {tensor.numel()} {name.replace('_', ' ')}"
                raise NotFinite(f"{what} are NaN or infinite: it has diverged")


def require_finite_values(what: str, values: Mapping[str, Any]) -> None:
    """Check numbers by name; what is no number is let pass.

    Raises:
        NotFinite: one is NaN or infinite.
    """
    for name, value in values.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise NotFinite(f"{what}: {name} is {value}: it has diverged")
