"""What the site takes from the repository as it is built, so that no page goes stale.

The README is its home. Every page in methods/ gets the method's options and defaults, the commands
and the committed rows. The API is the public names of `lottery`. A link to a file of the repository
that is no page leads to a copy of it.
"""

import re
from collections import defaultdict
from collections.abc import Iterable
from functools import cache
from itertools import groupby
from os.path import relpath
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

import lottery
from benchmarks.plan.cell import PROTOCOL
from benchmarks.plan.presets import get_preset
from benchmarks.plan.suite import SUITES
from benchmarks.plan.suites import get_suite
from benchmarks.results.store import Row, Store
from lottery.core.catalogue import dataset_label, known, model_label
from lottery.core.csv_table import ForeignFile
from lottery.search.registry import Method

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
# Pages that lie elsewhere in the repository.
PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "lottery/data/digits.md": "digits.md",
}
LINK = re.compile(r"\]\(([^)#\s]+)(#[^)\s]*)?\)")
PACKAGES = {
    "library": "Prune your own model",
    "core": "Layouts, masks, tickets",
    "search": "Methods, objectives, searches",
    "models": "Models",
    "data": "Data",
    "training": "Training",
}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that lie elsewhere, and those that are made from code and rows alone."""
    made = {page: (ROOT / path).read_text() for path, page in PAGES.items()}
    made |= {"api.md": api(), "rows.md": all_rows()}
    for page, text in made.items():
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Add a method's facts to its page; turn links to the repository into links of the site."""
    path = Path(page.file.src_uri)
    if path.parent.name == "methods" and path.stem != "index":
        markdown += method_facts(lottery.methods[path.stem])
    elsewhere = {page: ROOT / path for path, page in PAGES.items()}
    here = elsewhere.get(page.file.src_uri, DOCS / path).parent

    def relink(match: re.Match[str]) -> str:
        target, anchor = (here / match[1]).resolve(), match[2] or ""
        if not target.is_file() or not target.is_relative_to(ROOT):
            return match[0]  # of the web, or broken: the build says so
        return f"]({relpath(site_path(target, config, files), path.parent)}{anchor})"

    return LINK.sub(relink, markdown)


def site_path(target: Path, config: MkDocsConfig, files: Files) -> str:
    """Where a file of the repository is on the site; one that is no page of it is copied there."""
    name = target.relative_to(ROOT).as_posix()
    if name in PAGES:
        return PAGES[name]
    if target.is_relative_to(DOCS):
        return target.relative_to(DOCS).as_posix()
    copy = f"repository/{name}.txt"
    if copy not in files.src_uris:
        files.append(File.generated(config, copy, content=target.read_text()))
    return copy


def method_facts(method: Method) -> str:
    """The part of a method's page that comes from its code and its rows."""
    code = f"{method.draw.__module__}.{method.draw.__qualname__}"
    return f"""

## Options

{options_table(method)}

::: {code}
    options:
      show_root_heading: false
      show_root_toc_entry: false
      skip_local_inventory: true

## Run it

{commands(method)}

## Committed rows

{rows_table([row for row in committed() if row["method"] == method.name])}
"""


def options_table(method: Method) -> str:
    """How a method is run and judged, and the defaults of its options."""
    point = {"init": "initialisation", "rewind": "the rewind point"}[method.pruned_at]
    weights = "trained after masking"
    if method.strong:
        weights = "left as they were drawn"
    elif method.own_weights:
        weights = "those that the method itself trained"
    density = "given" if method.sets_density else "decided by the method"
    lines = [f"It draws at {point}. The ticket's weights are {weights}. The density is {density}."]
    if method.options:
        lines += ["", "| option | default |", "|---|---|"]
        lines += [f"| `{name}` | `{shown(value)}` |" for name, value in method.options.items()]
    else:
        lines += ["", "It has no options."]
    return "\n".join(lines)


def shown(value: Any) -> str:
    """A default as a reader wants it: two thirds without sixteen digits."""
    return f"{value:.4g}" if isinstance(value, float) else repr(value)


def commands(method: Method) -> str:
    """The suites that run a method at the papers' scale, and the library's call."""
    suites = [
        f"make {name} PRESET=paper ARGS={f'--only method={method.name}'!r}"
        for name in sorted(SUITES)
        if method.name in methods_of(name)
    ]
    density = 1.0 if method.name == "dense" else 0.05
    given = f", density={density}" if method.sets_density else ""
    call = f'ticket = lottery.prune(model, loader, "{method.name}"{given})'
    suites_text = "\n".join(f"    {line}" for line in suites) or "No suite runs it."
    return f"{suites_text}\n\nOn your own network:\n\n```python\n{call}\n```"


@cache
def methods_of(suite: str) -> set[str]:
    """The methods of a suite at the papers' scale."""
    blocks = get_suite(suite, get_preset("paper").for_suite(suite))
    return {line.cell.method for block in blocks for line in block.lines if line.cell}


@cache
def committed() -> list[Row]:
    """The tickets' rows in results/, of every protocol; those copied between suites once."""
    found: dict[tuple[str, str], Row] = {}
    for path in sorted(ROOT.glob("results/*/*.csv")):
        if path.parent.name in ("quick", "paper"):
            for row in rows_of(path):
                found.setdefault((row["cell_key"], row["protocol"]), row)
    return [row for row in found.values() if row["ablation"] == "none"]


def rows_of(path: Path) -> list[Row]:
    """The rows of a results file; none where it is a table of another kind."""
    try:
        return Store(path).all_rows()
    except ForeignFile:
        return []


# What rows have in common that differ by seed alone.
TOGETHER = (
    "preset model dataset method objective gradient_step search pruned_at density_requested "
    "options initialisation precision validation variant protocol"
).split()


def rows_table(rows: Iterable[Row]) -> str:
    """Rows as a table, seeds averaged."""
    groups = defaultdict(list)
    for row in rows:
        groups[tuple(row[name] for name in TOGETHER)].append(row)
    if not groups:
        return "None yet: the command above makes them."
    head = "| method | preset | model | dataset | sparsity | accuracy % | seeds | protocol |"
    lines = [row_line(group) for _, group in sorted(groups.items())]
    note = f"Protocol {PROTOCOL} is the present one; rows of an older one followed other rules."
    return "\n".join([note, "", head, "|---|---|---|---|---|---|---|---|", *lines])


def row_line(rows: list[Row]) -> str:
    """One line: the mean over seeds, and their standard deviation."""
    first = rows[0]
    accuracies = [float(row["accuracy"]) for row in rows]
    spread = f" ± {stdev(accuracies):.1f}" if len(rows) > 1 else ""
    settings = [known(first["method"]).label]
    settings += [f"`{word}`" for word in (first["objective"], first["options"]) if word]
    cells = (
        " ".join(settings),
        first["preset"],
        model_label(first["model"]),
        dataset_label(first["dataset"]),
        f"{100 * (1 - mean(float(row['density']) for row in rows)):.2f}%",
        f"{mean(accuracies):.1f}{spread}",
        len(rows),
        first["protocol"],
    )
    return "| " + " | ".join(map(str, cells)) + " |"


def all_rows() -> str:
    """The page of every committed row."""
    return f"""# Committed rows

Tickets' rows in `results/quick` and `results/paper`, seeds averaged. What they say of the papers:
[what reproduces](reproduction.md). What changed between protocols: [changelog](../CHANGELOG.md).

{rows_table(committed())}
"""


def api() -> str:
    """The page of the public names of `lottery`, by the package that each is of."""
    lines = ["# API", "", "Everything here is imported from `lottery`."]
    homes = sorted((lottery._HOME[name], name) for name in lottery.__all__)
    packages = groupby(homes, lambda home: home[0].split(".")[1])
    by_package = {package: list(names) for package, names in packages}
    for package, title in PACKAGES.items():
        lines += ["", f"## {title}"]
        for home, name in by_package.pop(package):
            lines += ["", f"::: {home}.{name}"]
    if by_package:
        raise ValueError(f"docs/hooks.py has no title for lottery's {', '.join(by_package)}")
    return "\n".join(lines) + "\n"
