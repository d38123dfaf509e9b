"""The keys of every cell and of its stages, by preset and suite.

`python -m tests.benchmarks.keys` writes keys.txt again, for a change that is meant to give cells or
stages other keys. Rows and caches of the old ones are then no longer used.
"""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from textwrap import wrap
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import patch

import torch

from benchmarks.plan.cell import Cell, content_hash
from benchmarks.plan.comparison import Candidate, comparison_names, get_comparison
from benchmarks.plan.presets import get_preset
from benchmarks.plan.suites import SUITES, cells_of, get_suite
from benchmarks.run import pipeline, stages
from benchmarks.run.pipeline import Bench, CellWork
from benchmarks.run.stages import Stage, Stages
from benchmarks.run.watch import Watch
from lottery.core.mask import Mask
from lottery.core.network import Network
from lottery.data import DATASETS, Images

FILE = Path(__file__).with_name("keys.txt")
CANDIDATE = Candidate("snip", "init", source="of its code")
DIGITS = 6  # of a cell's hash, enough to distinguish it from the others of its suite


class Listed:
    """A suite's cells at one preset: their keys, and those of the first seed with their stages'.

    Attributes:
        first_seed: what each cell of the first seed is, by the first digits of its hash.
    """

    def __init__(self, cells: list[Cell], bench: Bench) -> None:
        first = [cell for cell in cells if cell.seed == cells[0].seed]
        hashes = [content_hash({"keys": keys_of(cell, bench)}) for cell in first]
        words = [cell.describe() for cell in first]
        self.first_seed = {key[:DIGITS]: word for key, word in zip(hashes, words, strict=True)}
        everything = sorted([*hashes, *(cell.key for cell in cells)])
        self.summary = f"{len(cells)} cells {content_hash({'keys': everything})}"


def every_suite() -> Iterator[tuple[str, list[Cell]]]:
    """The cells of each suite, and of each comparison with a candidate, at each preset."""
    for name in ("demo", "quick", "paper"):
        for suite in SUITES:
            preset = get_preset(name).for_suite(suite)
            yield f"{name} {suite}", cells_of(get_suite(suite, preset), preset.seeds)
        for comparison in map(get_comparison, comparison_names()):
            preset = comparison.preset(name)
            blocks = comparison.blocks(preset, CANDIDATE)
            yield f"{name} {comparison.name}", cells_of(blocks, preset.seeds)


class Asked(Exception):
    """Raised with the path of a stage in place of running it."""


class NoStages(Stages):
    """Stages that say where they would be kept."""

    def _load(self, path: Path, check: Callable[[Stage], object]) -> Stage | None:
        raise Asked(path)


def keys_of(cell: Cell, bench: Bench) -> list[str]:
    """The key of a cell and those of its stages, with a stand-in for the mask and the weights that
    the dense and the last training start from."""
    work = CellWork(cell, bench)
    work.stages = NoStages(bench.cache_root, work.data, bench.watch, "a device")
    network, mask = cast(Network, object()), cast(Mask, SimpleNamespace(sha256="of a mask"))
    before, after = range(work.draw_step), range(work.start_step, work.end_step)
    return [
        cell.key,
        content_hash(work._task(work.draw_step)),
        asked(lambda: work._train("dense", network, mask, before)),
        asked(lambda: work.draw(network)),
        asked(lambda: work._train("trained", network, mask, after)),
        f"steps {before} {after}",
    ]


def asked(run: Callable[[], Any]) -> str:
    """Kind and key of the stage that is asked for first."""
    try:
        run()
    except Asked as stage:
        (path,) = stage.args
        return f"{path.parent.name}/{path.stem}"
    raise AssertionError("no stage was asked for")


def blank(dataset: str, root: Path) -> tuple[Images, Images]:
    """As many images as the dataset has, of one pixel each."""
    size = DATASETS[dataset].train_size
    images = Images(torch.zeros(size, 1, 1, 1, dtype=torch.uint8), torch.zeros(size))
    return images, images


def listed() -> dict[str, Listed]:
    """Every cell as the code has it now, by preset and suite."""
    with (
        patch.multiple(pipeline, load_parts=blank, parameters_hash=lambda network: "of weights"),
        patch.object(stages, "claim", lambda path, watch: nullcontext()),
        tempfile.TemporaryDirectory() as folder,
    ):
        root = Path(folder)
        bench = Bench(root, root, torch.device("cpu"), "float32", Watch(show=False))
        return {name: Listed(cells, bench) for name, cells in every_suite()}


def text_of(suites: dict[str, Listed]) -> str:
    """A line for each suite, and under it the first seed's cells."""
    lines = []
    for name, suite in suites.items():
        hashes = wrap(" ".join(suite.first_seed), 98)
        lines += [f"{name}: {suite.summary}", *(f"  {line}" for line in hashes)]
    return "\n".join(lines) + "\n"


def recorded(text: str) -> dict[str, tuple[str, set[str]]]:
    """What `text_of` wrote: of each suite its summary and the first seed's cells."""
    found: dict[str, tuple[str, set[str]]] = {}
    name = ""
    for line in text.splitlines():
        if line.startswith(" "):
            found[name][1].update(line.split())
        else:
            name, summary = line.split(": ")
            found[name] = (summary, set())
    return found


def changes(suites: dict[str, Listed], text: str) -> list[str]:
    """A line for each suite whose keys are not those of the text, with the first that differ."""
    before = recorded(text)
    lines = [f"{name}: no longer there" for name in before if name not in suites]
    for name, suite in suites.items():
        summary, cells = before.get(name, ("nothing", set()))
        if suite.summary != summary:
            new = [words for key, words in suite.first_seed.items() if key not in cells]
            gone = len(cells - suite.first_seed.keys())
            lines.append(
                f"{name}: {suite.summary}, recorded were {summary}; of the first seed's "
                f"{gone} are gone and {len(new)} are new: {'; '.join(new[:3]) or 'none'}"
            )
    return lines


if __name__ == "__main__":
    FILE.write_text(text_of(listed()))
