"""The result store: one CSV row per finished cell, and tables of what takes more than a row."""

import csv
import io
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from filelock import FileLock

from benchmarks.plan.cell import PROTOCOL, Cell
from lottery.core.errors import BadInput
from lottery.core.files import replacing

Row = dict[str, str]

COLUMNS = (
    "suite paper table method objective gradient_step search pruned_at ablation model dataset "
    "preset density_requested density seed accuracy accuracy_top3 accuracy_top5 "
    "accuracy_before_training search_seconds train_seconds search_epochs train_epochs "
    "params_prunable params_kept mask_sha256 cell_key device torch version protocol commit "
    "finished_at"
).split()
MORE_COLUMNS = (
    "options initialisation layers_emptied accuracy_soft_gates weights_sha256 precision "
    "weights_sha256_after validation source architecture"
).split()
HEADER = [*COLUMNS, *MORE_COLUMNS]

# Tables beside the rows, and their columns after the cell's key. A layer's epoch is empty for the
# ticket itself.
DETAILS = {
    "search": (
        *("epoch", "objective", "expected_density", "density", "strength"),
        *("accuracy", "accuracy_soft_gates"),
    ),
    "layers": ("epoch", "layer", "params", "kept"),
    "objectives": ("objective", "value"),
}
Details = Mapping[str, Sequence[Mapping[str, Any]]]


def read_header(path: Path) -> list[str]:
    """The column names of a CSV file."""
    with path.open() as file:
        return file.readline().rstrip("\n").split(",")


class Store:
    """A results file, shared safely by several processes.

    A row is appended by one write under a lock. What a killed process left of a last line is set
    aside beside the file.

    Raises:
        BadInput: the file's header is not this suite's, or the folder cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        require_writable("results", path.parent)
        self._lock = FileLock(path.parent / f".{path.name}.lock")
        self.rows()

    def rows(self) -> list[Row]:
        """The rows of the present protocol, in the order they were finished."""
        with self._lock:
            return [row for row in self._read() if row["protocol"] == str(PROTOCOL)]

    def done(self) -> set[str]:
        """The keys of the finished cells."""
        return {row["cell_key"] for row in self.rows()}

    def within_reach(self) -> set[str]:
        """The keys of the cells that are finished here, or can be borrowed."""
        return self.done().union(*(other.done() for other in self._others()))

    def borrow(self, cells: Iterable[Cell]) -> None:
        """Copy what this file lacks of some cells from the folder's other results files.

        A copied row keeps its provenance; suite, paper and table become those of the cell. Where
        several files have a row, the first by name counts.
        """
        done = self.done()
        missing = {cell.key: cell for cell in cells if cell.key not in done}
        for other in self._others() if missing else ():
            for row in other.rows():
                if cell := missing.pop(row["cell_key"], None):
                    place = {"suite": cell.suite, "paper": cell.paper, "table": cell.table}
                    self.append(row | place, other.details_of(cell))

    def _others(self) -> "Iterator[Store]":
        for path in sorted(self.path.parent.glob("*.csv")):
            if path != self.path and read_header(path)[: len(COLUMNS)] == COLUMNS:
                yield Store(path)

    def details(self, table: str) -> list[Row]:
        """The lines of a table of DETAILS."""
        with self._lock:
            return self._read_details(table)

    def details_of(self, cell: Cell) -> Details:
        """A cell's lines of every table of DETAILS."""
        return {
            table: [line for line in self.details(table) if line["cell_key"] == cell.key]
            for table in DETAILS
        }

    def append(self, row: Mapping[str, Any], details: Details | None = None) -> None:
        """Add a finished cell, unless another process has added it already."""
        with self._lock:
            before = self._read()
            known = {(old["cell_key"], old["protocol"]) for old in before}
            if (row["cell_key"], str(row["protocol"])) in known:
                return
            for table, lines in (details or {}).items():
                self._put_details(table, row["cell_key"], lines)
            # The row comes last: a cell is done when it stands.
            line = _csv_line([row[name] for name in HEADER])
            if before and read_header(self.path) == HEADER:
                with self.path.open("ab") as file:
                    file.write(line.encode())
                    file.flush()
                    os.fsync(file.fileno())
            else:  # a new file, or one from before a column was added
                old_lines = [_csv_line([old[name] for name in HEADER]) for old in before]
                write_text(self.path, "".join([_csv_line(HEADER), *old_lines, line]))

    def _read(self) -> list[Row]:
        if not self.path.exists():
            return []
        text = self.path.read_bytes().decode(errors="replace")
        whole, _, rest = text.rpartition("\n")
        lines = whole.split("\n") if whole else []
        header = lines[0].split(",") if lines else []
        if header[: len(COLUMNS)] != COLUMNS:
            raise BadInput(f"{self.path} has a foreign header; move it away or use --results")
        records = [dict(zip(header, fields, strict=False)) for fields in csv.reader(lines[1:])]
        if rest or (records and len(records[-1]) != len(header)):
            self._set_aside(lines, rest)
            return self._read()
        return [dict.fromkeys(HEADER, "") | record for record in records]

    def _details_path(self, table: str) -> Path:
        return self.path.with_name(f"{self.path.stem}-{table}.csv")

    def _read_details(self, table: str) -> list[Row]:
        path = self._details_path(table)
        if not path.exists():
            return []
        with path.open(newline="") as file:
            return list(csv.DictReader(file))

    def _put_details(self, table: str, key: str, lines: Sequence[Mapping[str, Any]]) -> None:
        """Write a cell's lines in place of those that it may have from a run that was killed."""
        others = [line for line in self._read_details(table) if line["cell_key"] != key]
        if not lines and not others:
            return
        header = ["cell_key", *DETAILS[table]]
        mine = [{"cell_key": key, **line} for line in lines]
        text = [_csv_line([line.get(name, "") for name in header]) for line in [*others, *mine]]
        write_text(self._details_path(table), "".join([_csv_line(header), *text]))

    def _set_aside(self, lines: list[str], rest: str) -> None:
        """Move a half-written last line to a file of its own."""
        rest = rest or lines.pop()
        aside = self.path.with_name(f"{self.path.name}.partial")
        with aside.open("a") as file:
            file.write(rest + "\n")
        write_text(self.path, "".join(f"{line}\n" for line in lines))
        print(
            f"warning: {self.path} ended in half a line; it is now in {aside.name}, "
            "its cell will run again",
            file=sys.stderr,
        )


def require_writable(kind: str, folder: Path) -> None:
    """Make a folder if it is not there.

    Raises:
        BadInput: it cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise BadInput(f"{kind} folder {folder} cannot be written: {error}") from error


def write_text(path: Path, text: str) -> None:
    """Write a text file, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text)


def _csv_line(values: list[Any]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow(values)
    return buffer.getvalue()
