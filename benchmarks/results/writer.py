"""The result store, written: rows and the tables beside them, shared safely by processes."""

import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.plan.cell import PLACE, Cell
from benchmarks.results.columns import DETAILS, HEADER, ROWS, Details, details_hash
from benchmarks.results.store import Store, followed
from lottery.core.csv_table import CsvTable, DamagedFile, Row, Schema, csv_line, read_csv
from lottery.core.errors import BadInput
from lottery.core.files import lock_file, require_writable, sweep, write_text

Entry = tuple[Mapping[str, Any], Details]


class StoreWriter(Store):
    """A results file that is added to, by one write under a lock.

    What a killed process left of a last record is set aside beside the file. Symbolic links are
    followed.

    Raises:
        BadInput: the folder cannot be written, or as of Store.
    """

    def __init__(self, path: Path) -> None:
        file = followed(path)
        for folder in {path.parent, file.parent}:
            require_writable("results", folder)
        sweep(file.parent)
        self._file = file
        self._lock = lock_file(file.with_name(f".{file.name}.lock"))
        with self._lock:
            self._mended()
        super().__init__(path)

    def append(self, row: Mapping[str, Any], details: Details | None = None) -> None:
        """Add a finished cell, unless another process has added it already."""
        self.append_many([(row, details or {})])

    def append_many(self, entries: Iterable[Entry]) -> int:
        """Add finished cells with their lines of the tables beside, those that are there already
        left out; how many were new.

        Raises:
            BadInput: a value that could not be read again; nothing was written.
        """
        with self._lock:
            table = self._mended()
            known = {(old["cell_key"], old["protocol"]) for old in table.rows}
            new: dict[tuple[str, str], tuple[Row, Details]] = {}
            for row, details in entries:
                checked = _checked(row, details)
                new.setdefault((checked["cell_key"], checked["protocol"]), (checked, details))
            added = [entry for key, entry in new.items() if key not in known]
            # The rows come last: a cell is done when its row stands.
            self._put_details({row["cell_key"]: details for row, details in added})
            self._put_rows(table, [row for row, _ in added])
        return len(added)

    def borrow(self, cells: Iterable[Cell]) -> None:
        """Copy what this file lacks of some cells from the folder's other results files.

        A copied row keeps its provenance; suite, paper and table become those of the cell. Where
        several files have a row, the first by name counts.
        """
        done = self.done()
        missing = {cell.key: cell for cell in cells if cell.key not in done}
        entries: list[Entry] = []
        for other in self.others() if missing else ():
            if rows := [row for row in other.rows() if row["cell_key"] in missing]:
                details = other.all_details()
                for row in rows:
                    if cell := missing.pop(row["cell_key"], None):
                        place = {name: getattr(cell, name) for name in PLACE}
                        entries.append((row | place, details.get(cell.key, {})))
        if entries:
            self.append_many(entries)

    def put_details(self, details: Mapping[str, Details]) -> None:
        """Write cells' lines of the tables beside in place of those that stand there."""
        with self._lock:
            self._put_details(details)

    def _mended(self) -> CsvTable:
        """The rows' file, an incomplete last record set aside."""
        table = self._load()
        if table.incomplete:
            self._set_aside(self._file, table.incomplete)
            self._write(self._file, ROWS, table.rows)
            table = self._load()
        return table

    def _put_rows(self, table: CsvTable, rows: list[Row]) -> None:
        if not rows:
            return
        if table.plain and list(table.header) == HEADER:
            _append(self._file, "".join(csv_line(row.values()) for row in rows))
        else:  # a new file, one from before a column was added, or one that somebody edited
            self._write(self._file, ROWS, [*table.rows, *rows])

    def _put_details(self, details: Mapping[str, Details]) -> None:
        for table, schema in DETAILS.items():
            path = self._beside(table)
            mine = [
                {**{name: _text(line.get(name)) for name in schema.columns}, "cell_key": key}
                for key, of_cell in details.items()
                for line in of_cell.get(table, ())
            ]
            before = self._mended_details(path, schema, needed=bool(mine))
            others = [line for line in before if line["cell_key"] not in details]
            if mine or len(others) < len(before):
                self._write(path, schema, [*others, *mine])

    def _mended_details(self, path: Path, schema: Schema, *, needed: bool) -> list[Row]:
        """The lines of a table beside the rows; a file that is no table is moved out of the way, if
        there are lines to be written."""
        try:
            found = read_csv(path, schema)
        except BadInput as error:
            if not needed:
                return []
            aside = path.with_name(f"{path.name}.damaged")
            path.replace(aside)
            print(f"warning: {error}; it is now {aside.name}", file=sys.stderr)
            return []
        if found.incomplete:
            self._set_aside(path, found.incomplete)
        return list(found.rows)

    def _write(self, path: Path, schema: Schema, rows: Iterable[Mapping[str, str]]) -> None:
        """Write a whole file; columns that are not ours are kept, before our last one."""
        *ours, last = schema.columns
        rows = list(rows)
        others = {name: None for row in rows for name in row if name not in schema.columns}
        header = [*ours, *others, last]
        lines = (csv_line(row.get(name, "") for name in header) for row in rows)
        write_text(path, "".join([csv_line(header), *lines]))

    def _set_aside(self, path: Path, record: bytes) -> None:
        aside = path.with_name(f"{path.name}.partial")
        with aside.open("ab") as file:
            file.write(record.removesuffix(b"\n") + b"\n")
        print(
            f"warning: {path} ended in half a line; it is now in {aside.name}, "
            "its cell will run again",
            file=sys.stderr,
        )


def _checked(row: Mapping[str, Any], details: Details) -> Row:
    """A row as it is written: every value one that can be read again."""
    values = {"details_sha256": details_hash(details), **row}
    checked = {}
    for name, kind in ROWS.columns.items():
        try:
            checked[name] = kind.read(_text(values[name]))
        except ValueError as error:
            raise DamagedFile(f"column {name} of the row: {error}") from error
    return checked


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _append(path: Path, text: str) -> None:
    """Add lines by one write; what could not be written whole is taken back."""
    with path.open("ab", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        data = text.encode()
        try:
            if file.write(data) != len(data):
                raise OSError(f"{path}: no room for the whole row")
            os.fsync(file.fileno())
        except OSError:
            file.truncate(size)
            raise
