"""Merging: rows, side tables and tickets are taken over whole, or nothing is."""

import hashlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks.cli.merge import main
from benchmarks.plan.cell import PROTOCOL
from benchmarks.results.store import Store
from benchmarks.results.writer import StoreWriter
from lottery.core.layout import Layout
from lottery.core.mask import Mask
from lottery.core.ticket import Ticket
from tests.benchmarks import made_up

LAYERS = {"layers": [{"epoch": "", "layer": "conv.weight", "params": "4", "kept": "2"}]}
MASK = Mask(Layout.of_shapes([("conv.weight", (4,))]), torch.tensor([True, False, True, False]))


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    return tmp_path / "mine"


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    return tmp_path / "elsewhere" / "results"


def put(folder: Path, name: str, suite: str = "table2", **values: object) -> dict[str, str]:
    row = made_up.row(name, **{"suite": suite, "mask_sha256": MASK.sha256, **values})
    StoreWriter(folder / row["preset"] / f"{suite}.csv").append(row, LAYERS)
    return row


def ticket(folder: Path, name: str, mask: Mask = MASK) -> Path:
    path = folder / "tickets" / f"{made_up.key(name)}.safetensors"
    Ticket(mask, 0).save(path)
    return path


def merge(
    mine: Path, theirs: Path, capsys: pytest.CaptureFixture[str], *more: str
) -> tuple[int, str, str]:
    cache = mine.parent / "my_cache"
    status = main([str(theirs), "--results", str(mine), "--cache-root", str(cache), *more])
    said = capsys.readouterr()
    return status, said.out, said.err


def contents(folder: Path) -> dict[str, str]:
    """Hash of every file but locks."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix != ".lock"
    }


def test_rows_side_tables_and_tickets_are_taken_over(
    mine: Path, theirs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    here, there = put(mine, "a"), put(theirs, "b", accuracy="81.0")
    put(theirs, "c", suite="table1", preset="quick")
    source = ticket(theirs.parent / "cache", "b")
    ticket(theirs.parent / "cache", "of another run")
    before = contents(theirs)
    status, out, err = merge(mine, theirs, capsys)
    assert (status, err) == (0, "")
    assert "table2.csv: 1 rows taken over, 0 already here" in out
    assert out.endswith("1 tickets\n")
    store = Store(mine / "demo" / "table2.csv")
    assert [row["cell_key"] for row in store.rows()] == [here["cell_key"], there["cell_key"]]
    assert {name: store.rows()[1][name] for name in there} == there, "provenance and all"
    assert store.all_details()[there["cell_key"]]["layers"][0]["kept"] == "2"
    assert store.lacking_details() == set()
    assert len(Store(mine / "quick" / "table1.csv").rows()) == 1
    copied = mine.parent / "my_cache" / "tickets" / source.name
    assert copied.read_bytes() == source.read_bytes()
    assert [path.name for path in copied.parent.iterdir()] == [source.name]
    assert (mine / "demo" / "table2.md").read_text().startswith("## CRBG Table II")
    assert contents(theirs) == before, "reading writes nothing"


def test_merging_twice_changes_nothing(
    mine: Path, theirs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(theirs, "a")
    merge(mine, theirs, capsys)
    before = contents(mine)
    status, out, _ = merge(mine, theirs, capsys)
    assert status == 0
    assert "0 rows taken over, 1 already here" in out
    assert contents(mine) == before


@pytest.mark.parametrize(
    "other", [{"accuracy": "93.6"}, {"mask_sha256": "0" * 64}, {"accuracy_before_training": "11.0"}]
)
def test_another_result_of_a_cell_is_refused_and_both_rows_are_shown(
    mine: Path, theirs: Path, capsys: pytest.CaptureFixture[str], other: dict[str, Any]
) -> None:
    put(mine, "a", device="this one")
    put(theirs, "a", device="that one", **other)
    put(theirs, "b", preset="quick")
    before = contents(mine)
    status, out, err = merge(mine, theirs, capsys)
    assert (status, out) == (2, "")
    first, second, last = err.splitlines()
    assert "this one" in first
    assert "that one" in second
    assert last.startswith("error: 1 cells have another result here than there")
    assert contents(mine) == before, "nothing of it, of no file"


def test_the_same_result_run_elsewhere_is_no_conflict(
    mine: Path, theirs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(mine, "a", device="this one", search_seconds="1")
    put(theirs, "a", device="that one", search_seconds="9", commit="ba9876543210")
    status, _, _ = merge(mine, theirs, capsys)
    assert status == 0
    assert Store(mine / "demo" / "table2.csv").rows()[0]["device"] == "this one"


def test_rows_of_another_protocol_are_left(
    mine: Path, theirs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(theirs, "a", protocol=PROTOCOL - 1)
    status, out, _ = merge(mine, theirs, capsys)
    assert status == 0
    assert "0 rows taken over, 0 already here, 1 of another protocol left" in out
    assert contents(mine) == {}


def test_rows_without_their_side_tables_are_refused(
    mine: Path, theirs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    row = put(theirs, "a")
    (theirs / "demo" / "table2-layers.csv").unlink()
    status, _, err = merge(mine, theirs, capsys)
    assert status == 2
    assert f"do not hold what was written with cell {row['cell_key']}" in err
    assert contents(mine) == {}


def test_a_row_in_the_folder_of_another_preset_is_refused(
    mine: Path, theirs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(theirs, "a")
    (theirs / "demo").rename(theirs / "paper")
    status, _, err = merge(mine, theirs, capsys)
    assert status == 2
    assert "is of preset 'demo'" in err


def test_a_ticket_that_is_not_its_rows_is_refused(
    mine: Path, theirs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(theirs, "a")
    other = Mask(MASK.layout, ~MASK.keep)
    path = ticket(theirs.parent / "tickets_elsewhere", "a", other)
    status, _, err = merge(mine, theirs, capsys, "--tickets", str(path.parent))
    assert status == 2
    assert "is not the ticket of its row: their masks differ" in err
    assert contents(mine) == {}


def test_code_that_was_not_committed_is_said(
    mine: Path, theirs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(theirs, "a", commit="0123456789ab+")
    status, _, err = merge(mine, theirs, capsys)
    assert status == 0
    assert "rows of code that was not committed (0123456789ab+)" in err


def test_what_is_no_results_folder_is_one_line(
    mine: Path, theirs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(mine, "a")
    for folder, text in (
        (theirs, f"there is no results folder {theirs}"),
        (mine, f"{mine} is the results folder itself"),
        (mine.parent, f"there are no results in {mine.parent}: no <preset>/<suite>.csv"),
    ):
        status, out, err = merge(mine, folder, capsys)
        assert (status, out, err) == (2, "", f"error: {text}\n")


def test_it_is_a_command(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks", "merge", str(tmp_path / "nowhere")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == f"error: there is no results folder {tmp_path / 'nowhere'}\n"
