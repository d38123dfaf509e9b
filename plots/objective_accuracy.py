"""Accuracy against sparsity of CTS by its objective, one panel per model: CTS Fig. 3."""

from matplotlib.figure import Figure

from plots import sparsity_accuracy
from plots.drawing import Tables, panels


def draw(tables: Tables) -> Figure:
    """CTS's tickets alone, as they were drawn."""
    rows = tables.rows[(tables.rows["method"] == "cts") & (tables.rows["ablation"] == "none")]
    figure, found = panels(rows, "model", (4.8, 3.6))
    for ax, model, part in found:
        sparsity_accuracy.draw_panel(ax, part)
        ax.set_title(f"objectives of CTS, {model}, {part['dataset'].iloc[0]}")
    return figure
