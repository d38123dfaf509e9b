"""What a cell has more than one line of: its search by epoch, its layers, its objectives."""

from collections.abc import Iterable, Mapping
from typing import Any

from benchmarks.plan.cell import Cell
from benchmarks.results.columns import Details
from benchmarks.run.methods import methods
from benchmarks.run.outcome import Outcome
from lottery.core.mask import Mask


def make_details(cell: Cell, outcome: Outcome) -> Details:
    """The lines of each table of `benchmarks.results.columns.DETAILS`."""
    mask, values = outcome.ticket.mask, outcome.objectives
    search = [{"epoch": epoch, **_shortened(row)} for epoch, row in enumerate(outcome.log, start=1)]
    layers = _layers(mask, mask.kept_per_layer().values(), "")
    # How a method that finds its own density got there.
    for row in search if not methods[cell.method].sets_density else ():
        layers += _layers(mask, row["kept"], row["epoch"])
    objectives = [{"objective": k, "value": v} for k, v in _shortened(values).items()]
    return {"search": search, "layers": layers, "objectives": objectives}


def _layers(mask: Mask, kept: Iterable[int], epoch: Any) -> list[dict[str, Any]]:
    return [
        {"epoch": epoch, "layer": entry.name, "params": entry.size, "kept": count}
        for entry, count in zip(mask.layout.entries, kept, strict=True)
    ]


def _shortened(values: Mapping[str, Any]) -> dict[str, Any]:
    """Floats with six digits, which is more than any of them means."""
    return {k: f"{v:.6g}" if isinstance(v, float) else v for k, v in values.items()}
