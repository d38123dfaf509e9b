"""A table of lines: the neurons that are left, and tickets as they were drawn."""

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.judge.tables.lines import average_architecture, by_line
from benchmarks.plan.presets import get_preset
from benchmarks.plan.suites import get_suite
from benchmarks.results.lookup import Results
from benchmarks.results.writer import StoreWriter
from tests.benchmarks import made_up


@pytest.mark.parametrize(
    ("architectures", "expected"),
    [
        (["278-98-13"], "278-98-13"),
        (["278-98-13", "282-99-14"], "280-98-14"),
        (["278-98-13", ""], "278-98-13"),
        ([""], ""),
        ([], ""),
    ],
)
def test_the_mean_of_every_layer(architectures: list[str], expected: str) -> None:
    rows = [{"architecture": text} for text in architectures]
    assert average_architecture(rows) == expected


def test_tickets_as_they_were_drawn_are_shown_where_the_block_asks(tmp_path: Path) -> None:
    preset = get_preset("demo").for_suite("recipe")
    block = get_suite("recipe", preset)[0]
    line = block.lines[0]
    assert line.cell
    store = StoreWriter(tmp_path / "recipe.csv")
    for seed, before in enumerate((80.0, 82.0)):
        cell = replace(line.cell, seed=seed)
        store.append(made_up.row("", cell_key=cell.key, seed=seed, accuracy_before_training=before))
    results = Results(store, [0, 1])
    headers, (first, *_) = by_line(block, results)
    assert dict(zip(headers, first, strict=True))["as drawn %"] == "81.0 ± 1.4"
    assert "as drawn %" not in by_line(replace(block, drawn=False), results).headers
