"""What is said about a method, from rows that are made up."""

import csv
import io
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from benchmarks.judge.tables import markdown
from benchmarks.judge.verdict import Verdict, judge
from benchmarks.plan.comparison import Baseline, Candidate, Comparison
from benchmarks.plan.presets import Preset
from benchmarks.plan.suites import cells_of
from benchmarks.results.lookup import Results
from benchmarks.results.store import Row
from benchmarks.results.writer import StoreWriter
from lottery.training.recipe import Recipe
from tests.benchmarks import made_up

PRESET = Preset(
    *("tiny", "made up", (0, 1, 2), "float32"),
    grid={"resnet20": [5, 10]},
    recipe={"resnet20": Recipe()},
)
COMPARISON = Comparison(
    "made-up-1",
    "tickets",
    "digits",
    (Baseline("SNIP", "snip", "init"), Baseline("Random", "random", "init")),
    {"tiny": PRESET},
)
MINE = Candidate("mine", "init", "abc")
ACCURACY = {"mine": 90.0, "snip": 89.0, "random": 50.0}
SPREAD = (0.0, 0.4, -0.3)


def rows(
    accuracy: Callable[[str, float, int], float], candidate: Candidate = MINE, **more: str
) -> dict[str, Row]:
    """A row for every cell; ablations end ten points lower."""
    found = {}
    for cell in cells_of(COMPARISON.blocks(PRESET, candidate), PRESET.seeds):
        assert cell.density is not None
        value = accuracy(cell.method, cell.density, cell.seed)
        value -= 0 if cell.ablation == "none" else 10 + 0.1 * cell.seed
        found[cell.key] = made_up.row("") | {
            "method": cell.method,
            "source": cell.source,
            "seed": str(cell.seed),
            "pruned_at": cell.pruned_at,
            "accuracy": f"{value:.4f}",
            "density": str(cell.density),
            "cell_key": cell.key,
            "search_epochs": "5" if cell.method == "mine" else "1",
            "train_epochs": "12",
            "search_seconds": "1",
            "train_seconds": "2",
            "weights_sha256": f"w{cell.seed}",
            "device": "cpu",
            "precision": "float32",
            "torch": "2",
            **({} if cell.method != "mine" else more),
        }
    return found


def usual(method: str, density: float, seed: int) -> float:
    wobble = SPREAD[seed] * {"mine": 1, "snip": -1, "random": 2}.get(method, 0)
    return ACCURACY[method] + wobble


def verdict(
    found: dict[str, Row],
    candidate: Candidate = MINE,
    seeds: tuple[int, ...] = PRESET.seeds,
    preset: Preset = PRESET,
) -> Verdict:
    with TemporaryDirectory() as folder:
        store = StoreWriter(Path(folder) / "made-up-1.csv")
        for row in found.values():
            store.append(row)
        return judge(COMPARISON, preset, candidate, Results(store, seeds))


def test_differences_are_paired_and_corrected_for_all_comparisons() -> None:
    differences = verdict(rows(usual)).differences
    assert len(differences) == 4  # two baselines at two densities
    snip, random = differences[:2]
    assert (snip.baseline, random.baseline) == ("SNIP", "Random")
    values = [1 + 2 * s for s in SPREAD]
    assert snip.mean == pytest.approx(sum(values) / 3)
    centre = sum(values) / 3
    error = math.sqrt(sum((v - centre) ** 2 for v in values) / 2 / 3)
    assert snip.high - snip.mean == pytest.approx(4.302652729911275 * error)
    assert snip.outcome == "not told apart"
    assert random.outcome == "better"
    assert random.p < 0.05 < snip.p


def test_worse_is_told_too() -> None:
    worse = verdict(rows(lambda m, d, s: usual(m, d, s) - (60 if m == "mine" else 0)))
    assert {d.outcome for d in worse.differences} == {"worse"}
    assert "4 comparisons: 4 worse" in worse.sections[0].lead


def test_a_correction_counts_every_comparison() -> None:
    one = replace(PRESET, grid={"resnet20": [5]})
    found = rows(usual)
    few = verdict(found, preset=one).differences
    many = verdict(found).differences
    assert few[1].p < many[1].p


@pytest.mark.parametrize("seeds", [(0,), ()])
def test_one_seed_is_not_enough(seeds: tuple[int, ...]) -> None:
    said = verdict(rows(usual), seeds=seeds)
    assert all(d.outcome == "not enough seeds to tell" for d in said.differences)
    assert "better" not in said.sections[0].lead


def test_differences_that_do_not_vary_tell_nothing() -> None:
    said = verdict(rows(lambda m, d, s: {"mine": 90.0, "snip": 89.0, "random": 90.0}[m]))
    assert {(d.baseline, d.outcome) for d in said.differences} == {
        ("SNIP", "not enough seeds to tell"),
        ("Random", "equal on every seed"),
    }


def test_the_front() -> None:
    points = verdict(rows(usual)).points
    assert {(p.label, p.on_front) for p in points} == {
        ("mine", True),  # the most accurate, if dearest
        ("SNIP", True),  # as cheap as random and more accurate
        ("Random", False),
    }
    cheap = verdict(rows(lambda m, d, s: usual(m, d, s) - (5 if m == "mine" else 0))).points
    assert {p.label for p in cheap if p.on_front} == {"SNIP"}


def test_what_is_not_equal_is_marked() -> None:
    def notes(**more: str) -> str:
        return " ".join(verdict(rows(usual, MINE, **more)).sections[0].notes)

    assert "Marked" not in notes()
    assert "Rows differ" not in notes()
    assert "Marked: the method is not trained by the comparison's recipe" in notes(train_epochs="0")
    assert "start from the same weights (seed 0 at init" in notes(weights_sha256="other")
    for devices in ("cuda", "cpu + cuda"):
        assert "Rows differ in device: cpu; cuda." in notes(device=devices)


def test_sanity_checks_and_those_that_cannot_be_made() -> None:
    found = rows(usual)
    (table,) = verdict(found).sections[1].tables
    assert [line[2] for line in table.lines] == ["yes", "yes"]
    cells = cells_of(COMPARISON.blocks(PRESET, MINE), PRESET.seeds)
    kept = {c.key: found[c.key] for c in cells if c.ablation != "invert"}
    said = verdict(kept)
    assert all(
        line[2] == "yes" and "invert" not in line[3] for line in said.sections[1].tables[0].lines
    )
    assert "Without a result, failed or not yet run (6 cells)" in said.sections[0].notes[-1]
    # What was not run leaves the verdict open, whatever the others say.
    kept = {c.key: found[c.key] for c in cells if c.ablation != "shuffle_layerwise"}
    (table,) = verdict(kept).sections[1].tables
    assert [line[2] for line in table.lines] == ["not enough seeds to tell"] * 2
    own = Candidate("mine", "init", "abc", checked=False)
    assert "there is no ticket to ablate" in verdict(rows(usual, own), own).sections[1].notes[0]


def test_nothing_yet() -> None:
    said = verdict({})
    assert said.sections[0].lead == "mine: nothing to compare yet."
    assert "(36 cells)" in said.sections[0].notes[-1]
    assert said.csv().count("\n") == 1


def test_markdown_and_csv() -> None:
    said = verdict(rows(usual))
    text = markdown(said.sections)
    assert text.startswith("## mine in made-up-1, preset tiny\n\n**mine against the baselines, 4")
    assert "paired t-test" in text
    assert "With 3 seeds and 4 comparisons" in text
    lines = list(csv.DictReader(io.StringIO(said.csv())))
    assert len(lines) == 6
    mine = next(line for line in lines if line["candidate"] == "True")
    assert (mine["label"], mine["source"], mine["seeds"]) == ("mine", "abc", "3")
    assert float(mine["epochs"]) == 17
