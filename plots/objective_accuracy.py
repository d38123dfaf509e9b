"""Accuracy against sparsity of CTS by its objective, one panel per model: CTS Fig. 3."""

from matplotlib.figure import Figure

from plots import sparsity_accuracy, style
from plots.drawing import Tables, panels

FIGURE_OF = {"sparsity-accuracy": "-objectives"}


def draw(tables: Tables) -> Figure:
    """CTS's tickets alone, as they were drawn."""
    rows = tables.rows[(tables.rows["method"] == "cts") & (tables.rows["ablation"] == "none")]
    figure, found = panels(rows, "model", 3.0)
    for ax, model, part in found:
        sparsity_accuracy.draw_panel(ax, part)
        dataset = part["dataset"].iloc[0]
        style.accuracy_axis(ax, dataset=dataset)
        seeds = style.seeds_of(part, "objective", "density_requested")
        ax.set_title(f"CTS by its objective, {style.title_of(model, dataset)} ({seeds})")
    style.shared_legend(figure)
    return figure
