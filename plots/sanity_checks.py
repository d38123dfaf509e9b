"""Tickets against their ablations, one panel per method: CTS Figs. 4 and 5."""

from matplotlib.figure import Figure

from plots import one_density, style
from plots.drawing import Tables, panels


def draw(tables: Tables) -> Figure:
    """Mean and confidence band over seeds of each ticket and its ablations.

    At one density they would lie over each other: they are drawn as in Table I's figure.
    """
    rows = tables.rows
    if len(rows[["model", "density_requested"]].drop_duplicates()) == 1:
        return one_density.draw(tables)
    rows = rows.assign(name=style.method_ids(rows))
    rows = style.common_seeds(rows, "model", "name", "density_requested")
    figure, found = panels(rows, ["model", "name"], (3.6, 3.1), columns=3, sharey=True)
    for ax, (model, name), part in found:
        for ablation, look in style.ABLATION_LOOKS.items():
            group = part[part["ablation"] == ablation]
            if group.empty:
                continue
            style.mean_line(ax, group, "density_requested", "accuracy", look)
        style.sparsity_axis(ax, part["density_requested"].tolist())
        at = part["pruned_at"].iloc[0]
        ax.set_title(f"{style.look(str(name)).label}, drawn at {at}, {model}")
    for ax, *_ in found:  # the panels share it: not before all are drawn
        style.accuracy_axis(ax)
    style.shared_legend(figure)
    return figure
