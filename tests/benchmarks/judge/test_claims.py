"""The papers' claims, read off rows that are made up."""

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.judge.claims import CLAIMS, Claim, claims_section
from benchmarks.plan.cell import Cell
from benchmarks.plan.presets import get_preset
from benchmarks.plan.suites import cells_of, get_suite
from benchmarks.results.lookup import Results
from benchmarks.results.store import Store
from tests.benchmarks.cli import test_report as made

Values = Callable[[Cell], dict[str, object]]
BY_TEXT = {claim.text: claim for claim in CLAIMS}


def claim(words: str) -> Claim:
    (found,) = [each for text, each in BY_TEXT.items() if words in text]
    return found


def outcome(words: str, tmp_path: Path, values: Values) -> tuple[str, str]:
    """What is measured of a claim, and its outcome, of three seeds of demo's cells."""
    asked = claim(words)
    preset = get_preset("demo").for_suite(asked.suite)
    blocks = get_suite(asked.suite, preset)
    path = tmp_path / f"{asked.suite}.csv"
    rows = [made.row(cell) | values(cell) for cell in cells_of(blocks, [0, 1, 2])]
    made.write_rows(path, rows)
    found = asked.check(blocks, Results(Store(path), (0, 1, 2)))
    assert found
    return found.measured, found.outcome


def spread(cell: Cell) -> float:
    """Differences that are not the same on every seed."""
    return cell.seed * (0.2 if cell.method == "cts" else 0.1)


def test_a_factor_is_that_of_the_times(tmp_path: Path) -> None:
    def values(cell: Cell) -> dict[str, object]:
        return {"search_seconds": 130 if cell.method == "ltr" else 8, "train_seconds": 2}

    said = outcome("12 times faster", tmp_path, values)
    assert said == ("13.2 times by time, 1.0 by epochs", "holds")


@pytest.mark.parametrize(
    ("lead", "expected"), [(3.0, "holds"), (0.0, "indistinguishable"), (-3.0, "does not hold")]
)
def test_a_method_that_is_said_to_be_ahead_has_to_be_so_everywhere(
    tmp_path: Path, lead: float, expected: str
) -> None:
    def values(cell: Cell) -> dict[str, object]:
        sparse = cell.density is not None and cell.density < 0.005
        ahead = (lead if sparse else 3.0) if cell.method == "cts" else 0.0
        return {"accuracy": 60 + ahead + spread(cell)}

    measured, said = outcome("more accurate than LTR", tmp_path, values)
    assert said == expected
    assert measured.startswith("ahead in")


def test_twice_the_sparsity_at_equal_accuracy(tmp_path: Path) -> None:
    def values(cell: Cell) -> dict[str, object]:
        return {"density": 0.09 if cell.method == "crbg" else 0.5, "accuracy": 88.0}

    measured, said = outcome("nearly double", tmp_path, values)
    assert (measured, said) == ("1.82 times the sparsity, +0.0 points", "holds")


def test_a_claim_without_rows_is_open() -> None:
    section = claims_section({"paper": {}})
    (table,) = section.tables
    assert set(table.column(3)) == {"not yet run"}
    assert section.lead == (
        f"0 of {len(CLAIMS)} claims were measured at the papers' scale; 0 hold."
    )
