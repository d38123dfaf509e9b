"""The result store, read: one CSV row per finished cell, and tables of what takes more than a row.

Reading needs no write access and changes nothing: no folder, no lock, no file.
"""

import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from benchmarks.plan.cell import PROTOCOL
from benchmarks.results.columns import DETAILS, ROWS, Details, details_hash
from lottery.core.csv_table import CsvTable, DamagedFile, ForeignFile, Row, read_csv
from lottery.core.errors import BadInput

__all__ = ["Row", "Store"]


class Store:
    """A results file and the tables beside it, as they stand.

    A last record that is not whole is left out, with a warning: a killed process leaves such a
    thing, and whoever writes next sets it aside.

    Raises:
        BadInput: by every method: the file is of another kind, cannot be read, or holds what does
            not fit, named by row and column.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = followed(path)
        self._read()

    def rows(self) -> list[Row]:
        """The rows of the present protocol, in the order they were finished."""
        return [row for row in self.all_rows() if row["protocol"] == str(PROTOCOL)]

    def all_rows(self) -> list[Row]:
        """The rows of every protocol; columns that the file does not have are empty."""
        return [dict.fromkeys(ROWS.columns, "") | row for row in self._read().rows]

    def done(self) -> set[str]:
        """The keys of the finished cells."""
        return {row["cell_key"] for row in self.rows()}

    def within_reach(self) -> set[str]:
        """The keys of the cells that are finished here, or can be borrowed."""
        return self.done().union(*(other.done() for other in self.others()))

    def others(self) -> "Iterator[Store]":
        """The folder's other results files by name; what else lies there is ignored."""
        for path in sorted(self.path.parent.glob("*.csv")):
            if path.name == self.path.name or path.name.startswith((".", "_")):
                continue
            try:
                yield Store(path)
            except DamagedFile as error:
                warn(f"{error}; nothing is taken from it")
            except BadInput:
                continue

    def details(self, table: str) -> list[Row]:
        """The lines of a table of DETAILS; none, with a warning, where its file is damaged."""
        try:
            return [dict(line) for line in self._read_details(table).rows]
        except BadInput as error:
            warn(str(error))
            return []

    def all_details(self) -> dict[str, Details]:
        """The lines of every table of DETAILS, by cell."""
        found: dict[str, dict[str, list[Row]]] = {}
        for table in DETAILS:
            for line in self.details(table):
                of_cell = found.setdefault(line["cell_key"], {name: [] for name in DETAILS})
                of_cell[table].append(line)
        return dict(found)

    def lacking_details(self) -> set[str]:
        """The keys of finished cells whose lines in the tables beside are not those that were
        written with the row. Of a row from before that was recorded, only whether it has layers."""
        details = self.all_details()
        return {row["cell_key"] for row in self.rows() if not _has_details(row, details)}

    def _read(self) -> CsvTable:
        return _warned(self._file, self._load())

    def _load(self) -> CsvTable:
        try:
            return read_csv(self._file, ROWS)
        except ForeignFile as error:
            raise ForeignFile(f"{error}; move it away or use --results") from error

    def _read_details(self, table: str) -> CsvTable:
        path = self._beside(table)
        return _warned(path, read_csv(path, DETAILS[table]))

    def _beside(self, table: str) -> Path:
        """The file of a table of DETAILS: beside the path given, or beside what that leads to."""
        here = self.path.with_name(f"{self.path.stem}-{table}.csv")
        there = self._file.with_name(f"{self._file.stem}-{table}.csv")
        return followed(here) if here.is_symlink() or here.exists() else there


def _warned(path: Path, found: CsvTable) -> CsvTable:
    if found.incomplete:
        warn(f"{path} ends in half a line, which is left out")
    return found


def _has_details(row: Row, details: dict[str, Details]) -> bool:
    mine = details.get(row["cell_key"], {})
    if row["details_sha256"]:
        return details_hash(mine) == row["details_sha256"]
    return any(line["epoch"] == "" for line in mine.get("layers", ()))


def followed(path: Path) -> Path:
    """Where a path leads, symbolic links followed.

    Raises:
        BadInput: they lead in a circle, or through a folder that cannot be read.
    """
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError) as error:  # a loop is a RuntimeError in 3.11
        raise BadInput(f"{path} leads nowhere: {error}") from error


@cache
def warn(text: str) -> None:
    """Say it once."""
    print(f"warning: {text}", file=sys.stderr)
