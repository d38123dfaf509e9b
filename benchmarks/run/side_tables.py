"""What a cell has more than one line of: its search by epoch, its layers, its objectives."""

from collections.abc import Iterable, Mapping
from typing import Any

from benchmarks.plan.cell import Cell
from benchmarks.results.columns import Details
from benchmarks.run.methods import methods
from lottery.core.mask import Mask
from lottery.core.result import Log


def make_details(cell: Cell, mask: Mask, log: Log, values: Mapping[str, float]) -> Details:
    """The lines of each table of `benchmarks.results.columns.DETAILS`.

    Args:
        mask: of the ticket after its ablation.
        log: of the search, see lottery.core.result.Result.
        values: of the objectives, by name; empty where they were not asked for.
    """
    search = [{"epoch": epoch, **_shortened(row)} for epoch, row in enumerate(log, start=1)]
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
