"""Sections on a terminal: tables that fit its width, what matters most first."""

from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.markdown import Markdown
from rich.table import Table as RichTable
from rich.text import Text

from benchmarks.judge.agreement import EXPLAINED, NOT, REPRODUCED
from benchmarks.judge.tables.sections import (
    OURS,
    Section,
    Table,
    is_empty,
    markdown,
    numeric,
    same_everywhere,
)

# Columns by what they say, after the first, which always stands; others follow as they come.
FIRST = (
    "method", "sparsity", "accuracy %", "paper %", "here %", "difference", "outcome",
    "passes sanity checks", "passes", "paper passes", "time", "epochs", "model", "seeds",
)  # fmt: skip
GAP = 2  # blanks between columns
LABEL = 30  # the most that a column of words takes before its texts are broken
STYLES = {
    **{REPRODUCED: "green", EXPLAINED: "yellow", NOT: "bold red"},
    **{"yes": "green", "better": "green", "worse": "bold red", "no": "red"},
}


def show(sections: Sequence[Section], file: Path, console: Console | None = None) -> None:
    """Print sections; where stdout is no terminal as Markdown, which is what the file holds."""
    console = console or Console()
    if not console.is_terminal:
        print(markdown(sections))
        return
    for section in sections:
        console.print(Text(section.heading, "bold"), "")
        if section.lead:
            console.print(Markdown(section.lead), "")
        for table in section.tables:
            _print_table(table, file, console)
        for note in filter(None, section.notes):
            console.print(Markdown(note, style="dim"), "")


def _print_table(table: Table, file: Path, console: Console) -> None:
    same_words, columns = same_everywhere(table)
    shown = fitting(table, columns, console.width)
    drawn = RichTable(
        box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, GAP - 1, 0, 0)
    )
    for column in shown:
        right = numeric(table, column)
        drawn.add_column(
            table.headers[column],
            justify="right" if right else "left",
            overflow="fold",
            no_wrap=right,
            width=_width(table, column),
        )
    for line in table.lines:
        drawn.add_row(*(_text(table.headers[column], line[column]) for column in shown))
    console.print(drawn)
    left_out = [table.headers[column] for column in columns if column not in shown]
    parts = [f"All: {', '.join(same_words)}."] if same_words else []
    parts += [f"In {file}: {', '.join(left_out)}."] if left_out else []
    if parts:
        console.print(Text(" ".join(parts), "dim"))
    console.print()


def fitting(table: Table, columns: Sequence[int], width: int) -> list[int]:
    """Those of the columns that have room, in the table's order: what says most first."""

    def importance(column: int) -> tuple[int, int]:
        name = table.headers[column]
        return (FIRST.index(name) if name in FIRST else len(FIRST), column)

    first, *others = columns
    room = width - _width(table, first)
    kept = [first]
    for column in sorted(others, key=importance):
        if (needed := _width(table, column) + GAP) <= room:
            kept.append(column)
            room -= needed
    return sorted(kept)


def _width(table: Table, column: int) -> int:
    widest = max(cell_len(text) for text in (table.headers[column], *table.column(column)))
    return widest if numeric(table, column) else min(widest, LABEL)


def _text(header: str, text: str) -> Text:
    if header in OURS and text in STYLES:
        return Text(text, STYLES[text])
    return Text(text, "dim" if is_empty(text) else "")
