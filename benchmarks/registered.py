"""The suite's methods; importing this module registers them all."""

from typing import Any

import baselines  # noqa: F401
import lottery.crbg
import lottery.cts  # noqa: F401
from benchmarks.cells import Cell
from lottery.registry import methods

__all__ = ["is_trained", "methods", "option"]


def option(cell: Cell, name: str) -> Any:
    """A cell's option, stated or by default; empty where its method has no such option."""
    return {**methods[cell.method].options, **cell.options}.get(name, "")


def is_trained(cell: Cell) -> bool:
    """Whether the cell's ticket is trained after it is drawn."""
    method = methods[cell.method]
    if cell.judged is None:
        return not (method.strong or method.own_weights)
    return cell.judged == "trained"
