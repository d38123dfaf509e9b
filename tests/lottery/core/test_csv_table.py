"""CSV files whatever was done to them: a table, or one line that says what is wrong."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lottery.core.csv_table import TEXT, Schema, csv_line, number, read_csv, whole
from lottery.core.errors import BadInput

SCHEMA = Schema({"name": TEXT, "share": number(0, 1), "count": whole()}, frozenset(["name"]))
GOOD = b"name,share,count\na,0.5,1\nb,1e-3,2\nc,.25,3\n"


def of(path: Path, raw: bytes) -> list[dict[str, str]]:
    path.write_bytes(raw)
    return list(read_csv(path, SCHEMA).rows)


@pytest.mark.parametrize("text", ["0", "1", ".5", "1e-3", "+0.25", "1."])
def test_numbers(tmp_path: Path, text: str) -> None:
    assert of(tmp_path / "t", f"name,share\na,{text}\n".encode()) == [{"name": "a", "share": text}]


@pytest.mark.parametrize("text", ["nan", "inf", "1_0", "0x1", "٣", "1e999", "-0.1", "2", "", "a"])
def test_what_is_no_number(tmp_path: Path, text: str) -> None:
    with pytest.raises(BadInput, match=r"row 1 \(line 2\), column share: .* from 0 to 1"):
        of(tmp_path / "t", f"name,share\na,{text}\n".encode())


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_mutated_files_are_tables_or_one_line(tmp_path: Path, data: st.DataObject) -> None:
    raw = bytearray(GOOD)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw) - 1))
        end = data.draw(st.integers(at, min(len(raw), at + 6)))
        raw[at:end] = data.draw(st.one_of(st.binary(max_size=4), st.sampled_from([b'"', b"\r\n"])))
    path = tmp_path / "t.csv"
    path.write_bytes(raw)
    try:
        table = read_csv(path, SCHEMA)
        shares = [row["share"] for row in table.rows if "share" in row]
        said = f"{path} is a table"
    except BadInput as error:
        shares, said = [], str(error)
    assert all(0 <= float(share) <= 1 for share in shares)
    assert said.startswith(str(path))
    assert "\n" not in said
    assert path.read_bytes() == raw


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]))))
def test_a_text_comes_back_as_it_was_written(names: list[str]) -> None:
    lines = [csv_line(["name", "count"]), *(csv_line([name, "1"]) for name in names)]
    with TemporaryDirectory() as folder:
        rows = of(Path(folder) / "t", "".join(lines).encode())
    assert [row["name"] for row in rows if row["name"] or row["count"]] == names


@pytest.mark.parametrize("column", ['a"b', 'a""b', '"a"', "a,b", 'a "b"'])
def test_a_column_of_somebody_elses_keeps_its_name(tmp_path: Path, column: str) -> None:
    raw = (csv_line(["name", column]) + csv_line(["x", "1"])).encode()
    assert of(tmp_path / "t", raw) == [{"name": "x", column: "1"}]


def test_a_stray_quotation_mark_in_the_header_spoils_no_column(tmp_path: Path) -> None:
    assert of(tmp_path / "t", b'"name,share\na,0.5\n') == [{"name": "a", "share": "0.5"}]
