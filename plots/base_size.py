"""CRBG on base networks of less width: CRBG Fig. 3."""

from matplotlib.figure import Figure

from lottery.core.catalogue import dataset_label
from plots import style
from plots.drawing import Tables, grid
from plots.regions import draw_regions

FIGURE_OF = {"base-size": ""}


def draw(tables: Tables) -> Figure:
    """Sparsity and accuracy by the share of LeNet-300-100's hidden units."""
    rows = tables.rows
    first_hidden = rows["model"].str.extract(r"lenet-(\d+)-")[0].astype(int)
    rows = style.one_per_seed(rows.assign(width=first_hidden / 3), "width")
    figure, (ax,) = grid(1, 3.2)
    draw_regions(ax, rows, "width", marker="o")
    ax.invert_xaxis()
    style.percent_axis(ax, "x")
    ax.set_xlabel("width of the base network, of LeNet-300-100")
    ax.set_title(
        f"CRBG, {dataset_label(rows['dataset'].iloc[0])} ({style.seeds_of(rows, 'width')})"
    )
    style.shared_legend(figure)
    return figure
