"""Which cells --only means."""

import math
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from importlib import import_module
from typing import Any, TypeVar

from benchmarks.plan.cell import Cell
from lottery.core.errors import BadInput, check_name

T = TypeVar("T")

FILTERS: dict[str, Callable[[Cell], Any]] = {
    "paper": lambda cell: cell.paper,
    "table": lambda cell: cell.table,
    "method": lambda cell: cell.method,
    "model": lambda cell: cell.model,
    "dataset": lambda cell: cell.dataset,
    "ablation": lambda cell: cell.ablation,
    "pruned_at": lambda cell: cell.pruned_at,
    "density": lambda cell: cell.density,
    "sparsity": lambda cell: cell.density,
    "seed": lambda cell: cell.seed,
    "objective": lambda cell: _option(cell, "objective"),
    "gradient_step": lambda cell: _option(cell, "gradient_step"),
    "search": lambda cell: _option(cell, "search"),
}


def _option(cell: Cell, name: str) -> Any:
    # Defaults stand in the methods' signatures, and those need torch: imported only when asked for.
    return import_module("benchmarks.run.methods").option(cell, name)


def select(
    cells: Sequence[T], only: Sequence[str], filters: Mapping[str, Callable[[T], Any]]
) -> list[T]:
    """The cells that match every name=value of --only; equal names are alternatives.

    Upper and lower case are the same, and so are dashes and underscores.

    Args:
        filters: what a cell's value of each name is.

    Raises:
        BadInput: a condition that is malformed, that names nothing known, or that no cell meets.
    """
    wanted: dict[str, list[Any]] = {}
    for condition in only:
        name, equals, value = condition.partition("=")
        if not equals:
            raise BadInput(f"--only takes name=value, got {condition!r}")
        value_of = filters[check_name("--only name", name, list(filters))]
        present = list(dict.fromkeys(map(value_of, cells)))
        meant = _NUMBERS[name](value, present) if name in _NUMBERS else _named(name, value, present)
        wanted.setdefault(name, []).extend(meant)
    found = [cell for cell in cells if all(filters[n](cell) in wanted[n] for n in wanted)]
    if not found:
        raise BadInput(f"no cell matches {' '.join(only)} together")
    return found


def _named(name: str, value: str, present: Sequence[Any]) -> list[Any]:
    """Those of the values that are there that a word names."""
    if found := [each for each in present if _folded(each) == _folded(value)]:
        return found
    words = sorted({str(each) or "(none)" for each in present})
    near = get_close_matches(value, words, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}? " if near else ""
    raise BadInput(f"no cell with {name} {value!r}: {hint}here are {', '.join(words)}")


def _folded(value: Any) -> str:
    return str(value).casefold().replace("_", "-")


def _of_density(value: str, present: Sequence[float | None]) -> list[float | None]:
    """The densities within half a percent of one, given as a fraction or, with a %, in percent."""
    density = _number("density", value.removesuffix("%")) / (100 if value.endswith("%") else 1)
    if not 0 < density <= 1:
        raise BadInput(f"density {value} is outside (0, 1]; as a percentage it needs a %")
    there = [d for d in present if d is not None]
    return _found("density", value, density, there, 5e-3 * density, "{:.4g}")


def _of_sparsity(value: str, present: Sequence[float | None]) -> list[float | None]:
    """The densities whose sparsity in percent is one, to the digits that are given."""
    text = value.removesuffix("%")
    sparsity = _number("sparsity", text)
    if not 1 <= sparsity < 100:
        raise BadInput(f"sparsity {value} is not a percentage of weights removed, e.g. 98.2")
    half = 0.5 * 10.0 ** -len(text.partition(".")[2]) + 1e-9
    by_sparsity = {100 * (1 - d): d for d in present if d is not None}
    found = _found("sparsity", value, sparsity, list(by_sparsity), half, "{:.4g}")
    return [by_sparsity[each] for each in found if each is not None]


def _found(
    name: str, value: str, wanted: float, present: Sequence[float], within: float, digits: str
) -> list[float | None]:
    if found := [each for each in present if abs(each - wanted) <= within]:
        return list(found)
    if not present:
        raise BadInput(f"no cell with {name} {value}: the methods here decide their own")
    near = digits.format(min(present, key=lambda each: abs(math.log(each / wanted))))
    all_there = ", ".join(digits.format(each) for each in sorted(set(present)))
    raise BadInput(f"no cell with {name} {value}: the nearest is {near}; here are {all_there}")


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise BadInput(f"{name} {text!r} is not a number") from None


_NUMBERS: dict[str, Callable[[str, Sequence[Any]], list[Any]]] = {
    "density": _of_density,
    "sparsity": _of_sparsity,
}
