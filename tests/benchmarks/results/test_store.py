"""The result store: whole rows, or none; and reading changes nothing."""

import os
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path

import pytest

from benchmarks.plan.cell import PROTOCOL, Cell
from benchmarks.results.columns import HEADER, ROWS
from benchmarks.results.store import Store, warn
from benchmarks.results.writer import StoreWriter
from lottery.core.csv_table import csv_line
from lottery.core.errors import BadInput
from tests.benchmarks.made_up import HASH, key, row

WIDTH = len(HEADER)
LAYER = {"epoch": "", "layer": "fc", "params": "4", "kept": "1"}


@pytest.fixture(autouse=True)
def forget_warnings() -> None:
    warn.cache_clear()


def write(path: Path, *names: str, **values: object) -> bytes:
    writer = StoreWriter(path)
    for name in names:
        writer.append(row(name, **values), {"layers": [LAYER]})
    return path.read_bytes()


def everything(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_rows_come_back_in_order_with_the_contract_columns_first(tmp_path: Path) -> None:
    path = tmp_path / "demo" / "table2.csv"
    store = StoreWriter(path)
    store.append(row("a", options="lr=1, or 2"))
    store.append(row("b"))
    assert [r["cell_key"] for r in store.rows()] == [key("a"), key("b")]
    assert Store(path).rows()[0]["options"] == "lr=1, or 2"
    assert store.done() == {key("a"), key("b")}
    header = path.read_text().splitlines()[0]
    assert header.startswith(
        "suite,paper,table,method,objective,gradient_step,search,pruned_at,ablation,model,dataset,"
        "preset,density_requested,density,seed,accuracy,accuracy_top3,accuracy_top5,"
        "accuracy_before_training,search_seconds,train_seconds,search_epochs,train_epochs,"
        "params_prunable,params_kept,mask_sha256,cell_key,device,torch,version,protocol,commit,"
        "finished_at,"
    )


def test_a_cell_is_stored_once(tmp_path: Path) -> None:
    store = StoreWriter(tmp_path / "t.csv")
    store.append(row("a", accuracy="1"))
    assert store.append_many([(row("a", accuracy="2"), {}), (row("b"), {}), (row("b"), {})]) == 1
    assert [r["accuracy"] for r in store.rows()] == ["1", "93.5"]


def test_rows_of_another_protocol_are_kept_but_not_shown(tmp_path: Path) -> None:
    store = StoreWriter(tmp_path / "t.csv")
    store.append(row("a", protocol=PROTOCOL + 1))
    store.append(row("a"))
    assert len(store.rows()) == 1
    assert len(store.all_rows()) == 2


@pytest.mark.parametrize("value", ["nan", "inf", "1e999", "93,5", "", "101", "-1", "x" * 999])
def test_a_row_that_could_not_be_read_again_is_not_written(tmp_path: Path, value: str) -> None:
    store = StoreWriter(tmp_path / "t.csv")
    with pytest.raises(BadInput, match=r"column accuracy of the row: .* a number from 0 to 100"):
        store.append(row("a", accuracy=value), {"layers": [LAYER]})
    assert not list(tmp_path.glob("*.csv"))


def test_cut_anywhere_a_last_record_is_set_aside_by_the_next_to_write(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, aside = tmp_path / "t.csv", tmp_path / "t.csv.partial"
    whole = write(path, "a", "b", source="0123")
    start = whole.rstrip(b"\n").rindex(b"\n") + 1
    for end in range(start, len(whole)):
        path.write_bytes(whole[:end])
        before = everything(tmp_path)
        done = Store(path).done()
        assert everything(tmp_path) == before, "reading changes nothing"
        assert done in ({key("a")}, {key("a"), key("b")})
        assert (len(done) == 2) == (end == len(whole) - 1), "whole but for its line end"
        StoreWriter(path).append(row("b", source="0123"), {"layers": [LAYER]})
        StoreWriter(path).append(row("c"))
        assert path.read_bytes().startswith(whole)
        assert len(Store(path).rows()) == 3
        lost = whole[start:end] if len(done) == 1 else b""
        assert (aside.read_bytes() if aside.exists() else b"") == lost + b"\n" * bool(lost)
        aside.unlink(missing_ok=True)
    said = capsys.readouterr().err
    assert "ends in half a line, which is left out" in said
    assert "it is now in t.csv.partial" in said


def test_a_short_last_line_that_is_ended_is_half_a_record_too(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    whole = write(path, "a")
    path.write_bytes(whole + b"table2,cts\n")
    assert Store(path).done() == {key("a")}
    StoreWriter(path)
    assert path.read_bytes() == whole
    assert (tmp_path / "t.csv.partial").read_text() == "table2,cts\n"


def changed(change: Callable[[list[str]], None]) -> Callable[[bytes], bytes]:
    """Change the lines of a file."""

    def of_bytes(whole: bytes) -> bytes:
        lines = whole.decode().splitlines()
        change(lines)
        return "".join(f"{line}\n" for line in lines).encode()

    return of_bytes


def reordered(whole: bytes) -> bytes:
    fields = [line.split(",") for line in whole.decode().splitlines()]
    return "".join(csv_line(reversed(line)) for line in fields).encode()


def of_a_spreadsheet(whole: bytes) -> bytes:
    """Semicolons, decimal commas, a byte order mark and CRLF."""
    text = whole.decode().replace(",", ";").replace("93.5;", "93,5;").replace(";1.5;", ";1,5;")
    return b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode()


@pytest.mark.parametrize(
    "change",
    [
        lambda whole: whole.replace(b"\n", b"\r\n"),
        lambda whole: whole.replace(b"\n", b"\r"),
        lambda whole: b"\xef\xbb\xbf" + whole,
        lambda whole: whole.decode().encode("utf-16"),
        lambda whole: whole.rstrip(b"\n"),
        lambda whole: whole.replace(b"\n", b"\n\n"),
        lambda whole: whole + b"\n  \n,,,,\n",
        lambda whole: whole.replace(b"93.5", b'"93.5"').replace(b"resnet20", b" resnet20 "),
        changed(lambda lines: lines.insert(2, lines[0])),
        reordered,
        of_a_spreadsheet,
    ],
    ids=range(11),
)
def test_what_is_unambiguous_is_read_right(
    tmp_path: Path, change: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / "t.csv"
    whole = write(path, "a", "b", "c")
    rows = Store(path).rows()
    path.write_bytes(change(whole))
    assert path.read_bytes() != whole
    before = everything(tmp_path)
    assert Store(path).rows() == rows
    assert everything(tmp_path) == before
    written = write(path, "d")
    assert Store(path).rows()[:3] == rows
    assert len(Store(path).rows()) == 4
    assert written.startswith(csv_line(HEADER).encode()), "in one form again"
    assert b"\r" not in written
    assert not list(tmp_path.glob("*.partial"))


WIDTH = len(HEADER)


def in_line_2(old: str, new: str) -> Callable[[list[str]], None]:
    def change(lines: list[str]) -> None:
        lines[2] = lines[2].replace(old, new)

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (in_line_2("resnet20", '"resnet20'), ["row 2 (line 3), column model, a quotation mark"]),
        (in_line_2("93.5", "93,5"), ["row 2", f"{WIDTH + 1} values for {WIDTH} columns"]),
        (in_line_2("93.5", "much"), ["row 2 (line 3), column accuracy: 'much' is not a number"]),
        (in_line_2("93.5", "n\0n"), ["column accuracy: 'n\\x00n'"]),
        (in_line_2("cpu", "c\0u"), ["column device"]),
        (in_line_2("snip", "../snip"), ["column method"]),
        (in_line_2("93.5", "x" * 200_000), ["row 2"]),
        (lambda lines: lines.insert(1, "s,cts"), [f"row 1 (line 2): 2 values for {WIDTH} columns"]),
        (lambda lines: lines.extend(["a,b"] * 1200), ["row 4"]),
        (lambda lines: lines.__setitem__(0, lines[0].replace("options", "seed")), ["'seed' twice"]),
    ],
)  # fmt: skip
def test_anything_else_is_one_line_and_the_file_is_left_alone(
    tmp_path: Path, change: Callable[[list[str]], None], words: list[str]
) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(changed(change)(write(path, "a", "b", "c")))
    before = everything(tmp_path)
    for kind in (Store, StoreWriter):
        with pytest.raises(BadInput) as caught:
            kind(path)
        text = str(caught.value)
        assert text.startswith(f"{path}, ")
        assert len(text) < len(str(path)) + 120
        assert "\n" not in text
        for word in words:
            assert word in text
    assert everything(tmp_path) == before


def test_a_foreign_header_or_encoding_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    for text, words in (
        (b"name,value\na,1\n", "foreign header, without the column 'suite'; move it away"),
        (b"name", "foreign header"),
        (
            write(tmp_path / "o.csv", "a").replace(b"cpu", "caf\xe9".encode("latin-1")),
            "line 2: not",
        ),
    ):
        path.write_bytes(text)
        with pytest.raises(BadInput, match=words):
            StoreWriter(path)
        assert path.read_bytes() == text
    assert not list(tmp_path.glob("*.partial"))


def test_an_empty_file_has_no_rows(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.touch()
    assert Store(path).rows() == []
    write(path, "a")
    assert Store(path).done() == {key("a")}


def test_a_file_from_before_a_column_was_added_gains_it_and_keeps_unknown_ones(
    tmp_path: Path,
) -> None:
    path = tmp_path / "t.csv"
    old = row("a", remark="good")
    names = [*(name for name in HEADER if name in ROWS.required), "remark"]
    path.write_text(csv_line(names) + csv_line(old[name] for name in names))
    store = StoreWriter(path)
    assert store.rows()[0][HEADER[-1]] == ""
    store.append(row("b"))
    assert path.read_text().splitlines()[0] == ",".join([*HEADER[:-1], "remark", HEADER[-1]])
    assert [r["cell_key"] for r in store.rows()] == [key("a"), key("b")]
    assert store.rows()[0]["remark"] == "good"


def test_an_unusable_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="cannot be written"):
        StoreWriter(tmp_path / "file" / "t.csv")


def test_reading_makes_no_folder_and_no_lock(tmp_path: Path) -> None:
    store = Store(tmp_path / "no" / "t.csv")
    assert store.rows() == []
    assert store.within_reach() == set()
    assert not list(tmp_path.iterdir())


def test_what_else_lies_in_a_results_folder_is_ignored(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = write(tmp_path / "b.csv", "b")
    for name in ("._x.csv", "_x.csv", ".~lock.b.csv#", ".#b.csv"):
        (tmp_path / name).write_bytes(b"\x00\x05\x16\x07" + whole)
    (tmp_path / "old.csv").mkdir()
    (tmp_path / "latin.csv").write_bytes("caf\xe9\n".encode("latin-1"))
    (tmp_path / "mine.csv").write_text("a;b\n1;2\n")
    (tmp_path / "gone.csv").symlink_to(tmp_path / "nowhere")
    (tmp_path / "loop.csv").symlink_to(tmp_path / "loop.csv")
    os.mkfifo(tmp_path / "fifo.csv")
    store = StoreWriter(tmp_path / "a.csv")
    cell = Cell("mine", "cts", "II", "demo", "snip", "resnet20", "digits", 0.1, "init")
    store.borrow([cell])
    assert store.within_reach() == {key("b")}
    assert capsys.readouterr().err == ""

    # A results file that is damaged is said to be, and stops nobody but its own suite.
    (tmp_path / "b.csv").write_bytes(whole.replace(b"93.5", b"much"))
    assert store.within_reach() == set()
    assert "b.csv, row 1 (line 2), column accuracy: 'much'" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["folder", "fifo", "device"])
def test_a_path_that_is_no_file_is_refused_at_once(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "t.csv"
    if kind == "folder":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")
    with pytest.raises(BadInput, match="no regular file"):
        Store(path)


def test_symbolic_links_are_followed_by_all_files(tmp_path: Path) -> None:
    link, real = tmp_path / "here" / "t.csv", tmp_path / "there" / "rows.csv"
    write(real, "a")
    link.parent.mkdir()
    link.symlink_to(real)
    write(link, "b")
    assert link.is_symlink()
    assert sorted(path.name for path in link.parent.iterdir()) == ["t.csv"]
    assert len(Store(real).details("layers")) == len(Store(link).details("layers")) == 2
    other = tmp_path / "layers.csv"
    (link.parent / "t-layers.csv").symlink_to(other)
    write(link, "c")
    assert (link.parent / "t-layers.csv").is_symlink()
    assert key("c") in other.read_text()


def _append_many(path: Path, names: list[str]) -> None:
    for name in names:
        StoreWriter(path).append(row(name), {"layers": [LAYER]})


def test_two_processes_lose_and_double_nothing(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    context = get_context("spawn")
    shared = [f"s{i}" for i in range(10)]
    both = [
        context.Process(
            target=_append_many, args=(path, [*shared, *(f"{p}{i}" for i in range(10))])
        )
        for p in "ab"
    ]
    for process in both:
        process.start()
    for process in both:
        process.join()
        assert process.exitcode == 0
    keys = [r["cell_key"] for r in Store(path).rows()]
    assert len(keys) == len(set(keys)) == 30
    assert Store(path).lacking_details() == set()


def test_what_another_suite_finished_is_borrowed_whole(tmp_path: Path) -> None:
    def cell(density: float) -> Cell:
        return Cell("mine", "cts", "II", "demo", "snip", "resnet20", "digits", density, "init")

    def of(cell: Cell, accuracy: str) -> dict[str, str]:
        return row("", cell_key=cell.key, accuracy=accuracy)

    one, two, own, unknown = map(cell, (0.1, 0.2, 0.3, 0.4))
    first, second, mine = (StoreWriter(tmp_path / f"{name}.csv") for name in ("a", "b", "mine"))
    first.append(of(one, "1"), {"layers": [LAYER]})
    first.append(row("of no cell asked for"[:8]))
    for known in (one, two):
        second.append(of(known, "2"), {"layers": [LAYER, LAYER]})
    second.append(of(own, "2"))
    mine.append(of(own, "3"), {"layers": [LAYER]})
    before = {path: path.read_bytes() for path in tmp_path.glob("[ab]*.csv")}

    assert mine.within_reach() == {one.key, two.key, own.key, key("of no ce")}
    mine.borrow([one, two, own, unknown])
    place = {"suite": "mine", "paper": "cts", "table": "II"}
    assert [(r["cell_key"], r["accuracy"]) for r in mine.rows()] == [  # its own row counts
        (own.key, "3"),
        (one.key, "1"),
        (two.key, "2"),
    ]
    assert mine.rows()[1] == first.rows()[0] | place
    lines = [line["cell_key"] for line in mine.details("layers")]
    assert lines == [own.key, one.key, two.key, two.key]
    assert mine.lacking_details() == set()
    assert {path: path.read_bytes() for path in tmp_path.glob("[ab]*.csv")} == before


def test_details_stand_beside_the_rows_and_are_replaced_by_cell(tmp_path: Path) -> None:
    store = StoreWriter(tmp_path / "t.csv")
    layer = {"epoch": "", "layer": "a, b", "params": 4, "kept": 1}
    values = [{"objective": "kl", "value": "0.5"}]
    store.append(row("first"), {"layers": [layer], "objectives": values, "search": []})
    # What a run that was killed before its row left behind.
    store.put_details({key("second"): {"layers": [layer, layer]}})
    store.append(row("second"), {"layers": [{**layer, "kept": 2}]})
    found = [(line["cell_key"], line["layer"], line["kept"]) for line in store.details("layers")]
    assert found == [(key("first"), "a, b", "1"), (key("second"), "a, b", "2")]
    assert store.details("objectives") == [{"cell_key": key("first"), **values[0]}]
    assert sorted(path.name for path in tmp_path.glob("*.csv")) == [
        "t-layers.csv", "t-objectives.csv", "t.csv",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.unlink(),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[:-40]),
        lambda path: path.write_bytes(path.read_bytes().replace(b"fc,4,1", b"fc,4,2")),
        lambda path: path.write_text("name,value\na,1\n"),
        lambda path: path.write_bytes(b"caf\xe9\n" + path.read_bytes()),
    ],
)
def test_lines_beside_the_rows_that_are_missing_or_changed_are_noticed(
    tmp_path: Path, damage: Callable[[Path], None], capsys: pytest.CaptureFixture[str]
) -> None:
    path, beside = tmp_path / "t.csv", tmp_path / "t-layers.csv"
    write(path, "a", "b", "c")
    good = beside.read_bytes()
    damage(beside)
    before = everything(tmp_path)
    lacking = Store(path).lacking_details()
    assert key("c") in lacking
    assert everything(tmp_path) == before
    StoreWriter(path).put_details({k: {"layers": [LAYER]} for k in lacking})
    assert Store(path).lacking_details() == set()
    assert sorted(beside.read_bytes().splitlines()) == sorted(good.splitlines())


def test_of_older_rows_it_is_known_whether_they_have_layers(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    write(path, "a", "b", details_sha256="")
    assert Store(path).lacking_details() == set()
    (tmp_path / "t-layers.csv").unlink()
    assert Store(path).lacking_details() == {key("a"), key("b")}
    assert len(HASH) == 64
