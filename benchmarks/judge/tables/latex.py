r"""Tables for papers: LaTeX that compiles as it is (\usepackage{booktabs}), as wide as a column."""

from collections.abc import Iterable, Sequence

from benchmarks.judge.tables.sections import Section, Table, is_empty, numeric, same_everywhere
from lottery.core.catalogue import dataset_label, model_label

# What a table of lines shows where it has more; the rest is in the Markdown file.
KEPT = (
    "method", "model", "dataset", "sparsity", "as drawn %", "accuracy %", "paper %", "difference",
    "passes sanity checks", "paper passes",
)  # fmt: skip
HEADERS = {
    "accuracy %": "ours",
    "paper %": "paper",
    "as drawn %": "drawn",
    "passes sanity checks": "passes",
    "paper passes": "(paper)",
}
LABELS = {"model": model_label, "dataset": dataset_label}
WORDS = 26  # letters of a column of words, whose longer texts are broken
COLUMN_LETTERS = 60  # of its type that a column of 3.25 inches has room for
ESCAPED = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "&": r"\&", "%": r"\%", "_": r"\_",
    "#": r"\#", "$": r"\$", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "±": r"$\pm$",
    "Δ": r"$\Delta$", "λ": r"$\lambda$", "θ": r"$\theta$", "…": "...",
}  # fmt: skip


def latex(sections: Iterable[Section], name: str) -> str:
    """Every table as a table environment, what is said about it as comments.

    Args:
        name: of the labels, "tab:<name>-1" and so on.
    """
    texts, count = [r"% \usepackage{booktabs}"], 0
    for section in sections:
        for table in section.tables:
            count += 1
            texts.append(_environment(section.heading, table, f"{name}-{count}"))
        texts += [f"% {note}" for note in (section.lead, *section.notes) if note]
    return "\n\n".join(texts) + "\n"


def _environment(heading: str, table: Table, label: str) -> str:
    is_lines = "method" in table.headers and "accuracy %" in table.headers
    if is_lines:
        table = _run(table)
    said, columns = same_everywhere(table, LABELS)
    if is_lines:
        columns = [column for column in columns if table.headers[column] in KEPT]
    lines = [[_cell(table.headers[c], line[c]) for c in columns] for line in table.lines]
    shown = Table([table.headers[column] for column in columns], lines)
    spread = [any("±" in text for text in shown.column(i)) for i in range(len(columns))]
    star = "*" if _letters(shown) > COLUMN_LETTERS else ""
    best = _best(shown)
    caption = ". ".join([heading, *([f"All: {', '.join(said)}"] if said else [])])
    caption += ". In percent" if is_lines else ""
    caption += ". Best in bold." if best else "."
    if any(spread):
        caption += " Mean ± standard deviation over seeds."
    spec = "".join(_spec(shown, i, spread[i]) for i in range(len(columns)))
    rows = [
        " & ".join(_set(text, spread[i], bold=(j, i) in best) for i, text in enumerate(line))
        for j, line in enumerate(lines)
    ]
    head = " & ".join(_head(name, spread[i]) for i, name in enumerate(shown.headers))
    return "\n".join(
        [
            rf"\begin{{table{star}}}[t]",
            r"\centering\footnotesize\setlength{\tabcolsep}{3pt}",
            rf"\caption{{{escaped(caption)}}}",
            rf"\label{{tab:{label}}}",
            rf"\begin{{tabular}}{{@{{}}{spec}@{{}}}}",
            r"\toprule",
            rf"{head} \\",
            r"\midrule",
            *(rf"{row} \\" for row in rows),
            r"\bottomrule",
            r"\end{tabular}",
            rf"\end{{table{star}}}",
        ]
    )


def _run(table: Table) -> Table:
    """The lines of those that the suite runs; all where it runs none."""
    column = table.headers.index("accuracy %")
    lines = [line for line in table.lines if line[column] not in ("not run", "cited")]
    return Table(table.headers, lines or table.lines)


def _cell(header: str, text: str) -> str:
    """A text as a paper has it: names as people write them, no unit that the header has."""
    if is_empty(text):
        return "--"
    if header in LABELS:
        return LABELS[header](text)
    if header == "sparsity":
        return text.replace("paper: ", "").replace("%", "")
    return text


def _letters(table: Table) -> int:
    widths = (_widest(table, i) for i in range(len(table.headers)))
    return sum(2 + min(width, WORDS) for width in widths)


def _widest(table: Table, index: int) -> int:
    name = table.headers[index]
    return max(len(text) for text in (HEADERS.get(name, name), *table.column(index)))


def _best(table: Table) -> set[tuple[int, int]]:
    """Line and column of the highest accuracies: of each sparsity, or of each column of one."""
    if "accuracy %" in table.headers:
        column = table.headers.index("accuracy %")
        groups = (
            table.column(table.headers.index("sparsity")) if "sparsity" in table.headers else []
        )
        found = [_highest(table, column, groups, group) for group in dict.fromkeys(groups)]
        return {(line, column) for lines in found for line in lines}
    if table.headers[0] == "method":
        columns = [i for i, name in enumerate(table.headers) if name.endswith("%") and i]
        return {
            (line, i) for i in columns for line in _highest(table, i, [""] * len(table.lines), "")
        }
    return set()


def _highest(table: Table, column: int, groups: Sequence[str], group: str) -> list[int]:
    """The lines of a group that have its highest number; none where it has one number alone."""
    values = {
        i: float(text.split()[0])
        for i, text in enumerate(table.column(column))
        if groups[i] == group and not is_empty(text) and text != "--"
    }
    top = max(values.values(), default=0.0)
    return [i for i, value in values.items() if value == top] if len(values) > 1 else []


def _spec(table: Table, index: int, spread: bool) -> str:
    if spread:
        return r"r@{$\,\pm\,$}l"
    if numeric(table, index):
        return "r"
    return "l" if _widest(table, index) <= WORDS else r"p{1.3in}"


def _head(name: str, spread: bool) -> str:
    text = escaped(HEADERS.get(name, name))
    return rf"\multicolumn{{2}}{{c}}{{{text}}}" if spread else text


def _set(text: str, spread: bool, *, bold: bool) -> str:
    if not spread:
        return rf"\textbf{{{escaped(text)}}}" if bold else escaped(text)
    mean, sign, deviation = text.partition(" ± ")
    if not sign:
        return rf"\multicolumn{{2}}{{c}}{{{escaped(text)}}}"
    return " & ".join([rf"\textbf{{{mean}}}" if bold else mean, escaped(deviation)])


def escaped(text: str) -> str:
    """A text as LaTeX prints it."""
    return "".join(ESCAPED.get(letter, letter) for letter in text)
