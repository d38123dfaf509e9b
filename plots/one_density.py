"""Methods at one density beside their ablations: CTS Table I."""

from textwrap import fill

import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lottery.core.catalogue import dataset_label
from lottery.core.summary import removed
from plots import style
from plots.drawing import Tables, panels
from plots.printed import HOLLOW, LABEL, printed

FIGURE_OF = {"table1": "", "recipe": ""}

SMALL = HOLLOW | {"markersize": 4.5}
LABEL_WIDTH = 22  # letters on a line of a method's name


def draw(tables: Tables) -> Figure:
    """One panel per paper, most accurate ticket first: mean and confidence interval over seeds."""
    ids = style.method_ids(tables.rows)
    labels = [fill(style.look(name).label, LABEL_WIDTH) for name in ids]
    rows = tables.rows.assign(id=ids, label=labels).sort_values("paper", kind="stable")
    rows = style.one_per_seed(rows, "paper", "dataset", "label", "ablation")
    rows = style.common_seeds(rows, "paper", "dataset", "label")
    most = rows.groupby(["paper", "dataset"])["label"].nunique().max()
    figure, found = panels(rows, ["paper", "dataset"], 0.9 + 0.27 * float(most))
    for ax, (paper, dataset), part in found:
        _panel(ax, part)
        style.accuracy_axis(ax, "x", dataset)
        ax.set_ylabel("")
        densities = part["density_requested"].dropna().unique()
        at = f", {removed(densities[0])} sparsity" if len(densities) == 1 else ""
        seeds = style.seeds_of(part, "label", "ablation")
        ax.set_title(f"{str(paper).upper()}, {dataset_label(dataset)}{at} ({seeds})")
    if rows["ablation"].nunique() > 1 or len(printed(rows)):
        style.shared_legend(figure)
    return figure


def _panel(ax: Axes, rows: pd.DataFrame) -> None:
    run = set(rows["ablation"])
    shown = {name: look for name, look in style.ABLATION_LOOKS.items() if name in run}
    tickets = rows[rows["ablation"] == "none"].groupby("label")["accuracy"].mean()
    ranked = tickets.reindex(rows["label"].unique()).sort_values(ascending=False)
    order = list(ranked.index)  # a method whose ticket has not been run comes last
    sns.pointplot(
        data=rows,
        x="accuracy",
        y="label",
        order=order,
        hue="ablation",
        hue_order=list(shown),
        palette=[look.colour for look in shown.values()],
        markers=[look.marker for look in shown.values()],
        errorbar=style.interval,
        linestyle="none",
        dodge=0.5 if len(shown) > 1 else False,
        markersize=4.5,
        err_kws={"linewidth": 1.0},
        legend=False,
        ax=ax,
    )
    for seen in shown.values():  # for the figure's legend
        ax.plot([], [], color=seen.colour, marker=seen.marker, linestyle="", label=seen.label)
    _printed_points(ax, rows, order)


def _printed_points(ax: Axes, rows: pd.DataFrame, order: list[str]) -> None:
    """What the paper prints for those that are not variants of a method."""
    label_of = dict(zip(rows["id"], rows["label"], strict=True))
    values = printed(rows)
    values = values[values["id"].isin(label_of.keys())]
    if len(values):
        at = [order.index(label_of[name]) for name in values["id"]]
        ax.plot(values["value_percent"], at, **SMALL, marker="D", label=LABEL)
