"""The result store: whole rows, or none."""

from multiprocessing import get_context
from pathlib import Path

import pytest

from benchmarks.plan.cell import PROTOCOL, Cell
from benchmarks.results.store import COLUMNS, HEADER, MORE_COLUMNS, Store
from lottery.core.errors import BadInput


def row(key: str, **values: object) -> dict[str, object]:
    return dict.fromkeys(HEADER, "x") | {"cell_key": key, "protocol": PROTOCOL} | values


def test_rows_come_back_in_order_with_the_contract_columns_first(tmp_path: Path) -> None:
    path = tmp_path / "demo" / "table2.csv"
    store = Store(path)
    store.append(row("a", options="lr=1, or 2", accuracy="93.5"))
    store.append(row("b"))
    assert [r["cell_key"] for r in store.rows()] == ["a", "b"]
    assert Store(path).rows()[0]["options"] == "lr=1, or 2"
    assert store.done() == {"a", "b"}
    header = path.read_text().splitlines()[0]
    assert header.startswith(
        "suite,paper,table,method,objective,gradient_step,search,pruned_at,ablation,model,dataset,"
        "preset,density_requested,density,seed,accuracy,accuracy_top3,accuracy_top5,"
        "accuracy_before_training,search_seconds,train_seconds,search_epochs,train_epochs,"
        "params_prunable,params_kept,mask_sha256,cell_key,device,torch,version,protocol,commit,"
        "finished_at,"
    )


def test_a_cell_is_stored_once(tmp_path: Path) -> None:
    store = Store(tmp_path / "t.csv")
    store.append(row("a", accuracy="1"))
    store.append(row("a", accuracy="2"))
    assert [r["accuracy"] for r in store.rows()] == ["1"]


def test_rows_of_another_protocol_are_kept_but_not_shown(tmp_path: Path) -> None:
    store = Store(tmp_path / "t.csv")
    store.append(row("a", protocol=PROTOCOL + 1))
    store.append(row("a"))
    assert len(store.rows()) == 1
    assert len((tmp_path / "t.csv").read_text().splitlines()) == 3


@pytest.mark.parametrize("cut", [1, 5, 40])
def test_half_a_last_line_is_set_aside(
    tmp_path: Path, cut: int, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "t.csv"
    for key in ("a", "b"):
        Store(path).append(row(key))
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    store = Store(path)
    assert "half a line" in capsys.readouterr().err
    assert store.done() == {"a"}
    lost = whole.splitlines()[-1].decode()
    assert lost.startswith((tmp_path / "t.csv.partial").read_text().rstrip("\n"))
    store.append(row("b"))
    assert path.read_bytes() == whole


def test_a_complete_last_line_with_too_few_fields_is_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    Store(path).append(row("a"))
    whole = path.read_bytes()
    path.write_bytes(whole + b"table2,cts\n")
    assert Store(path).done() == {"a"}
    assert path.read_bytes() == whole


def test_a_foreign_header_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("name,value\na,1\n")
    with pytest.raises(BadInput, match="foreign header"):
        Store(path)
    assert path.read_text() == "name,value\na,1\n"
    assert not (tmp_path / "t.csv.partial").exists()


def test_a_file_from_before_a_column_was_added_gains_it(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    old = dict.fromkeys(COLUMNS, "x") | {"cell_key": "a", "protocol": str(PROTOCOL)}
    path.write_text(f"{','.join(COLUMNS)}\n{','.join(old[name] for name in COLUMNS)}\n")
    store = Store(path)
    assert store.rows()[0][MORE_COLUMNS[0]] == ""
    store.append(row("b"))
    assert path.read_text().splitlines()[0] == ",".join(HEADER)
    assert [r["cell_key"] for r in store.rows()] == ["a", "b"]
    assert store.rows()[0]["suite"] == "x"


def test_an_unusable_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="cannot be written"):
        Store(tmp_path / "file" / "t.csv")


def _append_many(path: Path, keys: list[str]) -> None:
    for key in keys:
        Store(path).append(row(key))


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


def test_what_another_suite_finished_is_borrowed_whole(tmp_path: Path) -> None:
    def cell(density: float) -> Cell:
        return Cell("mine", "cts", "II", "demo", "snip", "resnet20", "digits", density, "init")

    one, two, own, unknown = map(cell, (0.1, 0.2, 0.3, 0.4))
    layer = {"epoch": "", "layer": "fc", "params": "4", "kept": "1"}
    first, second, mine = (Store(tmp_path / f"{name}.csv") for name in ("a", "b", "mine"))
    first.append(row(one.key, accuracy="1"), {"layers": [layer]})
    first.append(row("of no cell asked for"))
    for known in (one, two):
        second.append(row(known.key, accuracy="2"), {"layers": [layer, layer]})
    second.append(row(own.key, accuracy="2"))
    mine.append(row(own.key, accuracy="3"))
    before = {path: path.read_bytes() for path in tmp_path.glob("[ab]*.csv")}

    assert mine.within_reach() == {one.key, two.key, own.key, "of no cell asked for"}
    mine.borrow([one, two, own, unknown])
    place = {"suite": "mine", "paper": "cts", "table": "II"}
    assert mine.rows() == [  # its own row counts
        row(own.key, accuracy="3", protocol=str(PROTOCOL)),
        row(one.key, accuracy="1") | place | {"protocol": str(PROTOCOL)},
        row(two.key, accuracy="2") | place | {"protocol": str(PROTOCOL)},
    ]
    assert [line["cell_key"] for line in mine.details("layers")] == [one.key, two.key, two.key]
    assert {path: path.read_bytes() for path in tmp_path.glob("[ab]*.csv")} == before


def test_details_stand_beside_the_rows_and_are_replaced_by_cell(tmp_path: Path) -> None:
    store = Store(tmp_path / "t.csv")
    layer = {"epoch": "", "layer": "a, b", "params": 4, "kept": 1}
    values = [{"objective": "kl", "value": "0.5"}]
    store.append(row("first"), {"layers": [layer], "objectives": values, "search": []})
    # What a run that was killed before its row left behind.
    store._put_details("layers", "second", [layer, layer])
    store.append(row("second"), {"layers": [{**layer, "kept": 2}]})
    found = [(line["cell_key"], line["layer"], line["kept"]) for line in store.details("layers")]
    assert found == [("first", "a, b", "1"), ("second", "a, b", "2")]
    assert store.details("objectives") == [{"cell_key": "first", **values[0]}]
    assert sorted(path.name for path in tmp_path.glob("*.csv")) == [
        "t-layers.csv", "t-objectives.csv", "t.csv",
    ]  # fmt: skip
