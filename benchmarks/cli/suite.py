"""python -m benchmarks <suite>: run what is missing of a table, then print it."""

from collections.abc import Sequence
from importlib import import_module

from benchmarks.cli.bringing import bring, write_beside
from benchmarks.cli.brought import with_brought
from benchmarks.cli.filters import FILTERS, select
from benchmarks.cli.options import Options, parse_seeds
from benchmarks.cli.terminal import show
from benchmarks.judge.tables import markdown, sections
from benchmarks.plan.presets import get_preset
from benchmarks.plan.suites import NAMES, cells_of, get_suite
from benchmarks.results.lookup import Results
from benchmarks.results.store import Store
from lottery.core.command_line import run_command
from lottery.core.errors import BadInput


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit status is 0 (all cells done), 1 (some failed), 2 (bad
    arguments or data) or 3 (stopped, everything so far saved)."""
    return run_command(_main, Options, "python -m benchmarks", arguments)


def _main(options: Options) -> int:
    if not options.suite:
        raise BadInput(f"give a suite: {', '.join(NAMES)}")
    preset = get_preset(options.preset).for_suite(options.suite)
    if options.suite == "throughput":  # measures steps, not cells
        return int(import_module("benchmarks.cli.throughput").run(options, preset))
    preset = with_brought(options, preset)
    blocks = get_suite(options.suite, preset)
    seeds = parse_seeds(options.seeds) or preset.seeds
    everything = cells_of(blocks, seeds)
    cells = select(everything, options.only, FILTERS)
    job = options.job(preset.precision)
    path = options.results / preset.name / f"{options.suite}.csv"
    # torch takes seconds to import; a table that is done is printed without it.
    if options.list:
        scheduler = import_module("benchmarks.run.scheduler")
        print(scheduler.list_cells(cells, Store(path).within_reach(), job))
        return 0
    status = bring(path, cells, everything, job)
    found = sections(blocks, Results(Store(path), seeds), preset)
    write_beside(path.with_suffix(".md"), markdown(found))
    show(found, path.with_suffix(".md"))
    return status
