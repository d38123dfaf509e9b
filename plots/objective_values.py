"""Objective values right after drawing, one panel per objective: CTS Figs. 1, 7 and 8."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lottery.core.catalogue import OBJECTIVES, SALIENCY_OF, model_label
from plots import style
from plots.drawing import NothingToDraw, Tables, grid

FIGURE_OF = {"objectives": "", "saliency-gap": ""}


def draw(tables: Tables) -> Figure:
    """A panel for each objective, model and place of drawing.

    Raises:
        NothingToDraw: no row has values.
    """
    values = tables.details("objectives")
    found = [
        (str(model), pruned_at, name, part)
        for (pruned_at, model), group in values.groupby(["pruned_at", "model"], sort=False)
        for name in OBJECTIVES
        if len(part := _part(group, name))
    ]
    if not found:
        raise NothingToDraw("no objective has values of the tickets drawn for it yet")
    figure, axes = grid(len(found), 2.3, columns=3 if len(found) > 4 else 2)
    for ax, (model, pruned_at, name, part) in zip(axes, found, strict=True):
        _panel(ax, part, name)
        place = "initialisation" if pruned_at == "init" else "the rewind point"
        seeds = style.seeds_of(part, "method", "objective", "density_requested")
        ax.set_title(f"{model_label(model)} at {place}\n({seeds})")
    style.shared_legend(figure)
    return figure


def _part(group: pd.DataFrame, objective: str) -> pd.DataFrame:
    """An objective's values of the tickets drawn for it and of those drawn for none; no lines for
    an objective that no ticket was drawn for."""
    part = group[group["objectives_objective"] == objective]
    searched = set(group["objective"].dropna()) or {"delta_loss", "grad_norm"}
    if objective not in searched:
        return part.iloc[:0]
    drawn_for = part["objective"].isin([objective]) | part["objective"].isna()
    others = {method for method in SALIENCY_OF.values() if method != SALIENCY_OF.get(objective)}
    return part[drawn_for & ~part["method"].isin(others)]


def _panel(ax: Axes, part: pd.DataFrame, objective: str) -> None:
    part = part.copy()
    if objective == "grad_norm":  # minimised as its negative
        part["value"] = -part["value"]
    part["id"] = part["method"].where(
        part["method"] != "cts", "cts " + part["gradient_step"].astype(str)
    )
    for name, lines in part.groupby("id", sort=False):
        style.mean_line(ax, lines, "density_requested", "value", style.look(str(name)))
    style.sparsity_axis(ax, part["density_requested"].tolist())
    positive = part["value"][part["value"] > 0]
    # A value of exactly zero, as of a gradient through emptied layers, falls off a log axis.
    if part["value"].min() >= 0 and positive.max() > 20 * positive.min():
        ax.set_yscale("log")
    ax.set_ylabel(OBJECTIVES[objective])
