"""How every figure looks: one colour, marker and line per method, readable in grey print too."""

from itertools import cycle
from typing import Any, NamedTuple

import matplotlib
import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from lottery.core import summary
from lottery.core.catalogue import ABLATIONS, DATASETS, dataset_label, model_label
from lottery.core.catalogue import known as catalogued
from lottery.core.summary import removed

COLUMN, PAGE = 3.25, 6.75  # inches: the widths of a column and of a page of two
LEAST_IMAGES = 10  # that an accuracy axis spans


class Look(NamedTuple):
    label: str
    colour: str
    marker: str
    line: str


# Okabe and Ito's palette, which colour-blind people can tell apart. Families share a colour; within
# one, markers and lines differ, so that methods are distinguishable without colour too.
_BLUE, _SKY, _GREEN, _ORANGE = "#0072B2", "#56B4E9", "#009E73", "#E69F00"
_RED, _PINK, _OLIVE, _GREY, _BLACK = "#D55E00", "#CC79A7", "#8A7D00", "#767676", "#000000"
_METHODS = {
    "l0_hard_concrete": (_SKY, "h", ":"),
    "continuous_sparsification": (_BLUE, "<", "-."),
    "gem_miner": (_SKY, ">", "-."),
    "crbg": (_GREEN, "D", "-"),
    "ltr": (_RED, "^", "--"),
    "imp": (_RED, "v", ":"),
    "edge_popup": (_GREEN, "P", ":"),
    "edge_popup_epsilon": (_GREEN, "H", "-."),
    "sparse_vd": (_PINK, "8", "--"),
    "snip": (_ORANGE, "d", "--"),
    "grasp": (_ORANGE, "X", ":"),
    "synflow": (_OLIVE, "d", "-."),
    "saliency": (_ORANGE, "*", ":"),
    "magnitude": (_PINK, "p", ":"),
    "random": (_GREY, "X", "--"),
    "dense": (_BLACK, "*", "-."),
}
_VARIANTS = {
    "cts kl": Look("CTS-KL", _BLUE, "o", "-"),
    "cts kl quick": Look("Quick CTS-KL", "#4FA3DC", "s", "-"),
    "cts kl quick, as the text": Look("Quick CTS-KL, as the text", "#003A5C", "v", "-"),
    "cts gradbalance": Look("Quick CTS, GradBalance", _BLUE, "H", "-"),
    "cts lagrange": Look("Quick CTS, Lagrange", "#4FA3DC", "D", "-."),
    "cts loss": Look("CTS-loss", _SKY, "s", "--"),
    "cts delta_loss": Look("CTS-Δloss", _GREEN, "v", "--"),
    "cts grad_norm": Look("CTS-gradient norm", _ORANGE, "P", "-."),
    "cts feature": Look("CTS-feature", _PINK, "8", ":"),
    "cts grad_match": Look("CTS-gradient match", _OLIVE, "h", "--"),
    "crbg, GradBalance": Look("CRBG, GradBalance", _GREEN, "d", "-"),
    "crbg, Lagrange": Look("CRBG, Lagrange", _GREEN, "D", "--"),
    "edge_popup, global": Look("Edge-popup, global", _OLIVE, "P", "-"),
    "saliency kl": Look("Saliency of KL", _OLIVE, "s", ":"),
    "random, ERK": Look("Random, ERK", _GREY, "o", ":"),
}
LOOKS = _VARIANTS | {name: Look(catalogued(name).label, *marks) for name, marks in _METHODS.items()}
_ABLATIONS = {
    "none": (_BLUE, "o", "-"),
    "shuffle_layerwise": (_ORANGE, "s", "--"),
    "reinitialise": (_GREEN, "^", "-."),
    "invert": (_BLACK, "X", ":"),
}
ABLATION_LOOKS = {name: Look(ABLATIONS[name].word, *marks) for name, marks in _ABLATIONS.items()}


def look(name: str) -> Look:
    """The look of a method; a variant without one of its own has its method's, and grey is for a
    method that the suite does not know."""
    known, _, variant = name.partition(", ")
    if name not in LOOKS and variant and known in LOOKS:
        return LOOKS[known]._replace(label=f"{LOOKS[known].label}, {variant}", line="-.")
    return LOOKS.get(name, Look(catalogued(name).label, "#444444", "p", "-."))


def shades(seen: Look, count: int) -> list[Look]:
    """As many looks of one method, from its own to paler ones, whose lines differ too."""
    if count == 1:
        return [seen]
    colours = sns.light_palette(seen.colour, count + 2)[:1:-1]
    return [
        seen._replace(colour=to_hex(colour), line=line)
        for colour, line in zip(colours, cycle(("-", "--", ":", "-.")), strict=False)
    ]


def method_id(row: "pd.Series[Any]") -> str:
    """The key of LOOKS for a result row: "method objective quick, variant", what it has of them."""
    parts = [str(row["method"])]
    if isinstance(row["objective"], str):
        parts.append(row["objective"])
    if row.get("search") == "quick":
        parts.append("quick")
    variant = row.get("variant")
    return " ".join(parts) + (f", {variant}" if isinstance(variant, str) and variant else "")


def method_ids(rows: pd.DataFrame) -> list[str]:
    """The key of LOOKS for every row."""
    return [method_id(row) for _, row in rows.iterrows()]


def apply() -> None:
    """Set the look of all figures; draws without a display."""
    matplotlib.use("Agg")
    sns.set_theme(context="paper", style="ticks", rc={"axes.grid": True, "grid.alpha": 0.3})
    plt.rcParams.update(
        {
            **{"figure.dpi": 200, "figure.constrained_layout.use": True},
            **{"pdf.fonttype": 42, "svg.fonttype": "none", "svg.hashsalt": "lottery"},
            **{"font.size": 8, "axes.titlesize": 8, "axes.labelsize": 8, "figure.titlesize": 8},
            **{"xtick.labelsize": 7, "ytick.labelsize": 7, "legend.fontsize": 7},
            **{"legend.handlelength": 2.8, "legend.columnspacing": 1.2},
            **{"lines.linewidth": 1.2, "lines.markersize": 4.5, "grid.linewidth": 0.5},
        }
    )


def sparsity_axis(ax: Axes, densities: list[float]) -> None:
    """A logarithmic density axis, sparser to the right, its ticks labelled as percent removed.

    A ticket that lost everything has no place on it.
    """
    densities = [density for density in densities if density > 0]
    if not densities:
        return
    ax.set_xscale("log")
    margin = max(1.15, (max(densities) / min(densities)) ** 0.08)
    ax.set_xlim(max(densities) * margin, min(densities) / margin)
    ax.xaxis.set_major_locator(FixedLocator(_apart(sorted(set(densities)), margin)))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda density, _: removed(density)))
    ax.set_xlabel("sparsity (log scale of density)")


def accuracy_axis(
    ax: Axes, axis: str = "y", dataset: str = "", label: str = "test accuracy"
) -> None:
    """An axis, "x" or "y", in percent, no finer than the images that an accuracy is of.

    An interval may reach beyond what an accuracy can be.
    """
    images = DATASETS[dataset].test_images if dataset in DATASETS else 0
    image = 100 / images if images else 0.0
    low, high = ax.get_xlim() if axis == "x" else ax.get_ylim()
    if (lacking := max(1.0, LEAST_IMAGES * image) - (high - low)) > 0:
        low, high = low - lacking / 2, high + lacking / 2
    ax.set(**{f"{axis}lim": (max(low, 0), min(high, 101)), f"{axis}label": label})
    percent_axis(ax, axis, image)


def percent_axis(ax: Axes, axis: str = "y", least: float = 0.0) -> None:
    """Ticks in percent, at least so far apart."""
    lines = ax.xaxis if axis == "x" else ax.yaxis
    low, high = sorted(ax.get_xlim() if axis == "x" else ax.get_ylim())
    most = min(6, int((high - low) / least)) if least else 6
    lines.set_major_locator(MaxNLocator(max(1, most), steps=[1, 2, 5, 10]))
    lines.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}%"))


def seeds_of(rows: pd.DataFrame, *by: str) -> str:
    """How many seeds the means of some rows are of, for a title."""
    counts = (
        rows.groupby(list(by), dropna=False)["seed"].nunique() if by else [rows["seed"].nunique()]
    )
    few, many = min(counts), max(counts)
    return f"{few} to {many} seeds" if few < many else f"{many} seed{'s' if many > 1 else ''}"


def title_of(model: Any, dataset: Any) -> str:
    """A model on a dataset, as people write them."""
    return f"{model_label(str(model))}, {dataset_label(str(dataset))}"


def _apart(densities: list[float], factor: float) -> list[float]:
    """Those ticks that do not run into the one before."""
    kept: list[float] = []
    for density in densities:
        if not kept or density / kept[-1] > factor:
            kept.append(density)
    return kept


def mean_line(
    ax: Axes, group: pd.DataFrame, x: str, y: str, seen: Look, *, band: bool = True, **more: Any
) -> None:
    """Mean and 95% confidence band over seeds of a method, in its look; the legend is the figure's
    to place."""
    group = one_per_seed(group, x)
    sns.lineplot(
        x=group[x],
        y=group[y],
        errorbar=interval if band and group["seed"].nunique() > 1 else None,
        ax=ax,
        label=seen.label,
        color=seen.colour,
        marker=seen.marker,
        linestyle=seen.line,
        legend=False,
        **more,
    )


def shared_legend(figure: Figure, columns: int = 0) -> None:
    """One legend below all panels, of the lines in any of them."""
    handles: dict[str, Any] = {}
    for ax in figure.axes:
        lines, labels = ax.get_legend_handles_labels()
        handles |= dict(zip(labels, lines, strict=True))
    wide = figure.get_figwidth() > COLUMN
    figure.legend(
        [*handles.values()],
        [*handles],
        loc="outside lower center",
        ncols=columns or min(len(handles), 5 if wide else 2),
        frameon=False,
    )


def legend_below(ax: Axes, columns: int = 2) -> None:
    """A panel's own legend, below it."""
    look: dict[str, Any] = {"frameon": False, "columnspacing": 1.0, "handlelength": 2.8}
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.24), ncols=columns, **look)


def one_per_seed(rows: pd.DataFrame, *by: str) -> pd.DataFrame:
    """The last row of each seed: a file may hold rows of settings that have changed since."""
    return rows.drop_duplicates([*by, "seed"], keep="last")


def common_seeds(rows: pd.DataFrame, *by: str) -> pd.DataFrame:
    """A ticket's and its ablations' rows of the seeds that all of them have, as they are tested.

    Where there is no such seed yet, all rows of the ticket.
    """
    kept = list[Any]()
    for _, part in rows.groupby(list(by), dropna=False):
        seeds = set.intersection(*(set(one["seed"]) for _, one in part.groupby("ablation")))
        kept += list(part.index[part["seed"].isin(seeds or part["seed"])])
    return rows[rows.index.isin(kept)]


def interval(values: "pd.Series[float]") -> tuple[float, float]:
    """Ends of the mean's 95% confidence interval by Student's t, of two values or more."""
    _, low, high = summary.interval(values.tolist())
    return low, high
