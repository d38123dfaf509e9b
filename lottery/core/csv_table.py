"""CSV files that people and spreadsheets may have handled: read right, or refused in one line."""

import codecs
import csv
import io
import math
import os
import re
import stat
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lottery.core.errors import BadInput, shown

Row = dict[str, str]
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
DELIMITERS = (",", ";", "\t")


class ForeignFile(BadInput):
    """A file of another kind: it lacks the columns that it has to have."""


class DamagedFile(BadInput):
    """A file of the right kind with something in it that does not fit."""


@dataclass(frozen=True)
class Kind:
    """What may stand in a column.

    Attributes:
        what: "a number from 0 to 1", for messages.
        fits: whether a text does, surrounding blanks removed.
        empty: whether nothing may stand there too.
        decimal: whether a comma in it can be a decimal comma.
    """

    what: str
    fits: Callable[[str], bool]
    empty: bool = False
    decimal: bool = False

    def read(self, text: str, *, decimal_comma: bool = False) -> str:
        """The value as it is written by us.

        Raises:
            ValueError: it does not fit; the text says what would.
        """
        value = text.strip()
        if decimal_comma and self.decimal and re.fullmatch(r"[^,.]*,\d+([eE][+-]?\d+)?", value):
            value = value.replace(",", ".")
        if self.fits(value) if value else self.empty:
            return value
        raise ValueError(f"{shown(text)} is not {self.what}")


def number(low: float = -float("inf"), high: float = float("inf"), *, empty: bool = False) -> Kind:
    """A finite number from `low` to `high`."""
    return Kind(
        "a number" + _between(low, high),
        lambda text: _is_number(text) and low <= float(text) <= high,
        empty,
        decimal=True,
    )


def _is_number(text: str) -> bool:
    return bool(NUMBER.fullmatch(text)) and math.isfinite(float(text))


def whole(low: int = 0, *, empty: bool = False) -> Kind:
    """A whole number of at least `low`, of at most 18 digits."""
    return Kind(
        f"a whole number of at least {low}",
        lambda text: bool(re.fullmatch(r"[0-9]{1,18}", text)) and int(text) >= low,
        empty,
    )


def matching(pattern: str, what: str, *, empty: bool = False) -> Kind:
    """A text of a pattern."""
    return Kind(what, lambda text: bool(re.fullmatch(pattern, text)), empty)


TEXT = Kind("printable text", str.isprintable, empty=True)


def _between(low: float, high: float) -> str:
    ends = [f" {word} {end:g}" for word, end in (("from", low), ("to", high)) if abs(end) < 1e300]
    return "".join(ends)


@dataclass(frozen=True, eq=False)
class Schema:
    """The columns of a kind of file, in the order in which they are written.

    Attributes:
        columns: what may stand in each; any other column holds text.
        required: those without which a file is of another kind.
    """

    columns: Mapping[str, Kind]
    required: frozenset[str]


@dataclass(frozen=True)
class CsvTable:
    """What a file holds.

    Attributes:
        header: its columns, as they stand.
        rows: values by column, in the order of the file.
        incomplete: a last record that is not whole, as it stands; empty if there is none.
        plain: whether everything before that is just as `csv_line` writes it.
    """

    header: tuple[str, ...] = ()
    rows: tuple[Row, ...] = ()
    incomplete: bytes = b""
    plain: bool = False


def read_csv(path: Path, schema: Schema) -> CsvTable:
    """Read a file; an absent or empty one has no rows. Nothing is written.

    Line ends, a byte order mark, blank lines, repeated headers, the order of columns, quotes and
    the semicolons and decimal commas of some spreadsheets make no difference.

    Raises:
        ForeignFile: a required column is missing.
        DamagedFile: it holds what does not fit; the text names file, row and column.
        BadInput: it cannot be read, or is not UTF-8.
    """
    raw = read_regular(path)
    if not raw:
        return CsvTable()
    before = _known.get((path, schema), (b"", CsvTable()))
    if raw != before[0]:
        # Files mostly grow: what was read before is not read again.
        grown = before[1].plain and not before[1].incomplete and raw.startswith(before[0])
        table = _grown(path, before, raw, schema) if grown else _parse(path, raw, schema)
        _known[path, schema] = before = (raw, table)
    return before[1]


def read_regular(path: Path) -> bytes | None:
    """The bytes of a regular file; None where there is nothing at the path.

    Raises:
        BadInput: a folder, a device or a FIFO stands there, or it cannot be read.
    """
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise BadInput(f"{path} is no regular file")
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}") from error


def csv_line(values: Iterable[Any]) -> str:
    """A record as it is written, with its line end."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow(values)
    return buffer.getvalue()


_known: dict[tuple[Path, Schema], tuple[bytes, "CsvTable"]] = {}


def _parse(path: Path, raw: bytes, schema: Schema) -> CsvTable:
    return _take(path, raw, _Parser(path, schema))


def _grown(path: Path, before: tuple[bytes, CsvTable], raw: bytes, schema: Schema) -> CsvTable:
    """A file that lines were added to."""
    start, table = before
    rest, parser = raw[len(start) :], _Parser(path, schema, table)
    if b"\r" in rest or not rest.isascii():
        return _parse(path, raw, schema)
    return _take(path, csv_line(table.header).encode() + rest, parser)


def _take(path: Path, raw: bytes, parser: "_Parser") -> CsvTable:
    text, tail = _decoded(path, raw)
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    if parser.header:
        lines = lines[1:]  # it has that
    for i, line in enumerate(lines[:-1]):
        parser.take(line, last=i == len(lines) - 2 and not tail)
    if tail:
        parser.take_unended(tail)
    if not parser.header and (parser.incomplete or text.strip()):
        raise ForeignFile(f"{path} has a foreign header")
    plain = parser.plain and raw.startswith(csv_line(parser.header).encode()) and b"\r" not in raw
    return CsvTable(tuple(parser.header), tuple(parser.rows), parser.incomplete, plain)


def _decoded(path: Path, raw: bytes) -> tuple[str, bytes]:
    """The text up to its last line end, and what follows."""
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raw = raw.decode("utf-16", errors="replace").encode()
    raw = raw.removeprefix(codecs.BOM_UTF8)
    if b"\n" not in raw:
        raw = raw.replace(b"\r", b"\n")
    body, end, tail = raw.rpartition(b"\n")
    try:
        return (body + end).decode(), tail
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + 1
        raise BadInput(f"{path}, line {line}: not UTF-8") from error


def _names(line: str, delimiter: str) -> list[str]:
    """The fields of a header; where its quotation marks do not match, they are left out."""
    try:
        (fields,) = csv.reader([line], delimiter=delimiter, strict=True)
    except csv.Error:
        fields = line.replace('"', "").split(delimiter)
    return [name.strip() for name in fields]


class _Parser:
    """Takes a file's lines one by one. No value has a line break in it, so a quotation mark too
    many spoils its own line alone."""

    def __init__(self, path: Path, schema: Schema, before: CsvTable | None = None) -> None:
        self.header: list[str] = list(before.header) if before else []
        self.rows: list[Row] = list(before.rows) if before else []
        self.incomplete = b""
        self.plain = True
        self._path = path
        self._schema = schema
        self._names = list(self.header)  # the header of the lines that follow
        self._delimiter = ","
        self._line = len(self.rows) + bool(self.header)  # of a plain file

    def take(self, line: str, *, last: bool) -> None:
        """A line that is ended. The last of a file may be what a killed process left of a record,
        to which somebody's editor added a line end."""
        self._line += 1
        if not line.strip(" \t,;"):
            self.plain = False
            return
        if not self._names:
            self._take_header(line)
            return
        fields = self._fields(line)
        if self._schema.required <= set(fields):
            self._set_header(fields)
        elif last and len(fields) < len(self._names):
            self.incomplete = f"{line}\n".encode()
        else:
            self.rows.append(self._row(fields))

    def take_unended(self, tail: bytes) -> None:
        """What follows the last line end: a record if all of it is there."""
        self._line += 1
        self.plain = False
        try:
            line = tail.decode()
            if not self._names:
                self._take_header(line)
                return
            fields = self._fields(line)
            if len(fields) < len(self._names):
                raise ValueError("cut")
            if self._names[-1] == [*self._schema.columns][-1] and not fields[-1]:
                raise ValueError(
                    "cut before the last column, which is never empty where it is ours"
                )
            self._check(self._names[-1], fields[-1])
        except (UnicodeDecodeError, ValueError) as error:
            if not self._names:
                raise ForeignFile(f"{self._path} has a foreign header") from error
            self.incomplete = tail
            return
        self.rows.append(self._row(fields))

    def _take_header(self, line: str) -> None:
        for delimiter in DELIMITERS:
            names = _names(line, delimiter)
            if self._schema.required <= set(names):
                self._delimiter = delimiter
                self.header = names
                self._set_header(names)
                return
        names = [name.strip() for name in line.split(",")]
        missing = [name for name in self._schema.columns if name not in names]
        lacks = [name for name in missing if name in self._schema.required]
        raise ForeignFile(f"{self._path} has a foreign header, without the column {lacks[0]!r}")

    def _set_header(self, names: list[str]) -> None:
        names = [name.strip() for name in names]
        twice = [name for name in names if name and names.count(name) > 1]
        if twice:
            raise DamagedFile(f"{self._path}, line {self._line}: column {shown(twice[0])} twice")
        self.plain = self.plain and not self._names and self._delimiter == "," and "" not in names
        self._names = names

    def _fields(self, line: str) -> list[str]:
        try:
            (fields,) = csv.reader([line], delimiter=self._delimiter, strict=True)
        except (csv.Error, ValueError) as error:
            raise DamagedFile(f"{self._where()}{self._quoted(line)}: {error}") from error
        return fields

    def _quoted(self, line: str) -> str:
        """The column in which the line ends within quotation marks, if it does."""
        try:
            (fields,) = csv.reader([f'{line}"'], delimiter=self._delimiter, strict=True)
        except (csv.Error, ValueError):
            return ""
        name = self._names[min(len(fields), len(self._names)) - 1]
        return f", column {name}, a quotation mark is not closed"

    def _row(self, fields: Sequence[str]) -> Row:
        if len(fields) != len(self._names):
            raise DamagedFile(
                f"{self._where()}: {len(fields)} values for {len(self._names)} columns"
            )
        pairs = zip(self._names, fields, strict=True)
        return {name: self._check(name, value) for name, value in pairs if name}

    def _check(self, name: str, value: str) -> str:
        kind = self._schema.columns.get(name, TEXT)
        try:
            return kind.read(value, decimal_comma=self._delimiter != ",")
        except ValueError as error:
            raise DamagedFile(f"{self._where()}, column {name}: {error}") from error

    def _where(self) -> str:
        return f"{self._path}, row {len(self.rows) + 1} (line {self._line})"
