"""Keys of cells and stages stay as they are: rows and caches from before are still used."""

from collections import Counter

import pytest

from tests.benchmarks import keys


@pytest.fixture(scope="module")
def now() -> dict[str, keys.Listed]:
    return keys.listed()


def test_no_key_has_changed(now: dict[str, keys.Listed]) -> None:
    changed = keys.changes(now, keys.FILE.read_text())
    again = "if that is meant, python -m tests.benchmarks.keys records them"
    assert not changed, "\n".join([*changed, again])


def test_every_cell_has_a_short_hash_of_its_own(now: dict[str, keys.Listed]) -> None:
    first = {name: Counter(cell.seed for cell in cells) for name, cells in keys.every_suite()}
    counts = {name: next(iter(seeds.values())) for name, seeds in first.items()}
    assert {name: len(suite.first_seed) for name, suite in now.items()} == counts


def test_a_change_is_named(now: dict[str, keys.Listed]) -> None:
    text = keys.text_of(now)
    assert keys.changes(now, text) == []
    some = next(iter(now["demo table2"].first_seed))
    changed = text.replace(now["demo table2"].summary, "9 cells 0123456789abcdef")
    (line,) = keys.changes(now, changed.replace(some, "abcdef"))
    assert line.startswith("demo table2: 9 cells ")
    assert "1 are gone and 1 are new: " in line
    assert line.endswith(now["demo table2"].first_seed[some])
    fewer = {name: suite for name, suite in now.items() if name != "paper table3"}
    assert keys.changes(fewer, text) == ["paper table3: no longer there"]
    assert keys.changes(now, keys.text_of(fewer))[0].startswith("paper table3: 12 cells ")
