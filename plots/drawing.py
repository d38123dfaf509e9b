"""From result files to a figure beside them."""

from importlib import import_module
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lottery.core.errors import BadInput
from lottery.core.files import replacing
from plots import style


class NothingToDraw(Exception):
    """A figure's table has no lines yet."""


class Tables:
    """A suite's results: `rows`, those of the latest protocol, and the tables beside them.

    Raises:
        BadInput: the file is no results file.
    """

    def __init__(self, source: Path) -> None:
        rows = read(source, "protocol")
        self.rows = rows[rows["protocol"] == rows["protocol"].max()]
        self._source = source

    def details(self, table: str) -> pd.DataFrame:
        """A table beside the rows ("search", "layers" or "objectives"), joined to its rows.

        Columns of both are the rows' by name, and the table's with the table's name before it.

        Raises:
            NothingToDraw: no row has lines in it.
            BadInput: the table's file is none.
        """
        path = self._source.with_name(f"{self._source.stem}-{table}.csv")
        if not path.exists():
            raise NothingToDraw(f"there is no {path}")
        found = read(path, "cell_key")
        names = {c: f"{table}_{c}" for c in found if c in self.rows and c != "cell_key"}
        joined: pd.DataFrame = self.rows.merge(found.rename(columns=names), on="cell_key")
        if joined.empty:
            raise NothingToDraw(f"{path} has no lines of these rows")
        return joined


def read(path: Path, column: str) -> pd.DataFrame:
    """A CSV file.

    Raises:
        BadInput: it is none, or lacks a column that it has to have.
    """
    try:
        table = pd.read_csv(path)
    except (ValueError, OSError) as error:  # what pandas raises on a malformed file is a ValueError
        raise BadInput(f"{path} is no table: {' '.join(str(error).split())}") from error
    if column not in table:
        raise BadInput(f"{path} is no results file: it has no column {column!r}")
    return table


Panel = tuple[Axes, Any, pd.DataFrame]


def panels(
    rows: pd.DataFrame, by: Any, size: tuple[float, float], columns: int = 99, **more: Any
) -> tuple[Figure, list[Panel]]:
    """A figure with a panel for each group of rows, in the order of the file.

    Args:
        by: what pandas groups by.
        size: of a panel, width and height in inches.
        columns: how many panels there are side by side at most.
        more: for plt.subplots.

    Returns:
        The figure, and of each panel its axes, the group's name and its rows.

    Raises:
        NothingToDraw: there are no rows.
    """
    groups = list(rows.groupby(by, sort=False))
    if not groups:
        raise NothingToDraw("there are no rows for it yet")
    columns = min(columns, len(groups))
    lines = -(-len(groups) // columns)
    whole = (size[0] * columns, size[1] * lines)
    figure, axes = plt.subplots(lines, columns, figsize=whole, squeeze=False, **more)
    for ax in axes.flat[len(groups) :]:
        ax.set_visible(False)
    return figure, [(ax, *group) for ax, group in zip(axes.flat, groups, strict=False)]


def draw(name: str, source: Path, target: Path) -> None:
    """Draw a results file with the module `plots.<name>`; write PNG and PDF.

    Raises:
        NothingToDraw: what the figure shows was not recorded yet.
    """
    style.apply()
    figure = import_module(f"plots.{name}").draw(Tables(source))
    figure.tight_layout()
    save(figure, target)
    plt.close(figure)


def save(figure: Figure, target: Path) -> None:
    """Write a figure as PNG and PDF, each whole or not at all; the PNG last."""
    for kind in ("pdf", "png"):
        with replacing(target.with_suffix(f".{kind}")) as half:
            figure.savefig(half, format=kind)
