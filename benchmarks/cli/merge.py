"""python -m benchmarks merge DIR: take over the results of another machine or checkout."""

import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

import tyro

from benchmarks.cli.bringing import write_beside
from benchmarks.judge.tables import render
from benchmarks.plan.presets import get_preset, load_presets
from benchmarks.plan.suites import SUITES, get_suite
from benchmarks.results.lookup import Results
from benchmarks.results.store import Row, Store, warn
from benchmarks.results.writer import StoreWriter
from lottery.core.command_line import run_command
from lottery.core.csv_table import ForeignFile
from lottery.core.errors import BadInput
from lottery.core.files import replacing

# What two runs of one cell have to agree in.
RESULT = (
    "density accuracy accuracy_top3 accuracy_top5 accuracy_before_training params_prunable "
    "params_kept mask_sha256"
).split()
SHOWN = ("accuracy", "mask_sha256", "device", "torch", "commit", "finished_at")


@dataclass(frozen=True)
class Options:
    """Take over the rows of another results folder, the tables beside them and their tickets.

    Nothing is written unless all of it can be: a cell whose two rows differ is refused.
    """

    folder: tyro.conf.Positional[Path]
    """The other results folder, which holds a folder for each preset."""
    results: Path = Path("results")
    """Folder of the results that take them over."""
    tickets: Path | None = None
    """Folder of the other's tickets; by default cache/tickets or .cache/tickets beside its results
    folder, if there is one."""
    cache_root: Path = Path(os.environ.get("LOTTERY_CACHE") or ".cache")
    """Folder whose tickets/ takes them over (or LOTTERY_CACHE)."""


@dataclass
class Source:
    """One results file of the other folder, beside the one of the same name here.

    Attributes:
        new: rows whose cells are not here yet.
        known: how many are here already, with the same result.
        conflicts: pairs of rows of one cell, ours first, whose results differ.
    """

    theirs: Store
    target: Path
    new: list[Row] = field(default_factory=list)
    known: int = 0
    conflicts: list[tuple[Row, Row]] = field(default_factory=list)

    def __post_init__(self) -> None:
        mine = {row["cell_key"]: row for row in Store(self.target).rows()}
        for row in self.theirs.rows():
            before = mine.get(row["cell_key"])
            if before is None:
                self.new.append(row)
            elif all(row[name] == before[name] for name in RESULT):
                self.known += 1
            else:
                self.conflicts.append((before, row))

    @property
    def other_protocols(self) -> int:
        return len(self.theirs.all_rows()) - len(self.theirs.rows())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; exit status 0, or 2 with what is wrong and nothing written."""
    return run_command(_main, Options, "python -m benchmarks merge", arguments)


def _main(options: Options) -> int:
    sources = list(find_sources(options.folder, options.results))
    if not sources:
        raise BadInput(f"there are no results in {options.folder}: no <preset>/<suite>.csv")
    check(sources)
    tickets = find_tickets(options, sources)
    for source in sources:
        if source.new:
            details = source.theirs.all_details()
            entries = [(row, details.get(row["cell_key"], {})) for row in source.new]
            StoreWriter(source.target).append_many(entries)
            _render(source.target)
        print(_summary(source))
    for ticket in tickets:
        with replacing(options.cache_root / "tickets" / ticket.name) as temporary:
            shutil.copyfile(ticket, temporary)
    print(f"{len(tickets)} tickets")
    return 0


def find_sources(folder: Path, results: Path) -> Iterator[Source]:
    """Every results file in the presets' folders; tables beside them and other files are not.

    Raises:
        BadInput: no such folder, the same one twice, or a file that is damaged.
    """
    if not folder.is_dir():
        raise BadInput(f"there is no results folder {folder}")
    if folder.resolve() == results.resolve():
        raise BadInput(f"{folder} is the results folder itself")
    for preset in load_presets():
        for path in sorted((folder / preset).glob("[!._]*.csv")):
            try:
                theirs = Store(path)
            except ForeignFile:
                continue
            yield Source(theirs, results / preset / path.name)


def check(sources: Sequence[Source]) -> None:
    """Refuse what cannot be compared; say what was run by code that nobody can look up.

    Raises:
        BadInput: rows that differ from ours, of another preset, or without the tables beside them.
    """
    for source in sources:
        path, preset = source.theirs.path, source.target.parent.name
        for row in source.new:
            if row["preset"] != preset:
                raise BadInput(f"{path}: cell {row['cell_key']} is of preset {row['preset']!r}")
        if lacking := {row["cell_key"] for row in source.new} & source.theirs.lacking_details():
            raise BadInput(
                f"{path}: the tables beside it do not hold what was written with cell "
                f"{min(lacking)}; run its command once more there, which makes them again"
            )
        if dirty := {row["commit"] for row in source.new if row["commit"].endswith("+")}:
            warn(f"{path} has rows of code that was not committed ({', '.join(sorted(dirty))})")
    conflicts = [(source, pair) for source in sources for pair in source.conflicts]
    for source, (ours, theirs) in conflicts:
        print(f"{source.target}: {_shown(ours)}", file=sys.stderr)
        print(f"{source.theirs.path}: {_shown(theirs)}", file=sys.stderr)
    if conflicts:
        raise BadInput(
            f"{len(conflicts)} cells have another result here than there (above); nothing was taken"
        )


def find_tickets(options: Options, sources: Sequence[Source]) -> list[Path]:
    """The ticket files of the new rows, as far as they are there.

    Raises:
        BadInput: the folder that was named is not there, or a ticket is not its row's.
    """
    beside = options.folder.resolve().parent
    folder = options.tickets or next(
        (path for name in ("cache", ".cache") if (path := beside / name / "tickets").is_dir()), None
    )
    if folder is None:
        return []
    if not folder.is_dir():
        raise BadInput(f"there is no folder of tickets {folder}")
    rows = {row["cell_key"]: row for source in sources for row in source.new}
    found = {key: path for key in rows if (path := folder / f"{key}.safetensors").is_file()}
    for key, path in found.items():
        # torch takes seconds to import; only tickets need it.
        ticket = import_module("lottery.tools.rebuild").read(path)
        if ticket.mask.sha256 != rows[key]["mask_sha256"]:
            raise BadInput(f"{path} is not the ticket of its row: their masks differ")
    return list(found.values())


def _render(path: Path) -> None:
    """Print a suite's table anew beside its rows, as its own command does."""
    if path.stem in SUITES:
        preset = get_preset(path.parent.name).for_suite(path.stem)
        results = Results(Store(path), preset.seeds)
        write_beside(path.with_suffix(".md"), render(get_suite(path.stem, preset), results, preset))


def _summary(source: Source) -> str:
    parts = [f"{len(source.new)} rows taken over", f"{source.known} already here"]
    if source.other_protocols:
        parts.append(f"{source.other_protocols} of another protocol left")
    return f"{source.target}: {', '.join(parts)}"


def _shown(row: Row) -> str:
    return f"cell {row['cell_key']}, " + ", ".join(f"{name} {row[name]}" for name in SHOWN)
