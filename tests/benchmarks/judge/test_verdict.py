"""What is said about a method, from rows that are made up."""

import csv
import io
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import mean, stdev
from tempfile import TemporaryDirectory

import pytest
from scipy import stats

from benchmarks.judge.differences import Rank
from benchmarks.judge.statistics import paired_p, seeds_needed
from benchmarks.judge.tables import markdown
from benchmarks.judge.verdict import Verdict, judge
from benchmarks.plan.cell import Cell
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
    asked: list[Cell] | None = None,
) -> Verdict:
    with TemporaryDirectory() as folder:
        store = StoreWriter(Path(folder) / "made-up-1.csv")
        for row in found.values():
            store.append(row)
        return judge(COMPARISON, preset, candidate, Results(store, seeds), asked)


def test_differences_at_each_density_are_paired_and_corrected_for_all() -> None:
    differences = verdict(rows(usual)).differences
    assert len(differences) == 4  # two baselines at two densities
    snip, random = differences[:2]
    assert (snip.baseline, random.baseline) == ("SNIP", "Random")
    values = [1 + 2 * s for s in SPREAD]
    assert snip.mean == pytest.approx(sum(values) / 3)
    centre = sum(values) / 3
    error = math.sqrt(sum((v - centre) ** 2 for v in values) / 2 / 3)
    assert snip.high - snip.mean == pytest.approx(4.302652729911275 * error)
    assert snip.outcome == "indistinguishable"
    assert random.outcome == "better"
    assert random.p < 0.05 < snip.p


def test_worse_is_told_too() -> None:
    worse = verdict(rows(lambda m, d, s: usual(m, d, s) - (60 if m == "mine" else 0)))
    assert {d.outcome for d in worse.differences} == {"worse"}
    assert worse.sections[0].lead == (
        "mine is number 3 of 3 by mean accuracy (by the tests 3): worse than SNIP, Random."
    )


def test_over_all_densities_each_seed_counts_once() -> None:
    """SNIP is one point behind at the first density, and three at the second."""
    denser, sparser = 0.8**5, 0.8**10
    behind = {denser: 1.0, sparser: 3.0}
    wobble = {denser: (0.3, 0.0, -0.3), sparser: (0.1, 0.2, 0.0)}

    def accuracy(method: str, density: float, seed: int) -> float:
        if method == "snip":
            return 80 - behind[density] + wobble[density][seed]
        return 80 + 10 * seed if method == "mine" else 20 + 9.9 * seed

    snip, random = verdict(rows(accuracy)).overall
    by_seed = [10 * s + 2 - (wobble[denser][s] + wobble[sparser][s]) / 2 for s in range(3)]
    assert list(snip.by_seed.values()) == pytest.approx(by_seed)
    assert (snip.baseline, snip.density, snip.densities, snip.seeds) == ("SNIP", None, 2, 3)
    expected = stats.ttest_1samp(by_seed, 0)
    assert (snip.low, snip.high) == pytest.approx(tuple(expected.confidence_interval()))
    assert snip.p == pytest.approx(expected.pvalue)  # the largest of two
    assert random.outcome == "better"
    assert random.p == pytest.approx(2 * paired_p([60.0, 60.1, 60.2], "two-sided"))


def test_a_seed_counts_over_all_densities_when_it_has_all_of_them() -> None:
    found = rows(usual)
    last = max(
        (cell for cell in cells_of(COMPARISON.blocks(PRESET, MINE), [2]) if cell.method == "snip"),
        key=lambda cell: -(cell.density or 0),
    )
    del found[last.key]
    snip, random = verdict(found).overall
    assert (list(snip.by_seed), snip.densities) == ([0, 1], 2)
    assert list(random.by_seed) == [0, 1, 2]
    # A density that one of the two never has is left out, and said.
    without = {
        cell.key: found[cell.key]
        for cell in cells_of(COMPARISON.blocks(PRESET, MINE), PRESET.seeds)
        if cell.key in found and (cell.method, cell.density) != ("snip", last.density)
    }
    said = verdict(without)
    assert [d.densities for d in said.overall] == [1, 2]
    assert "Over fewer than 2 sparsities: SNIP (1)." in said.sections[0].notes


def test_the_ranking_is_by_mean_difference_and_says_what_tests_leave_open() -> None:
    said = verdict(rows(usual))
    assert said.rank == Rank(place=1, of=3, best=1, worst=2)
    assert said.sections[0].lead == (
        "mine is number 1 of 3 by mean accuracy (by the tests 1 to 2): better than Random; "
        "indistinguishable from SNIP."
    )
    (table,) = said.sections[0].tables
    assert [line[:2] for line in table.lines] == [["1", "mine"], ["2", "SNIP"], ["3", "Random"]]
    lower = verdict(rows(lambda m, d, s: usual(m, d, s) - (5 if m == "mine" else 0)))
    assert lower.rank == Rank(place=2, of=3, best=2, worst=2)
    (table,) = lower.sections[0].tables
    assert [line[:2] for line in table.lines] == [["1", "SNIP"], ["2", "mine"], ["3", "Random"]]


def test_the_number_of_seeds_that_would_tell_is_by_the_measured_spread() -> None:
    snip, random = verdict(rows(usual)).overall
    values = list(snip.by_seed.values())
    assert snip.seeds_needed == seeds_needed(mean(values) / stdev(values), 0.05)
    assert random.seeds_needed is None
    (table,) = verdict(rows(usual)).sections[0].tables
    assert [line[-1] for line in table.lines] == ["", str(snip.seeds_needed), "enough"]


def test_a_correction_counts_every_comparison() -> None:
    """SNIP at two densities is what the other comparisons are corrected for."""
    one = replace(PRESET, grid={"resnet20": [5]})
    found = rows(usual)
    few = verdict(found, preset=one).differences
    many = verdict(found).differences
    assert few[1].p < many[1].p


def test_one_density_is_said_once() -> None:
    said = verdict(rows(usual), preset=replace(PRESET, grid={"resnet20": [5]}))
    assert [section.heading for section in said.sections] == [
        "mine in made-up-1, preset tiny",
        "mine: sanity checks",
        "mine: accuracy against cost",
    ]


@pytest.mark.parametrize("seeds", [(0,), ()])
def test_one_seed_is_not_enough(seeds: tuple[int, ...]) -> None:
    said = verdict(rows(usual), seeds=seeds)
    assert all(d.outcome == "not enough seeds to tell" for d in (*said.overall, *said.differences))
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
    (table,) = verdict(found).sections[2].tables
    assert [line[2] for line in table.lines] == ["yes", "yes"]
    cells = cells_of(COMPARISON.blocks(PRESET, MINE), PRESET.seeds)
    kept = {c.key: found[c.key] for c in cells if c.ablation != "invert"}
    said = verdict(kept)
    assert all(
        line[2] == "yes" and "invert" not in line[3] for line in said.sections[2].tables[0].lines
    )
    assert "Without a result, failed or not yet run (6 cells)" in said.sections[0].notes[-1]
    # What was not run leaves the verdict open, whatever the others say.
    kept = {c.key: found[c.key] for c in cells if c.ablation != "shuffle_layerwise"}
    (table,) = verdict(kept).sections[2].tables
    assert [line[2] for line in table.lines] == ["not enough seeds to tell"] * 2
    own = Candidate("mine", "init", "abc", checked=False)
    assert "there is no ticket to ablate" in verdict(rows(usual, own), own).sections[2].notes[0]


def test_without_a_result_of_its_own_nothing_is_tabled() -> None:
    baselines = {key: row for key, row in rows(usual).items() if row["method"] != "mine"}
    for found in ({}, baselines):
        said = verdict(found)
        (section,) = said.sections
        assert section.lead == "mine: no result yet."
        assert section.tables == ()
        assert f"({36 - len(found)} cells)" in section.notes[-1]
        assert [said.points, said.overall, said.differences, said.rank] == [(), (), (), None]
        assert said.csv().count("\n") == 1


def test_only_cells_that_were_asked_for_are_listed() -> None:
    cells = cells_of(COMPARISON.blocks(PRESET, MINE), PRESET.seeds)
    asked = [cell for cell in cells if cell.seed == 0 and cell.ablation == "none"]
    found = rows(usual)
    kept = {cell.key: found[cell.key] for cell in asked[1:]}
    *_, listed, others = verdict(kept, asked=asked).sections[0].notes
    assert listed == (
        "Without a result, failed or not yet run (1 cells): mine resnet20 digits density 0.3277, "
        "seed 0."
    )
    assert others == "Another 30 were not asked for."
    kept = {cell.key: found[cell.key] for cell in asked}
    last = verdict(kept, asked=asked).sections[0].notes[-1]
    assert last == "30 cells of the comparison have no result."


def test_markdown_and_csv() -> None:
    said = verdict(rows(usual))
    text = markdown(said.sections)
    assert text.startswith("## mine in made-up-1, preset tiny\n\n**mine is number 1 of 3 by mean")
    assert "paired t-test" in text
    assert "With 3 seeds a difference is significant at 3.6 times" in text
    lines = list(csv.DictReader(io.StringIO(said.csv())))
    assert len(lines) == 6
    mine = next(line for line in lines if line["candidate"] == "True")
    assert (mine["label"], mine["source"], mine["seeds"]) == ("mine", "abc", "3")
    assert float(mine["epochs"]) == 17
