"""Whether a line agrees with its paper, and the report's account of it."""

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.judge.agreement import EXPLAINED, NOT, REPRODUCED, agreement
from benchmarks.judge.reproduction import HEADERS, reproduction
from benchmarks.plan.block import Block, Line
from benchmarks.plan.presets import get_preset
from benchmarks.plan.suites import get_suite
from benchmarks.results.lookup import Results
from benchmarks.results.writer import StoreWriter
from tests.benchmarks import made_up


def block_of(preset: str) -> Block:
    return get_suite("table1", get_preset(preset).for_suite("table1"))[1]


def line_of(label: str, preset: str = "paper") -> Line:
    return next(line for line in block_of(preset).lines if line.label == label)


def results(path: Path, line: Line, accuracies: list[float]) -> Results:
    store = StoreWriter(path / "table1.csv")
    assert line.cell
    for seed, accuracy in enumerate(accuracies):
        cell = replace(line.cell, seed=seed)
        row = made_up.row("", cell_key=cell.key, seed=seed, accuracy=accuracy)
        store.append(row)
    return Results(store, range(len(accuracies)))


@pytest.mark.parametrize(
    ("label", "accuracies", "outcome"),
    [
        ("SNIP", [66.73], REPRODUCED),  # printed: 67.73
        ("SNIP", [66.72], NOT),
        ("SNIP", [68.74], NOT),
        ("SNIP", [70.0, 72.0], NOT),  # 71 +- 1.41, and 2 * 1.41 < 3.27
        ("SNIP", [69.0, 72.0], REPRODUCED),  # 70.5 +- 2.12
        ("GraSP", [68.0], EXPLAINED),  # printed: 62.59
        ("GraSP", [62.0], REPRODUCED),
        ("GraSP, as CTS's code", [68.0], NOT),
    ],
)
def test_a_line_agrees_within_a_point_or_two_deviations(
    tmp_path: Path, label: str, accuracies: list[float], outcome: str
) -> None:
    line = line_of(label)
    found = agreement(line, results(tmp_path, line, accuracies))
    assert found
    assert line.printed
    mean = sum(accuracies) / len(accuracies)
    assert found.difference == pytest.approx(mean - line.printed.value)
    assert found.outcome == outcome


@pytest.mark.parametrize(
    ("density", "outcome"), [(0.55, REPRODUCED), (0.541, REPRODUCED), (0.53, NOT)]
)
def test_a_method_that_decides_the_sparsity_has_to_meet_it(
    tmp_path: Path, density: float, outcome: str
) -> None:
    """CRBG prints 96% at 45% sparsity."""
    block = get_suite("table1", get_preset("paper").for_suite("table1"))[0]
    line = next(line for line in block.lines if line.label == "CRBG (frozen)")
    assert line.cell
    store = StoreWriter(tmp_path / "table1.csv")
    store.append(made_up.row("", cell_key=line.cell.key, accuracy=95.5, density=density))
    found = agreement(line, Results(store, [0]))
    assert found
    assert found.outcome == outcome


def test_at_another_length_the_difference_is_all_that_is_said(tmp_path: Path) -> None:
    line = line_of("SNIP", "quick")
    found = agreement(line, results(tmp_path, line, [67.73]))
    assert found
    assert found.difference == pytest.approx(0)
    assert found.outcome is None


def test_another_task_or_no_rows_say_nothing(tmp_path: Path) -> None:
    digits, missing = line_of("SNIP", "demo"), line_of("SynFlow")
    assert agreement(digits, results(tmp_path, digits, [67.73])) is None
    assert agreement(missing, Results(StoreWriter(tmp_path / "table1.csv"), [0])) is None


def test_the_account_counts_what_was_measured(tmp_path: Path) -> None:
    block, line = block_of("paper"), line_of("SNIP")
    section = reproduction([(block, results(tmp_path, line, [68.0]))])
    (table,) = section.tables
    printed = [line for line in block.tickets if line.printed and line.cell]
    assert len(table.lines) == len(printed) == 12
    (mine,) = (dict(zip(HEADERS, row, strict=True)) for row in table.lines if row[1] == "SNIP")
    assert mine["here %"] == "68.00"
    assert (mine["difference"], mine["outcome"]) == ("+0.27", "reproduced")
    others = [row for row in table.lines if row[1] != "SNIP"]
    assert {row[-3] for row in others} == {"not yet run"}
    assert section.lead == (
        "1 of 12 printed numbers were measured at the papers' scale: 1 reproduced."
    )
