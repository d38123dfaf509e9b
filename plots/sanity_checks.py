"""Tickets against their ablations, one panel per method: CTS Figs. 4 and 5."""

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from plots import style
from plots.drawing import Tables

LOOKS = {
    "none": style.Look("ticket", "#0072B2", "o", "-"),
    "shuffle_layerwise": style.Look("shuffled in each layer", "#E69F00", "s", "--"),
    "reinitialise": style.Look("new initial weights", "#009E73", "^", "-."),
    "invert": style.Look("lowest scores", "#000000", "X", ":"),
}


def draw(tables: Tables) -> Figure:
    """Mean and confidence band over seeds of each ticket and its ablations."""
    rows = tables.rows
    ids = [*map(style.method_id, rows["method"], rows["objective"], rows["options"])]
    panels = list(rows.groupby([rows["model"], ids], sort=False))
    columns = min(3, len(panels))
    lines = -(-len(panels) // columns)
    figure, axes = plt.subplots(
        lines, columns, figsize=(3.6 * columns, 3.1 * lines), squeeze=False, sharey=True
    )
    for ax in axes.flat[len(panels) :]:
        ax.set_visible(False)
    for ax, ((model, name), part) in zip(axes.flat, panels, strict=False):
        for ablation, look in LOOKS.items():
            group = part[part["ablation"] == ablation]
            if group.empty:
                continue
            style.mean_line(ax, group, "density_requested", "accuracy", look)
        style.sparsity_axis(ax, part["density_requested"].tolist())
        at = part["pruned_at"].iloc[0]
        ax.set_title(f"{style.look(str(name)).label}, drawn at {at}, {model}")
        ax.set_ylabel("test accuracy (%)")
    return figure
