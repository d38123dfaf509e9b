"""Accuracy against sparsity of CTS by its objective, one panel per model: CTS Fig. 3."""

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from plots import sparsity_accuracy
from plots.drawing import Tables


def draw(tables: Tables) -> Figure:
    """CTS's tickets alone, as they were drawn."""
    rows = tables.rows[(tables.rows["method"] == "cts") & (tables.rows["ablation"] == "none")]
    panels = list(rows.groupby("model", sort=False))
    figure, axes = plt.subplots(1, len(panels), figsize=(4.8 * len(panels), 3.6), squeeze=False)
    for ax, (model, part) in zip(axes[0], panels, strict=True):
        sparsity_accuracy.draw_panel(ax, part)
        ax.set_title(f"objectives of CTS, {model}, {part['dataset'].iloc[0]}")
    return figure
