"""From result files to a figure beside them."""

import io
from collections.abc import Collection, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from lottery.core.csv_table import NUMBER, TEXT, Kind, Schema, csv_line, matching, read_csv
from lottery.core.errors import BadInput
from lottery.core.files import replacing, sweep
from plots import style
from plots.freshness import KEY

# What figures take as numbers, wherever it stands, and as yes or no; the rest is text to them. Of
# the table of a search every column is a number.
_NUMBER = Kind("a number", lambda t: t == "nan" or bool(NUMBER.fullmatch(t)), True, decimal=True)
_NUMBERS = (
    "density_requested density seed accuracy accuracy_top3 accuracy_top5 accuracy_before_training "
    "search_seconds train_seconds search_epochs train_epochs params_prunable params_kept protocol "
    "layers_emptied accuracy_soft_gates validation epoch params kept value expected_density "
    "strength seeds low high epochs seconds batch_size ms_per_step images_per_second "
    "plain_ms_per_step times_plain roofline_ms peak_memory_mib"
).split()
_FLAGS = ("candidate", "on_front", "checked")
_COLUMNS = {
    **dict.fromkeys(_NUMBERS, _NUMBER),
    **dict.fromkeys(_FLAGS, matching("True|False", "True or False")),
}


class NothingToDraw(Exception):
    """A figure's table has no lines yet."""


class Tables:
    """A suite's results: `rows`, those of the latest protocol, and the tables beside them.

    Raises:
        BadInput: the file is no results file.
    """

    def __init__(self, source: Path) -> None:
        rows = read(source, ("protocol",))
        self.rows = rows[rows["protocol"] == rows["protocol"].max()]
        self._source = source

    def details(self, table: str) -> pd.DataFrame:
        """A table beside the rows ("search", "layers" or "objectives"), joined to its rows.

        Columns of both are the rows' by name, and the table's with the table's name before it.

        Raises:
            NothingToDraw: no row has lines in it, or it cannot be read.
        """
        path = self._source.with_name(f"{self._source.stem}-{table}.csv")
        if not path.exists():
            raise NothingToDraw(f"there is no {path}")
        try:
            more = {"objective": _NUMBER} if table == "search" else {}
            found = read(path, ("cell_key",), more)
        except BadInput as error:
            raise NothingToDraw(str(error)) from error
        names = {c: f"{table}_{c}" for c in found if c in self.rows and c != "cell_key"}
        joined: pd.DataFrame = self.rows.merge(found.rename(columns=names), on="cell_key")
        if joined.empty:
            raise NothingToDraw(f"{path} has no lines of these rows")
        return joined


def read(
    path: Path, required: Collection[str], more: Mapping[str, Kind] | None = None
) -> pd.DataFrame:
    """A CSV file.

    Args:
        required: columns that it has to have.
        more: what stands in columns, other than elsewhere.

    Raises:
        NothingToDraw: it has no rows.
        BadInput: it is not a table, lacks a column, or holds what does not fit.
    """
    columns = {**dict.fromkeys(required, TEXT), **_COLUMNS, **(more or {})}
    table = read_csv(path, Schema(columns, frozenset(required)))
    if not table.rows:
        raise NothingToDraw(f"{path} has no rows")
    header = [name for name in table.header if name]
    lines = (csv_line(row.get(name, "") for name in header) for row in table.rows)
    return pd.read_csv(io.StringIO("".join([csv_line(header), *lines])))


Panel = tuple[Axes, Any, pd.DataFrame]


def panels(
    rows: pd.DataFrame, by: Any, height: float, columns: int = 2, **more: Any
) -> tuple[Figure, list[Panel]]:
    """A figure with a panel for each group of rows, in the order of the file.

    It is as wide as a column of a paper where its panels stand below each other, else as a page.

    Args:
        by: what pandas groups by.
        height: of a panel, in inches.
        columns: how many panels there are side by side at most.
        more: for plt.subplots.

    Returns:
        The figure, and of each panel its axes, the group's name and its rows.

    Raises:
        NothingToDraw: there are no rows.
    """
    groups = list(rows.groupby(by, sort=False))
    figure, axes = grid(len(groups), height, columns, **more)
    return figure, [(ax, *group) for ax, group in zip(axes, groups, strict=True)]


def grid(count: int, height: float, columns: int = 2, **more: Any) -> tuple[Figure, list[Axes]]:
    """A figure with so many panels, see `panels`.

    Raises:
        NothingToDraw: there are none.
    """
    if not count:
        raise NothingToDraw("there are no rows for it yet")
    columns = min(columns, count)
    lines = -(-count // columns)
    size = (style.PAGE if columns > 1 else style.COLUMN, height * lines)
    figure, axes = plt.subplots(lines, columns, figsize=size, squeeze=False, **more)
    for ax in axes.flat[count:]:
        ax.set_visible(False)
    return figure, list(axes.flat[:count])


def draw(name: str, source: Path, target: Path, content: str = "") -> None:
    """Draw a results file with the module `plots.<name>`; write PNG, PDF and SVG.

    Args:
        content: what the PNG is to say that it was drawn from, see plots.freshness.

    Raises:
        NothingToDraw: what the figure shows was not recorded yet.
    """
    style.apply()
    module, tables = import_module(f"plots.{name}"), Tables(source)
    figure = module.draw(tables)
    save(figure, target, content, caption_of(module.__doc__ or "", tables))
    plt.close(figure)


def caption_of(about: str, tables: Tables) -> str:
    """What a figure shows, by the first line of its module, and what its bands are."""
    rows, parts = tables.rows, [about.splitlines()[0]]
    seeds = rows["seed"].nunique() if "seed" in rows else 0
    if seeds > 1:
        parts.append("Means over seeds; bands and bars are 95% confidence intervals of the mean.")
    elif seeds:
        parts.append("One seed: no intervals.")
    return " ".join(parts)


def seen_in(figure: Figure) -> str:
    """What is seen in a figure, for those who do not see it: its panels and where lines lead."""
    panels = []
    for ax in figure.axes:
        if not ax.get_visible() or not ax.get_title():
            continue
        title = " ".join(ax.get_title().split())
        lines = "; ".join(filter(None, map(_line_in_words, ax.get_lines())))
        panels.append(f"{title}: {ax.get_ylabel() or ax.get_xlabel()}. {lines}".strip(" ."))
    return ". ".join(panels) + "."


def _line_in_words(line: Line2D) -> str:
    values = [float(y) for y in np.asarray(line.get_ydata(), dtype=float)]
    name = str(line.get_label())
    if name.startswith("_") or not values:
        return ""
    return f"{name} {values[0]:.4g}" + (f" to {values[-1]:.4g}" if len(values) > 1 else "")


def save(figure: Figure, target: Path, content: str, caption: str = "") -> None:
    """Write a figure as SVG, PDF and PNG, each whole or not at all; the PNG last.

    The SVG says its caption as its title, and what is seen as its description.
    """
    sweep(target.parent)
    metadata: dict[str, dict[str, str | None]] = {
        "svg": {
            **{"Keywords": content, "Date": None},
            **{"Title": caption, "Description": seen_in(figure)},
        },
        "pdf": {"Keywords": content},
        "png": {KEY: content},
    }
    for kind, about in metadata.items():
        with replacing(target.with_suffix(f".{kind}")) as half:
            figure.savefig(half, format=kind, metadata=about)
