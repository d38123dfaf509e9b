"""CRBG on base networks of less width: CRBG Fig. 3."""

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from plots import style
from plots.drawing import Tables
from plots.regions import draw_regions, legend


def draw(tables: Tables) -> Figure:
    """Sparsity and accuracy by the share of LeNet-300-100's hidden units."""
    rows = tables.rows
    first_hidden = rows["model"].str.extract(r"lenet-(\d+)-")[0].astype(int)
    rows = style.one_per_seed(rows.assign(width=first_hidden / 3), "width")
    figure, ax = plt.subplots(figsize=(4.4, 4.0))
    draw_regions(ax, rows, "width", marker="o")
    ax.invert_xaxis()
    ax.set_xlabel("width of the base network (% of LeNet-300-100)")
    ax.set_title(f"CRBG on {rows['dataset'].iloc[0]}")
    legend(ax)
    return figure
