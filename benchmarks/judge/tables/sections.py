"""Tables, and what is said about them, before they become Markdown, LaTeX or HTML."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tabulate import tabulate

from benchmarks.judge.tables.text import NONE


class Table(NamedTuple):
    """Column headers, and lines of as many texts."""

    headers: Sequence[str]
    lines: Sequence[Sequence[str]]

    def column(self, index: int) -> list[str]:
        return [line[index] for line in self.lines]


# Columns of our own verdicts, which are coloured; what a paper says is not.
OURS = ("outcome", "verdict", "passes sanity checks", "passes")
# What stands where there is no number.
NOTHING = ("", NONE, "not yet run", "not run", "cited")
_NUMBER = re.compile(r"[+-]?\d[\d,]*(\.\d+)?(e[+-]?\d+)?(?![\w.-])")


def is_empty(text: str) -> bool:
    """Whether a cell says that there is no value."""
    return text in NOTHING


def numeric(table: Table, index: int) -> bool:
    """Whether a column holds numbers, with what belongs to them, which are set to the right."""
    filled = [text for text in table.column(index) if not is_empty(text)]
    return bool(filled) and all(_NUMBER.match(text) for text in filled)


@dataclass(frozen=True)
class Section:
    """A heading, what matters most, the tables, and what is to be said about them."""

    heading: str
    tables: tuple[Table, ...]
    notes: tuple[str, ...] = ()
    lead: str = ""


def markdown(sections: Iterable[Section]) -> str:
    """Sections as Markdown."""
    texts = []
    for section in sections:
        texts.append(f"## {section.heading}")
        if section.lead:
            texts.append(f"**{section.lead}**")
        for table in section.tables:
            texts.append(_markdown_table(table))
        texts += section.notes
    return "\n\n".join(texts) + "\n"


def _markdown_table(table: Table) -> str:
    if not table.lines:
        return tabulate([], table.headers, "pipe")
    sides = ["right" if numeric(table, i) else "left" for i in range(len(table.headers))]
    return tabulate(table.lines, table.headers, "pipe", disable_numparse=True, colalign=sides)


# Columns that are said once where all lines have the same.
ONCE = ("dataset", "model", "seeds")


def same_everywhere(
    table: Table, labels: Mapping[str, Callable[[str], str]] | None = None
) -> tuple[list[str], list[int]]:
    """What every line says, "dataset digits", and the columns that are left.

    Args:
        labels: how a column's texts are written, by its name.
    """
    same = [
        column
        for column, name in enumerate(table.headers)
        if len(table.lines) > 1 and name in ONCE and len(set(table.column(column))) == 1
    ]
    said = [
        f"{name} {(labels or {}).get(name, str)(table.lines[0][column])}"
        for column in same
        if (name := table.headers[column])
    ]
    return said, [column for column in range(len(table.headers)) if column not in same]
