"""python -m plots SUITE: draw a suite's figures from its results, where they are newer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import tyro

from lottery.core.command_line import run_command
from lottery.core.errors import BadInput
from lottery.core.extras import needing
from plots.figures import by_suite
from plots.freshness import content_hash, drawn_from

USUAL = {"": "sparsity_accuracy"}  # of a suite that is not here
COMPARED = {"": "comparison"}  # of each method in a comparison's folder
BESIDE = ("-search", "-layers", "-objectives")  # what the tables beside a suite's rows end in


@dataclass(frozen=True)
class Options:
    """Draw results/<preset>/<suite>*.png, .pdf and .svg from the CSVs beside them, of a comparison
    those of every method that was compared."""

    suite: tyro.conf.Positional[str] = ""
    """Whose results are drawn; all draws every preset's."""
    preset: str = "demo"
    """Their folder; those whose names begin with it and a dash are drawn too."""
    results: Path = Path("results")
    """Folder of the results."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; exit status 0, or 2 with one line where there is nothing to draw."""
    return run_command(_main, Options, "python -m plots", arguments)


def _main(options: Options) -> int:
    if options.suite == "all":
        return _draw_all(options.results)
    preset = Path(options.preset).stem if options.preset.endswith(".toml") else options.preset
    asked = options.results / preset
    # With other models and data in the papers' place a preset has further folders.
    others = [path for path in sorted(options.results.glob(f"{preset}-*")) if path.is_dir()]
    found = [each for folder in (asked, *others) for each in _sources(folder, options.suite)]
    rows = asked / f"{options.suite}.csv"
    if not found and not figures_of(rows):
        known = f"{', '.join(by_suite())}, all, or a comparison that was run"
        raise BadInput(f"no figure for {options.suite!r}: {known}")
    if not found:
        raise BadInput(f"there is no {rows}; run the suite first")
    for source, figures in found:
        draw(source, figures)
        print(f"rows: {source}")
    return 0


def _sources(folder: Path, suite: str) -> list[tuple[Path, Mapping[str, str]]]:
    """A suite's results in a preset's folder, and their figures; of a comparison every method's."""
    compared = sorted(p for p in folder.glob("*/*.csv") if p.parent.name == suite)
    if compared:
        return [(path, COMPARED) for path in compared]
    rows = folder / f"{suite}.csv"
    return [(rows, figures)] if rows.exists() and (figures := figures_of(rows)) else []


def _draw_all(results: Path) -> int:
    presets = sorted(path for path in results.glob("*") if path.is_dir())
    if not presets:
        raise BadInput(f"there are no results in {results}; run a suite first")
    for preset in presets:
        for source in sorted(preset.glob("*.csv")):
            draw(source, figures_of(source))
        for source in sorted(preset.glob("*/*.csv")):
            draw(source, COMPARED)
    return 0


def figures_of(rows: Path) -> Mapping[str, str]:
    """The figures of a suite's results file; none for one that there is not, of a comparison (its
    folder has them) or beside another."""
    if rows.stem in by_suite():
        return by_suite()[rows.stem]
    others = rows.stem.endswith(BESIDE) or rows.with_suffix("").is_dir()
    return USUAL if rows.is_file() and not others else {}


def draw(source: Path, figures: Mapping[str, str]) -> None:
    """Draw the figures of a results file, but for those that say that they are of its content."""
    content = content_hash(source) if figures else ""
    for suffix, name in figures.items():
        figure = source.with_name(f"{source.stem}{suffix}.png")
        if drawn_from(figure) != content:
            # Plotting libraries take seconds to import; figures that are up to date do without.
            with needing("plots"):
                drawing = import_module("plots.drawing")
            try:
                drawing.draw(name, source, figure, content)
            except drawing.NothingToDraw as reason:
                print(f"no figure {figure.name}: {reason}")
                continue
        print(f"figure: {figure}")
