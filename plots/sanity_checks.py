"""Tickets against their ablations, one panel per method: CTS Figs. 4 and 5."""

from matplotlib.figure import Figure

from lottery.core.catalogue import model_label
from plots import one_density, style
from plots.drawing import Tables, panels

FIGURE_OF = {"sanity-checks": ""}


def draw(tables: Tables) -> Figure:
    """Mean and confidence band over seeds of each ticket and its ablations.

    At one density they would lie over each other: they are drawn as in Table I's figure.
    """
    rows = tables.rows
    if len(rows[["model", "density_requested"]].drop_duplicates()) == 1:
        return one_density.draw(tables)
    rows = rows.assign(name=style.method_ids(rows))
    rows = style.common_seeds(rows, "model", "name", "density_requested")
    figure, found = panels(rows, ["model", "name"], 2.3, columns=3, sharey=True)
    for ax, (model, name), part in found:
        for ablation, look in style.ABLATION_LOOKS.items():
            group = part[part["ablation"] == ablation]
            if group.empty:
                continue
            style.mean_line(ax, group, "density_requested", "accuracy", look)
        style.sparsity_axis(ax, part["density_requested"].tolist())
        at = {"init": "initialisation"}.get(part["pruned_at"].iloc[0], "the rewind point")
        seeds = style.seeds_of(part, "ablation", "density_requested")
        ax.set_title(f"{style.look(str(name)).label} at {at}\n{model_label(model)} ({seeds})")
    for i, (ax, _, part) in enumerate(found):  # the panels share it: not before all are drawn
        style.accuracy_axis(
            ax, dataset=part["dataset"].iloc[0], label="" if i % 3 else "test accuracy"
        )
    style.shared_legend(figure)
    return figure
