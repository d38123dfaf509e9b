"""Tables, and what is said about them, before they become Markdown, LaTeX or HTML."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tabulate import tabulate


class Table(NamedTuple):
    """Column headers, and lines of as many texts."""

    headers: Sequence[str]
    lines: Sequence[Sequence[str]]


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
