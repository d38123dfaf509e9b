"""Milliseconds a step by kind of work, beside plain float32 and the roofline."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from lottery.core.catalogue import model_label
from plots import style
from plots.drawing import Tables, panels

FIGURE_OF = {"throughput": ""}

POINTS = {
    "roofline_ms": style.Look("roofline", "#000000", "|", ""),
    "ms_per_step": style.Look("the suite's engine", "#0072B2", "o", ""),
    "plain_ms_per_step": style.Look("plain eager float32, NCHW", "#767676", "s", ""),
}


def draw(tables: Tables) -> Figure:
    """One panel per device, model and batch size; time on a logarithmic axis."""
    figure, found = panels(tables.rows, ["device", "model", "batch_size"], 2.0)
    for ax, (device, model, batch_size), part in found:
        _panel(ax, part)
        ax.set_title(f"{model_label(model)}, batch {batch_size}\n{device}")
    style.shared_legend(figure, columns=3 if len(found) > 1 else 1)
    return figure


def _panel(ax: Axes, rows: pd.DataFrame) -> None:
    works = list(dict.fromkeys(rows["work"]))
    for column, seen in POINTS.items():
        shown = rows[rows[column] > 0]
        ax.plot(
            shown[column],
            shown["work"].map(works.index),
            color=seen.colour,
            marker=seen.marker,
            markersize=8 if seen.marker == "|" else 4.5,
            markeredgewidth=1.5,
            linestyle="",
            label=seen.label,
        )
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=8))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_yticks(range(len(works)), works)
    ax.invert_yaxis()
    ax.set_xlabel("milliseconds a step")
