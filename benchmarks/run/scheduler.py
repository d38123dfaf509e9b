"""Running the cells that are not done, alone or with other processes."""

import multiprocessing
import os
import signal
import traceback
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from multiprocessing.queues import SimpleQueue
from pathlib import Path
from typing import Any

import torch
from filelock import BaseFileLock, Timeout

from benchmarks.plan.cell import Cell
from benchmarks.results.columns import Details
from benchmarks.results.provenance import commit
from benchmarks.results.store import Store, warn
from benchmarks.results.writer import StoreWriter
from benchmarks.run.apart import MethodFailed, described
from benchmarks.run.code import Code
from benchmarks.run.devices import choose_device, choose_precision
from benchmarks.run.estimate import pieces
from benchmarks.run.job import Job
from benchmarks.run.listing import listing
from benchmarks.run.methods import add_file, method_files, one_line, option
from benchmarks.run.parallelism import choose_jobs, threads
from benchmarks.run.pipeline import Bench, run_cell
from benchmarks.run.plugins import as_planned, bring
from benchmarks.run.runtime import tuned_processor
from benchmarks.run.stages import NotCached
from benchmarks.run.validation import check_cells, check_work
from benchmarks.run.watch import Stopped, Watch
from lottery.core.ablations import Inapplicable
from lottery.core.files import lock_file, require_writable, sweep, write_text
from lottery.data import DataError

DONE, FAILED, STOPPED = 0, 1, 3


def list_cells(cells: Sequence[Cell], done: Collection[str], job: Job) -> str:
    """The text of --list, also for a GPU that is not here.

    Raises:
        BadInput: cells that could not be run; the text is one line.
    """
    check_work(cells)
    device = choose_device(job.device, planned=True)
    return listing(cells, done, device, choose_precision(job.precision, device))


def run(
    cells: Sequence[Cell],
    store: StoreWriter,
    job: Job,
    *,
    show: bool = True,
    tell: Callable[[str], None] | None = None,
) -> int:
    """Run the cells that the store lacks.

    Args:
        show: whether to show how far it has come.
        tell: who else is told what it is at.

    Returns:
        0: the rows of all are in the store, but for those that cannot be, as was said; 1: some
        failed, as said above the progress bar, or their rows are not there; 3: stopped by a signal
        or the time budget, with everything finished so far saved.

    Raises:
        BadInput: nothing was run; the text is one line.
    """
    commit()  # read now: the checkout may change while the run goes on with the code it has
    device = choose_device(job.device)
    precision = choose_precision(job.precision, device)
    absent = check_cells(cells, job.data_root)
    for dataset, reason in absent.items():
        count = sum(cell.dataset == dataset for cell in cells)
        warn(f"{count} cells on {dataset} are left out: {reason}")
    cells = [cell for cell in cells if cell.dataset not in absent]
    require_writable("cache", job.cache_root)
    sweep(*(folder for folder in job.cache_root.iterdir() if folder.is_dir()))
    watch = Watch(job.budget, show=show, tell=tell)
    bench = Bench(
        job.data_root, job.cache_root, device, precision, watch, cell_limit=job.cell_limit
    )
    done = store.done()
    missing = [cell for cell in cells if cell.key not in done]
    jobs = choose_jobs(job.jobs, missing, device)
    torch.set_num_threads(max(1, torch.get_num_threads() // jobs))
    helpers: list[multiprocessing.context.SpawnProcess] = []
    with watch.signals(), tuned_processor():
        try:
            told = multiprocessing.get_context("spawn").SimpleQueue()
            watch.listen(told)
            helpers += (_helper(missing, store, job, told) for _ in range(jobs - 1))
            done_here = run_cells(missing, store, bench)
        except Stopped as stop:
            watch.write(f"stopped: {stop}; the same command goes on from here")
            return STOPPED
        finally:
            for helper in helpers:
                if watch.stop_reason():
                    helper.terminate()  # SIGTERM: it saves and stops
                helper.join()
            watch.close()
    if done_here.failures:
        return FAILED
    return DONE if _all_there(cells, store, done_here.left_out) else FAILED


def _all_there(cells: Sequence[Cell], store: Store, left_out: Collection[str]) -> bool:
    lost = {cell.key for cell in cells} - set(left_out) - store.done()
    if lost:
        warn(f"{len(lost)} rows are no longer in {store.path}, which was changed: run it again")
    return not lost


def remake_details(cells: Sequence[Cell], path: Path, job: Job) -> None:
    """Make the lines in the tables beside a results file again, of cells whose row stands, from the
    stages that are cached; say of which there are none any more. No stage is run."""
    store = StoreWriter(path)
    device = choose_device(job.device)
    precision = choose_precision(job.precision, device)
    watch = Watch(show=False)
    bench = Bench(job.data_root, job.cache_root, device, precision, watch, cached_only=True)
    rows = {row["cell_key"]: row for row in store.rows()}
    found = {}
    with tuned_processor():
        for cell in cells:
            try:
                with threads(cell):
                    row, details = run_cell(cell, bench)
            except (NotCached, OSError, ValueError):
                continue
            if row["mask_sha256"] == rows[cell.key]["mask_sha256"]:
                found[cell.key] = details
    if found:
        store.put_details(found)
    if lacking := {cell.key for cell in cells} & store.lacking_details():
        warn(
            f"the tables beside {path} lack lines of {len(lacking)} finished cells, and their "
            f"stages are not in {job.cache_root}; what is drawn of them is incomplete"
        )


def _helper(
    cells: Sequence[Cell], store: StoreWriter, job: Job, told: SimpleQueue[tuple[int, str]]
) -> multiprocessing.context.SpawnProcess:
    context = multiprocessing.get_context("spawn")
    alone = replace(job, jobs=1)
    files, own_threads = list(method_files.values()), torch.get_num_threads()
    arguments = (cells, store.path, alone, files, own_threads, told)
    helper = context.Process(target=_help, args=arguments, daemon=False)
    # It begins with Ctrl-C blocked, which goes to every process of a terminal at once.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        helper.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return helper


def _help(
    cells: Sequence[Cell],
    path: Path,
    job: Job,
    files: Sequence[Code],
    own_threads: int,
    told: SimpleQueue[tuple[int, str]],
) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who started it says when to stop
    bring(job.brought, job.data_root)
    for file in files:
        if file not in method_files.values():
            add_file(file, described(file))
    if not as_planned(cells, job.data_root):
        return  # something was edited just now: the cells to run are of what it was before
    torch.set_num_threads(own_threads)
    run(cells, StoreWriter(path), job, show=False, tell=partial(_tell, told))


def _tell(told: SimpleQueue[tuple[int, str]], text: str) -> None:
    with suppress(OSError):  # nobody listens any more
        told.put((os.getpid(), text))


@dataclass
class Done:
    """What came of the cells that are not in the store: one line for each that failed, and the keys
    of those that cannot be."""

    failures: list[str] = field(default_factory=list)
    left_out: set[str] = field(default_factory=set)


def run_cells(cells: Sequence[Cell], store: StoreWriter, bench: Bench) -> Done:
    """Run cells one by one; leave to other processes what they are at or have done by then.

    Raises:
        Stopped: by a signal or the time budget.
    """
    waiting = list(cells)
    progress = Progress(bench, waiting)
    outcome = Done()
    while waiting:
        busy: list[Cell] = []
        for cell in waiting:
            bench.watch.check()
            try:
                # With nothing else to do, wait a little for the other process.
                patience = 0.5 if len(busy) + 1 == len(waiting) else 0
                with _claim(bench.cache_root, cell).acquire(timeout=patience):
                    store.borrow([cell])  # another suite may have been at it
                    if cell.key not in store.done():
                        progress.start(cell)
                        finished = None
                        with _reported(cell, bench, outcome), threads(cell):
                            finished = run_cell(cell, bench)
                        if finished:
                            _store(cell, *finished, store, bench.watch)
                    progress.finish(cell, store.done())
            except Timeout:
                busy.append(cell)
        waiting = busy
    return outcome


def _claim(cache_root: Path, cell: Cell) -> BaseFileLock:
    """A lock that the system frees when its process ends, however it ends."""
    folder = cache_root / "cells"
    folder.mkdir(parents=True, exist_ok=True)
    return lock_file(folder / f"{cell.key}.lock")


@contextmanager
def _reported(cell: Cell, bench: Bench, outcome: Done) -> Iterator[None]:
    """Say why a cell came to nothing: it must not take the others with it."""
    try:
        yield
    except (Stopped, DataError):
        raise
    except Inapplicable as reason:
        bench.watch.write(f"note: {cell.describe()} is left out: {reason}")
        outcome.left_out.add(cell.key)
    except (Exception, SystemExit) as error:
        file = method_files.get(cell.method)
        where = f"{file.path}: " if file else ""
        kept = keep_failure(bench.cache_root, cell, error)
        failure = f"{where}{cell.describe()} failed: {one_line(error)}{kept}"
        bench.watch.write(f"error: {failure}")
        outcome.failures.append(failure)


def _store(
    cell: Cell, row: dict[str, Any], details: Details, store: StoreWriter, watch: Watch
) -> None:
    """Add a finished cell's row, and say so if nothing is left of the network."""
    store.append(row, details)
    if row["params_kept"] == 0:
        watch.write(
            f"warning: {cell.describe()} pruned everything, at lambda {option(cell, 'lam')}"
        )


def keep_failure(cache_root: Path, cell: Cell, error: BaseException) -> str:
    """Write the whole traceback to <cache>/failures/<cell_key>.txt; words that name the file."""
    details = error.details if isinstance(error, MethodFailed) else ""
    path = cache_root / "failures" / f"{cell.key}.txt"
    try:
        write_text(path, details or "".join(traceback.format_exception(error)))
    except OSError:
        return ""  # the failure itself is worth more than its traceback
    return f"; its traceback: {path}"


class Progress:
    """Moves the watch's bar by estimated seconds, each piece of work counted once.

    The work of other processes counts as soon as a cell of their own is done.
    """

    def __init__(self, bench: Bench, cells: Sequence[Cell]) -> None:
        self._watch = bench.watch
        self._pieces = {c.key: pieces(c, bench.device, bench.precision) for c in cells}
        self._behind: dict[tuple[str, ...], float] = {}
        everything = {p.name: p.seconds for found in self._pieces.values() for p in found}
        self._watch.expect(sum(everything.values()))

    def start(self, cell: Cell) -> None:
        new = [p for p in self._pieces[cell.key] if p.name not in self._behind]
        images = sum(p.images for p in new)
        shared = sum(p.images for p in self._pieces[cell.key]) - images
        self._watch.begin(sum(p.seconds for p in new) / max(images, 1), shared)
        self._watch.say(cell.describe())

    def finish(self, cell: Cell, done: Collection[str]) -> None:
        """A cell is behind, done or failed; so are those of the keys given, whoever did them."""
        for key in {cell.key, *done} & self._pieces.keys():
            self._behind |= {p.name: p.seconds for p in self._pieces[key]}
        self._watch.reach(sum(self._behind.values()))
