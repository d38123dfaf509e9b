"""Tickets against their ablations, one panel per method: CTS Figs. 4 and 5."""

from matplotlib.figure import Figure

from plots import style
from plots.drawing import Tables, panels

LOOKS = {
    "none": style.Look("ticket", "#0072B2", "o", "-"),
    "shuffle_layerwise": style.Look("shuffled in each layer", "#E69F00", "s", "--"),
    "reinitialise": style.Look("new initial weights", "#009E73", "^", "-."),
    "invert": style.Look("lowest scores", "#000000", "X", ":"),
}


def draw(tables: Tables) -> Figure:
    """Mean and confidence band over seeds of each ticket and its ablations."""
    rows = tables.rows
    by = [rows["model"], style.method_ids(rows)]
    figure, found = panels(rows, by, (3.6, 3.1), columns=3, sharey=True)
    for ax, (model, name), part in found:
        for ablation, look in LOOKS.items():
            group = part[part["ablation"] == ablation]
            if group.empty:
                continue
            style.mean_line(ax, group, "density_requested", "accuracy", look)
        style.sparsity_axis(ax, part["density_requested"].tolist())
        at = part["pruned_at"].iloc[0]
        ax.set_title(f"{style.look(str(name)).label}, drawn at {at}, {model}")
    for ax, *_ in found:  # the panels share it: not before all are drawn
        style.accuracy_axis(ax)
    return figure
