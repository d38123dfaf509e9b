"""Tables, and what is said about them, before they become Markdown, LaTeX or HTML."""

import re
from collections.abc import Iterable, Sequence
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
            texts.append(tabulate(table.lines, table.headers, "github", disable_numparse=True))
        texts += section.notes
    return "\n\n".join(texts) + "\n"


def latex(sections: Iterable[Section]) -> str:
    r"""Sections as booktabs tables (\usepackage{booktabs}), one tabular each."""
    texts = []
    for section in sections:
        texts.append(f"% {section.heading}")
        for table in section.tables:
            text = tabulate(table.lines, table.headers, "latex_booktabs", disable_numparse=True)
            texts.append(text.replace("±", r"$\pm$"))
        texts += [f"% {note}" for note in (section.lead, *section.notes) if note]
    return "\n\n".join(texts) + "\n"
