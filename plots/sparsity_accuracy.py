"""Accuracy against sparsity, one panel per model and dataset: CTS Figs. 2 and 3.

python -m plots.sparsity_accuracy SUITE [--preset demo] [--results results]
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import tyro


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
    import seaborn as sns

    from plots import style

    style.apply()
    rows = pd.read_csv(source)
    rows = rows[(rows["protocol"] == rows["protocol"].max()) & (rows["ablation"] == "none")]
    rows["id"] = [style.method_id(row) for _, row in rows.iterrows()]
    panels = list(rows.groupby(["paper", "dataset", "model"], sort=False))
    figure, axes = plt.subplots(
        1, len(panels), figsize=(4.2 * len(panels), 3.4), squeeze=False, sharey=True
    )
    for ax, ((paper, dataset, model), part) in zip(axes[0], panels, strict=True):
        for name, group in part.groupby("id", sort=False):
            label, colour, marker, dashes = style.METHODS.get(
                str(name), (str(name), "#767676", "x", (1, 2))
            )
            # A density that the method finds itself differs by seed: points, not a line.
            free = group["density_requested"].isna().all()
            sns.lineplot(
                x=group["density"] if free else group["density_requested"],
                y=group["accuracy"],
                errorbar=("ci", 95) if group["seed"].nunique() > 1 else None,
                ax=ax,
                label=label,
                color=colour,
                marker=marker,
                linestyle="none" if free else "-",
                dashes=False,
            )
            if not free and dashes:
                ax.lines[-1].set_dashes(dashes)
        style.sparsity_axis(ax, part["density"].tolist())
        ax.set_title(f"{str(paper).upper()}: {model} on {dataset}")
        ax.set_ylabel("test accuracy (%)")
        ax.legend()
    for suffix in (".png", ".pdf"):
        whole = source.with_suffix(suffix)
        half = whole.with_name(f".{whole.name}.tmp{suffix}")
        figure.savefig(half)
        half.replace(whole)
    plt.close(figure)


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
