"""python -m plots SUITE: draw a suite's figures from its results, where they are newer."""

import sys
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import tyro

# The modules of plots/ that draw a suite, by what the figure's file has after the suite's name.
# Each has draw(tables) -> Figure.
FIGURES = {
    "table1": {"": "ablations", "-search": "search_log", "-training": "training"},
    "table2": {"": "sparsity_accuracy", "-search": "search_log", "-layers": "layers"},
    "sparsity-accuracy": {"": "sparsity_accuracy", "-objectives": "objective_accuracy"},
    "objectives": {"": "objective_values"},
    "saliency-gap": {"": "objective_values"},
    "sanity-checks": {"": "sanity_checks"},
    "layerwise": {"": "layerwise"},
    "base-size": {"": "base_size"},
    "lambda-grid": {"": "lambda_grid"},
    "throughput": {"": "throughput"},
}


@dataclass(frozen=True)
class Options:
    """Draw results/<preset>/<suite>*.png and .pdf from the CSVs beside them."""

    suite: tyro.conf.Positional[str]
    """Whose results are drawn."""
    preset: str = "demo"
    """Their folder."""
    results: Path = Path("results")
    """Folder of the results."""


def main() -> int:
    """Exit status 0, or 2 with one line where there is nothing to draw."""
    options = tyro.cli(Options, prog="python -m plots")
    source = options.results / options.preset / f"{options.suite}.csv"
    if options.suite not in FIGURES:
        print(f"error: no figure for {options.suite!r}: {', '.join(FIGURES)}", file=sys.stderr)
        return 2
    if not source.exists():
        print(f"error: there is no {source}; run the suite first", file=sys.stderr)
        return 2
    for suffix, name in FIGURES[options.suite].items():
        figure = source.with_name(f"{source.stem}{suffix}.png")
        if not figure.exists() or figure.stat().st_mtime < source.stat().st_mtime:
            # Plotting libraries take seconds to import; figures that are up to date do without.
            drawing = import_module("plots.drawing")
            try:
                drawing.draw(name, source, figure)
            except drawing.NothingToDraw as reason:
                print(f"no figure {figure.name}: {reason}")
                continue
        print(f"figure: {figure}")
    print(f"rows: {source}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
