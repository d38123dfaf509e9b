"""Suites are found by their folder."""

from pathlib import Path

import pytest

from benchmarks.plan import suites
from benchmarks.plan.presets import Preset
from benchmarks.plan.suite import SUITES, suite


def test_every_file_of_the_folder_has_a_suite() -> None:
    files = {path.stem for path in Path(suites.__file__).parent.glob("*.py")}
    with_a_suite = {blocks.__module__.rpartition(".")[2] for blocks in SUITES.values()}
    assert with_a_suite == files - {"__init__"}


def test_a_suite_has_the_name_of_its_function(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.plan.suite.SUITES", found := dict(SUITES))

    @suite
    def one_more_table(preset: Preset) -> tuple[()]:
        return ()

    assert found["one-more-table"] is one_more_table
    with pytest.raises(ValueError, match="suite 'one-more-table' is registered already"):
        suite(one_more_table)
