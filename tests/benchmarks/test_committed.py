"""The tables that are committed are those that the committed rows give."""

import shutil
from pathlib import Path

import pytest

from benchmarks.judge.tables import markdown, render
from benchmarks.judge.tables.throughput import ROWS, throughput_sections
from benchmarks.plan.presets import get_preset
from benchmarks.plan.suites import get_suite
from benchmarks.results.lookup import Results
from benchmarks.results.provenance import ROOT, commit, git
from benchmarks.results.store import Store
from lottery.core.csv_table import read_csv

TABLES = sorted(path for kind in ("quick", "paper") for path in ROOT.glob(f"results/{kind}/*.md"))


def is_committed(paths: list[Path]) -> bool:
    """Whether the files are as they were committed: own runs may be of other seeds."""
    return bool(commit()) and not git("status", "--porcelain", "--", *map(str, paths))


@pytest.mark.parametrize("table", TABLES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_committed_table_is_made_of_its_rows(table: Path, tmp_path: Path) -> None:
    files = sorted(table.parent.glob(f"{table.stem}*.csv"))
    if not is_committed([table, *files]):
        pytest.skip("these results are not the committed ones")
    if table.stem == "throughput":
        assert table.read_text() == markdown(throughput_sections(read_csv(files[0], ROWS).rows))
        return
    for file in files:
        shutil.copy(file, tmp_path)
    preset = get_preset(table.parent.name).for_suite(table.stem)
    results = Results(Store(tmp_path / f"{table.stem}.csv"), preset.seeds)
    assert table.read_text() == render(get_suite(table.stem, preset), results, preset)
