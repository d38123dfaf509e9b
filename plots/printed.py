"""The papers' points, to be drawn beside the measured ones."""

from functools import cache
from importlib.resources import files
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from plots.style import look

LABEL = "as printed"
HOLLOW: dict[str, Any] = {
    "markeredgecolor": "black",
    "markerfacecolor": "none",
    "markersize": 7,
    "linestyle": "",
}
ROUNDING = 0.12  # of a density that is printed as 99.7% sparsity
QUICK = "_quick"  # at the end of a method's name there, for CTS's shorter search


@cache
def _values() -> pd.DataFrame:
    """Every printed accuracy, with `id` as in plots.style.LOOKS and `density`, NaN for none."""
    with files("benchmarks").joinpath("plan", "paper_values.csv").open("rb") as file:
        values = pd.read_csv(file)
    values = values[values["metric"] == "accuracy"]
    objective = values["objective"].fillna("")
    quick = values["method"].str.endswith(QUICK).map({True: " quick", False: ""})
    name = values["method"].str.removesuffix(QUICK)
    return values.assign(
        id=(name + " " + objective).str.strip() + quick,
        density=1 - values["sparsity_percent"] / 100,
    )


def printed(rows: pd.DataFrame) -> pd.DataFrame:
    """The printed values of the tables, models and datasets that some rows are of; those of a
    stand-in are of another task, and left out."""
    places = rows[["paper", "table", "model", "dataset"]].drop_duplicates()
    return _values().merge(places, on=list(places))


def draw_points(ax: Axes, rows: pd.DataFrame) -> None:
    """The printed values of rows as hollow markers over density, which is that of the rows where
    the printed one is the same but for rounding."""
    found = printed(rows)
    found = found.assign(density=[_near(d, rows["density"]) for d in found["density"]])
    for name, values in found.groupby("id", sort=False):
        seen = look(str(name))
        mark = HOLLOW | {"markeredgecolor": seen.colour}
        ax.plot(values["density"], values["value_percent"], marker=seen.marker, **mark)
    if len(found):
        ax.plot([], [], marker="o", label=f"{LABEL} (hollow)", **HOLLOW)


def _near(density: float, measured: "pd.Series[float]") -> float:
    return next((d for d in measured if abs(d / density - 1) < ROUNDING), density)
