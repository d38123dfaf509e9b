"""Accuracy against sparsity, one panel per paper and dataset: CTS Figs. 2 and 3.

python -m plots.sparsity_accuracy SUITE [--preset demo] [--results results]
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import tyro

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Options:
    """Draw results/<preset>/<suite>.png and .pdf from the CSV beside them."""

    suite: tyro.conf.Positional[str]
    """Whose CSV is read."""
    preset: str = "demo"
    """Its folder."""
    results: Path = Path("results")
    """Folder of the results."""


def draw(source: Path) -> None:
    """Write the figure of a results file beside it, as PNG and PDF."""
    # Plotting libraries take seconds to import; a figure that is up to date does without.
    import matplotlib.pyplot as plt
    import pandas as pd

    from plots import style

    style.apply()
    rows = pd.read_csv(source)
    rows = rows[(rows["protocol"] == rows["protocol"].max()) & (rows["ablation"] == "none")]
    panels = list(rows.groupby(["paper", "dataset"], sort=False))
    crowded = rows["method"].nunique() > 8
    size = (6.4, 5.2) if crowded else (4.4, 3.5)
    width, height = size[0] * len(panels), size[1]
    figure, axes = plt.subplots(1, len(panels), figsize=(width, height), squeeze=False)
    for ax, ((paper, dataset), part) in zip(axes[0], panels, strict=True):
        draw_panel(ax, part)
        ax.set_title(f"{str(paper).upper()}, {dataset}")
        if crowded:
            ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    figure.tight_layout()
    style.save(figure, source)
    plt.close(figure)


def draw_panel(ax: "Axes", rows: "pd.DataFrame") -> None:
    """One line or, where the method finds its own density, one point per method and model."""
    import seaborn as sns

    from plots import style

    ids = [*map(style.method_id, rows["method"], rows["objective"], rows["options"])]
    models = list(rows["model"].unique())
    for (name, model), group in rows.groupby([ids, rows["model"]], sort=False):
        look = style.look(str(name))
        free = group["density_requested"].isna().all()
        sns.lineplot(
            x=group["density"].mean() if free else group["density_requested"],
            y=group["accuracy"],
            errorbar=("ci", 95) if group["seed"].nunique() > 1 else None,
            ax=ax,
            label=look.label if len(models) == 1 else f"{look.label}, {model}",
            color=look.colour,
            marker=look.marker,
            markersize=7,
            markeredgecolor=look.colour,
            # A second model has hollow markers.
            markerfacecolor="white" if models.index(model) else look.colour,
            linestyle=look.line,
        )
    style.sparsity_axis(ax, rows["density"].tolist())
    ax.set_ylabel("test accuracy (%)")
    ax.legend()


def main() -> int:
    """Draw if the CSV is newer than the figure."""
    options = tyro.cli(Options, prog="python -m plots.sparsity_accuracy")
    source = options.results / options.preset / f"{options.suite}.csv"
    if not source.exists():
        print(f"error: there is no {source}; run the suite first", file=sys.stderr)
        return 2
    figure = source.with_suffix(".pdf")
    if not figure.exists() or figure.stat().st_mtime < source.stat().st_mtime:
        draw(source)
    print(f"rows: {source}   figure: {source.with_suffix('.png')}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
