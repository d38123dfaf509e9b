"""The finished rows of a suite, looked up by cell."""

from collections.abc import Sequence
from dataclasses import replace

from benchmarks.plan.cell import Cell
from benchmarks.results.store import Row, Store


class Results:
    """What a store holds for some seeds.

    Args:
        seeds: those that tables are made of; the seed of a cell that is asked for plays no part.
    """

    def __init__(self, store: Store, seeds: Sequence[int]) -> None:
        self.seeds = seeds
        self._rows = {row["cell_key"]: row for row in store.rows()}
        self._values = {
            (line["cell_key"], line["objective"]): float(line["value"])
            for line in store.details("objectives")
        }
        self._layers = [line for line in store.details("layers") if line["epoch"] == ""]

    def rows(self, cell: Cell | None) -> list[Row]:
        """The finished rows of a cell, one per seed."""
        keys = [replace(cell, seed=seed).key for seed in self.seeds] if cell else []
        return [self._rows[key] for key in keys if key in self._rows]

    def accuracies(self, cell: Cell) -> dict[int, float]:
        """Accuracy by seed."""
        return {int(row["seed"]): float(row["accuracy"]) for row in self.rows(cell)}

    def objectives(self, cell: Cell, name: str) -> list[float]:
        """An objective's values right after drawing, one per seed."""
        found = [self._values.get((row["cell_key"], name)) for row in self.rows(cell)]
        return [value for value in found if value is not None]

    def layers(self, cell: Cell) -> dict[str, tuple[int, float]]:
        """Parameters and mean fraction kept of every layer of a ticket, by the layer's name."""
        keys = {row["cell_key"] for row in self.rows(cell)}
        found: dict[str, list[Row]] = {}
        for line in self._layers:
            if line["cell_key"] in keys:
                found.setdefault(line["layer"], []).append(line)
        return {
            name: (
                int(lines[0]["params"]),
                sum(int(line["kept"]) / int(line["params"]) for line in lines) / len(lines),
            )
            for name, lines in found.items()
        }
