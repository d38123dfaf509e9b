"""The text of --list: every cell, what it costs beyond those above it, and the sums."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import torch

from benchmarks.plan.cell import Cell
from benchmarks.run.estimate import Piece, duration, pieces
from lottery.core.choices import Precision


@dataclass
class Cost:
    """Cells that are to be run, and what they cost."""

    cells: int = 0
    epochs: float = 0.0
    seconds: float = 0.0

    def add(self, new: Sequence[Piece]) -> None:
        self.cells += 1
        self.epochs += sum(p.epochs for p in new)
        self.seconds += sum(p.seconds for p in new)


def listing(
    cells: Sequence[Cell], done: Collection[str], device: torch.device, precision: Precision
) -> str:
    """The cells by key, then what is left of every method and model, and of all."""
    lines, seen = [], set[tuple[str, ...]]()
    everything, totals = Cost(), dict[tuple[str, str], Cost]()
    for cell in cells:
        new = [p for p in pieces(cell, device, precision) if p.name not in seen]
        if cell.key not in done:
            seen |= {p.name for p in new}
            totals.setdefault((cell.method, cell.model), Cost()).add(new)
            everything.add(new)
        lines.append(
            f"{cell.key}  {'done' if cell.key in done else 'to run':6}  "
            f"{sum(p.epochs for p in new):7.1f} epochs  "
            f"{duration(sum(p.seconds for p in new)):>8}  "
            f"{cell.paper} {cell.table}  {cell.describe()}"
        )
    return "\n".join([*lines, *_sums(totals), _summary(len(cells), everything, device)])


def _sums(totals: dict[tuple[str, str], Cost]) -> list[str]:
    """What is left by method and model, the longest first; nothing where that is one line."""
    if len(totals) < 2:
        return []
    width = max(len(f"{method} {model}") for method, model in totals)
    ranked = sorted(totals.items(), key=lambda item: -item[1].seconds)
    return [
        "",
        f"{'left, by method and model':{width}}  {'cells':>6}  {'epochs':>8}  {'time':>8}",
        *(
            f"{method + ' ' + model:{width}}  {cost.cells:6}  {cost.epochs:8.1f}  "
            f"{duration(cost.seconds):>8}"
            for (method, model), cost in ranked
        ),
        "",
    ]


def _summary(count: int, left: Cost, device: torch.device) -> str:
    here = device.type != "cuda" or torch.cuda.is_available()
    name = device.type if here else "an H100 (by its data sheet: there is no GPU here)"
    return (
        f"{count} cells, {count - left.cells} done, about {duration(left.seconds)} left on {name} "
        "(estimated from operation counts, one cell after the other)"
    )
