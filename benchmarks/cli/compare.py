"""python -m benchmarks.compare METHOD: a new method beside the fixed baselines of a comparison."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tyro

from benchmarks.cli.bringing import bring, write_beside
from benchmarks.cli.brought import with_brought
from benchmarks.cli.filters import FILTERS, select
from benchmarks.cli.options import RunOptions, parse_seeds
from benchmarks.cli.terminal import show
from benchmarks.judge.submission import write_submission
from benchmarks.judge.tables import markdown
from benchmarks.judge.verdict import Verdict, judge
from benchmarks.judge.verdict_file import to_json
from benchmarks.plan.comparison import DEFAULT, Candidate, get_comparison
from benchmarks.plan.suites import cells_of
from benchmarks.results.lookup import Results
from benchmarks.results.store import Store, warn
from benchmarks.run import scheduler
from benchmarks.run.methods import method_files, named, source_of
from lottery.core.command_line import run_command
from lottery.core.errors import BadInput
from lottery.search.registry import Method


@dataclass(frozen=True)
class Options(RunOptions):
    """Run a method on a frozen comparison, as far as rows are missing, then say how it stands."""

    method: tyro.conf.Positional[str] = ""
    """A Python file that registers one method, or the name of one that is installed."""
    submission: Path | None = None
    """Write the method's file, its verdict and its rows to this folder, for a leaderboard."""
    comparison: str = DEFAULT
    """The frozen comparison, of benchmarks/plan/comparisons; or the path of a .toml file."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; exit status as of python -m benchmarks."""
    return run_command(_main, Options, "python -m benchmarks.compare", arguments)


def _main(options: Options) -> int:
    comparison = get_comparison(options.comparison)
    baselines = {baseline.method for baseline in comparison.baselines}
    mentioned = {"method": baselines, "dataset": {comparison.dataset}}
    preset = with_brought(options, comparison.preset(options.preset), mentioned)
    seeds = parse_seeds(options.seeds) or preset.seeds
    job = options.job(preset.precision)
    if not options.method:
        raise BadInput("give a method: a Python file, or the name of one that is installed")
    candidate = candidate_of(named(options.method), comparison.name)
    everything = cells_of(comparison.blocks(preset, candidate), seeds)
    cells = select(everything, options.only, FILTERS)
    path = options.results / preset.name / f"{comparison.name}.csv"
    if options.list:
        print(scheduler.list_cells(cells, Store(path).within_reach(), job))
        return 0
    status = bring(path, cells, everything, job)
    verdict = judge(comparison, preset, candidate, Results(Store(path), seeds), cells)
    stem = path.with_suffix("") / candidate.name
    if verdict.points:
        _write(stem, verdict)
    show(verdict.sections, stem.with_name(f"{stem.name}.md"))
    if options.submission:
        _submit(options.submission, verdict, status)
    return status


def _write(stem: Path, verdict: Verdict) -> None:
    """A verdict for people, for the figure and for programs."""
    for suffix, text in {
        "md": markdown(verdict.sections),
        "csv": verdict.csv(),
        "json": to_json(verdict),
    }.items():
        write_beside(stem.with_name(f"{stem.name}.{suffix}"), text)


def _submit(folder: Path, verdict: Verdict, status: int) -> None:
    if status:
        warn(f"{folder} was not written: not every cell has a result")
        return
    file = method_files.get(verdict.candidate.name)
    write_submission(folder, verdict, file.text if file else None)
    print(f"submission: {folder}")


def candidate_of(method: Method, comparison: str) -> Candidate:
    """A method as a candidate.

    Raises:
        BadInput: it finds its own density.
    """
    if not method.sets_density:
        raise BadInput(f"{method.name} finds its own density; {comparison} compares at given ones")
    checked = not method.own_weights
    return Candidate(method.name, method.pruned_at, source_of(method), checked)
