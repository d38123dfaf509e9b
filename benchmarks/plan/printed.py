"""The values that the papers print."""

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True)
class Printed:
    """A value as a paper prints it.

    Attributes:
        value: percent of the test set.
        metric: "accuracy", "accuracy_top3" or "accuracy_top5".
        sparsity: percent of weights removed, as printed; None where the paper prints none.
        minutes, epochs: search plus training; None where the paper prints none.
        passes: "yes" or "no", whether the paper says that it passes the sanity checks; else empty.
        architecture: inputs that are left of every layer, where the paper prints them; else empty.
    """

    model: str
    dataset: str
    value: float
    metric: str
    sparsity: float | None
    minutes: float | None
    epochs: float | None
    passes: str
    note: str
    architecture: str = ""


@cache
def printed_values() -> dict[tuple[str, ...], Printed]:
    """Every number the papers print, by (paper, table, method, model, dataset, sparsity)."""
    text = files("benchmarks.plan").joinpath("paper_values.csv").read_text("utf-8")
    names = ("paper", "table", "method", "model", "dataset", "sparsity_percent")
    return {
        tuple(row[name] for name in names): Printed(
            model=row["model"],
            dataset=row["dataset"],
            value=float(row["value_percent"]),
            metric=row["metric"],
            sparsity=_number(row["sparsity_percent"]),
            minutes=_number(row["time_minutes"]),
            epochs=_number(row["epochs"]),
            passes=row["passes_sanity_checks"],
            note=row["note"],
            architecture=row["architecture"],
        )
        for row in csv.DictReader(text.splitlines())
    }


def _number(text: str) -> float | None:
    return float(text) if text else None
