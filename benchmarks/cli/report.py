"""python -m benchmarks.report: every result as one HTML page, and as Markdown and LaTeX tables."""

import base64
import datetime
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from xml.etree import ElementTree

from jinja2 import Environment
from markupsafe import Markup

from benchmarks.judge.claims import Suites, claims_section
from benchmarks.judge.reproduction import reproduction
from benchmarks.judge.tables import Section, Table, markdown, sections
from benchmarks.judge.tables.latex import latex
from benchmarks.judge.tables.sections import OURS, numeric
from benchmarks.judge.tables.throughput import ROWS as THROUGHPUT
from benchmarks.judge.tables.throughput import throughput_sections
from benchmarks.judge.verdict import judge
from benchmarks.plan.block import Block
from benchmarks.plan.cell import PROTOCOL
from benchmarks.plan.comparison import Candidate, Comparison, comparison_names, get_comparison
from benchmarks.plan.presets import get_preset, load_presets
from benchmarks.plan.suites import SUITES, get_suite
from benchmarks.results.columns import HEADER, ROWS
from benchmarks.results.lookup import Results
from benchmarks.results.provenance import commit
from benchmarks.results.store import Row, Store, warn
from lottery.core.choices import PRUNED_AT
from lottery.core.command_line import run_command
from lottery.core.csv_table import DamagedFile, Schema, matching, read_csv
from lottery.core.errors import BadInput, check_name
from lottery.core.files import sweep, write_text

# The columns of a row that say most, first.
FIRST = "method objective density_requested ablation seed accuracy commit device".split()
# The columns of a verdict's file that say which method it is of; its name becomes a file's.
_VERDICT = {
    "candidate": matching("True|False", "True or False"),
    **{name: ROWS.columns[name] for name in ("method", "pruned_at", "source")},
    "checked": matching("True|False", "True or False"),
}
VERDICT = Schema(_VERDICT, frozenset(_VERDICT))
# Suites whose lines have printed values.
PRINTED = ("table1", "table2", "table3")
# How our own verdicts are coloured.
LOOKS = {
    **dict.fromkeys(("reproduced", "better", "yes", "holds"), "good"),
    **dict.fromkeys(("not reproduced", "worse", "no", "does not hold"), "bad"),
}
SAID = ".//{{*}}Work/{{http://purl.org/dc/elements/1.1/}}{}"  # where a figure says what it is


@dataclass(frozen=True)
class Options:
    """Write <out>/report.html from the results, and each table as .md and .tex beside it."""

    results: Path = Path("results")
    """Folder of the results; figures are taken from it too, see python -m plots."""
    out: Path = Path("results/report")
    """Folder to write to."""


@dataclass(frozen=True)
class Picture:
    """A figure that was drawn, as a data URI, and what it says about itself."""

    uri: str
    caption: str
    seen: str


@dataclass(frozen=True)
class Part:
    """One suite, or one method that was compared, at one preset.

    Attributes:
        name: of its files, and of its place in the page.
        figures: those that were drawn.
        rows: with everything that is known of each.
    """

    name: str
    title: str
    sections: Sequence[Section]
    figures: Sequence[Picture]
    rows: Table


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; exit status 0, or 2 with one line."""
    return run_command(_main, Options, "python -m benchmarks.report", arguments)


def _main(options: Options) -> int:
    parts = list(find_parts(options.results))
    if not parts:
        raise BadInput(f"there are no results in {options.results}; run a suite first")
    parts.insert(0, _reproduction_part(options.results))
    sweep(options.out)
    for part in parts:
        write_text(options.out / f"{part.name}.md", markdown(part.sections))
        write_text(options.out / f"{part.name}.tex", latex(part.sections, part.name))
    page = options.out / "report.html"
    write_text(page, html(parts))
    print(f"report: {page}   tables: {options.out}/*.md, *.tex")
    return 0


def find_parts(results: Path) -> Iterator[Part]:
    """What there are results of: suites, then comparisons, preset by preset."""
    for name in load_presets():
        folder = results / name
        for suite in SUITES:
            path = folder / f"{suite}.csv"
            if path.is_file() and (store := Store(path)).rows():
                yield _suite_part(name, suite, store)
        if (path := folder / "throughput.csv").is_file():
            yield _throughput_part(name, path)
        for comparison in map(get_comparison, comparison_names()):
            if name not in comparison.presets:
                continue
            for path in sorted(folder.glob(f"{comparison.name}/*.csv")):
                if candidate := _candidate(path):
                    yield _comparison_part(name, comparison, candidate, path)


def _reproduction_part(results: Path) -> Part:
    """What the page opens with: the papers' tables at their own scale."""
    tables, rows = list[tuple[Block, Results]](), list[Row]()
    for suite in PRINTED:
        preset = get_preset("paper").for_suite(suite)
        store = Store(results / "paper" / f"{suite}.csv")
        found = Results(store, _seeds(store.rows()) or preset.seeds)
        tables += [(block, found) for block in get_suite(suite, preset)]
        rows += store.rows()
    shown = [claims_section(_scales(results)), reproduction(tables)]
    return Part("reproduction", "What reproduces", shown, [], _provenance(rows))


def _scales(results: Path) -> dict[str, Suites]:
    """The suites that have rows, by preset."""
    scales: dict[str, Suites] = {}
    for name in load_presets():
        suites = {}
        for suite in SUITES:
            preset = get_preset(name).for_suite(suite)
            store = Store(results / name / f"{suite}.csv")
            if rows := store.rows():
                suites[suite] = (get_suite(suite, preset), Results(store, _seeds(rows)))
        scales[name] = suites
    return scales


def _suite_part(preset_name: str, suite: str, store: Store) -> Part:
    preset, rows = get_preset(preset_name).for_suite(suite), store.rows()
    found = sections(get_suite(suite, preset), Results(store, _seeds(rows)), preset)
    about = (SUITES[suite].__doc__ or suite).splitlines()[0].rstrip(".")
    title = f"{about} ({preset_name})"
    return Part(f"{preset_name}-{suite}", title, found, _figures(store.path), _provenance(rows))


def _throughput_part(preset_name: str, path: Path) -> Part:
    rows = read_csv(path, THROUGHPUT).rows
    columns = list(rows[0]) if rows else []
    table = Table(columns, [[row[name] for name in columns] for row in rows])
    title = f"Milliseconds a step ({preset_name})"
    found = throughput_sections(rows)
    return Part(f"{preset_name}-throughput", title, found, _figures(path), table)


def _candidate(path: Path) -> Candidate | None:
    """The method that a verdict's file is of; None where it has no result, or is no verdict."""
    try:
        rows = read_csv(path, VERDICT).rows
    except DamagedFile as error:
        warn(str(error))
        return None
    except BadInput:  # something else that lies there
        return None
    for row in rows:
        if row["candidate"] == "True":
            checked = row["checked"] == "True"
            place = check_name("pruned_at", row["pruned_at"], PRUNED_AT)
            return Candidate(row["method"], place, row["source"], checked)
    return None


def _comparison_part(
    preset_name: str,
    comparison: Comparison,
    candidate: Candidate,
    path: Path,
) -> Part:
    """A verdict, made anew from the rows; its file only says which method it is of."""
    preset = comparison.preset(preset_name)
    store = Store(path.parent.with_suffix(".csv"))
    rows = [
        row
        for row in store.rows()
        if (row["method"], row["source"]) == (candidate.name, candidate.source)
    ]
    seeds = _seeds(rows) or preset.seeds
    verdict = judge(comparison, preset, candidate, Results(store, seeds), asked=())
    return Part(
        f"{preset_name}-{comparison.name}-{candidate.name}",
        f"{candidate.name} in {comparison.name}, {preset_name}",
        verdict.sections,
        _figures(path),
        _provenance(verdict.rows),
    )


def _seeds(rows: Iterable[Row]) -> tuple[int, ...]:
    return tuple(sorted({int(row["seed"]) for row in rows}))


def _provenance(rows: Iterable[Row]) -> Table:
    columns = [*FIRST, *(name for name in HEADER if name not in FIRST)]
    return Table(columns, [[row[name] for name in columns] for row in rows])


def _figures(path: Path) -> list[Picture]:
    """The figures beside a CSV."""
    images = [path.with_suffix(".svg"), *sorted(path.parent.glob(f"{path.stem}-*.svg"))]
    return [_picture(image) for image in images if image.exists()]


def _picture(path: Path) -> Picture:
    """A figure, and the title and description that it holds."""
    content = path.read_bytes()
    try:
        tree = ElementTree.fromstring(content)
    except ElementTree.ParseError:
        said = dict.fromkeys(("title", "description"), "")
    else:
        said = {name: tree.findtext(SAID.format(name), "") for name in ("title", "description")}
    uri = f"data:image/svg+xml;base64,{base64.b64encode(content).decode()}"
    return Picture(uri, said["title"] or path.stem, said["description"] or path.stem)


SCALES = "; ".join(f"{name}: {preset.description}" for name, preset in load_presets().items())
ABOUT = (
    f"Rows of protocol {PROTOCOL}. Accuracy is that of the last epoch on the test set. Scales: "
    f"{SCALES}."
)


def html(parts: Sequence[Part], title: str = "Lottery tickets: results", about: str = ABOUT) -> str:
    """The parts as one page that needs nothing else."""
    template = Environment(autoescape=True).from_string(
        files("benchmarks.cli").joinpath("report.html").read_text("utf-8")
    )
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="minutes")
    return template.render(
        title=title,
        about=about,
        parts=parts,
        names={part.name for part in parts},
        numbers=dict(zip([part.name for part in parts], _figures_before(parts), strict=True)),
        look=_look,
        footer=f"lottery-benchmarks {version('lottery-benchmarks')}, commit {commit()}, {now}",
    )


def _figures_before(parts: Sequence[Part]) -> list[int]:
    counts = [len(part.figures) for part in parts]
    return [sum(counts[:i]) for i in range(len(counts))]


def _look(content: Table, index: int, text: str | None = None) -> str:
    """The class of a table cell, or of its column's head, as an attribute."""
    names = ["number"] if numeric(content, index) else []
    if text in LOOKS and content.headers[index] in OURS:
        names.append(LOOKS[text])
    return Markup(f' class="{" ".join(names)}"') if names else Markup("")
