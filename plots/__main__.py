"""python -m plots SUITE: draw a suite's figure from its results, if they are newer than it."""

import sys
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import tyro

# The module of plots/ that draws a suite. Each has draw(rows) -> Figure.
FIGURES = {
    "table2": "sparsity_accuracy",
    "sparsity-accuracy": "sparsity_accuracy",
    "sanity-checks": "sanity_checks",
}


@dataclass(frozen=True)
class Options:
    """Draw results/<preset>/<suite>.png and .pdf from the CSV beside them."""

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
    figure = source.with_suffix(".pdf")
    if not figure.exists() or figure.stat().st_mtime < source.stat().st_mtime:
        # Plotting libraries take seconds to import; a figure that is up to date does without.
        import_module("plots.drawing").draw(FIGURES[options.suite], source)
    print(f"rows: {source}   figure: {source.with_suffix('.png')}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
