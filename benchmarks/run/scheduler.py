"""Running the cells that are not done, alone or with other processes."""

import multiprocessing
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from filelock import FileLock, Timeout

from benchmarks.plan.cell import Cell
from benchmarks.results.provenance import commit
from benchmarks.results.store import Store, require_writable
from benchmarks.run.devices import choose_device, choose_precision
from benchmarks.run.estimate import listing, pieces
from benchmarks.run.job import Job
from benchmarks.run.methods import LoadedFile, load_file, method_files, one_line, option, source_of
from benchmarks.run.parallelism import choose_jobs, threads
from benchmarks.run.pipeline import Bench, run_cell
from benchmarks.run.runtime import tuned_processor
from benchmarks.run.validation import check_cells
from benchmarks.run.watch import Stopped, Watch
from lottery.core.ablations import Inapplicable
from lottery.data import DataError

DONE, FAILED, STOPPED = 0, 1, 3


def list_cells(cells: Sequence[Cell], done: Collection[str], job: Job) -> str:
    """The text of --list."""
    device = choose_device(job.device)
    return listing(cells, done, device, choose_precision(job.precision, device))


def run(cells: Sequence[Cell], store: Store, job: Job, *, show: bool = True) -> int:
    """Run the cells that the store lacks.

    Returns:
        0: all are done; 1: some failed, as said above the progress bar; 3: stopped by a signal or
        the time budget, with everything finished so far saved.

    Raises:
        BadInput: nothing was run; the text is one line.
    """
    commit()  # read now: the checkout may change while the run goes on with the code it has
    device = choose_device(job.device)
    precision = choose_precision(job.precision, device)
    check_cells(cells, job.data_root)
    require_writable("cache", job.cache_root)
    watch = Watch(job.budget, show=show)
    bench = Bench(job.data_root, job.cache_root, device, precision, watch)
    done = store.done()
    missing = [cell for cell in cells if cell.key not in done]
    jobs = choose_jobs(job.jobs, missing, device)
    torch.set_num_threads(max(1, torch.get_num_threads() // jobs))
    helpers = [_helper(missing, store, job) for _ in range(jobs - 1)]
    with watch.signals(), tuned_processor():
        try:
            failures = run_cells(missing, store, bench)
        except Stopped as stop:
            watch.write(f"stopped: {stop}; the same command goes on from here")
            return STOPPED
        finally:
            for helper in helpers:
                if watch.stop_reason():
                    helper.terminate()  # SIGTERM: it saves and stops
                helper.join()
            watch.close()
    return FAILED if failures else DONE


def _helper(cells: Sequence[Cell], store: Store, job: Job) -> multiprocessing.context.SpawnProcess:
    context = multiprocessing.get_context("spawn")
    alone = replace(job, jobs=1)
    arguments = (cells, store.path, alone, list(method_files.values()), torch.get_num_threads())
    helper = context.Process(target=_help, args=arguments, daemon=False)
    helper.start()
    return helper


def _help(
    cells: Sequence[Cell], path: Path, job: Job, files: Sequence[LoadedFile], own_threads: int
) -> None:
    for file in files:
        if source_of(load_file(file.path)) != file.source:
            return  # it was edited just now: the cells to run are of the code before
    torch.set_num_threads(own_threads)
    run(cells, Store(path), job, show=False)


def run_cells(cells: Sequence[Cell], store: Store, bench: Bench) -> list[str]:
    """Run cells one by one; leave to other processes what they are at or have done by then.

    Returns:
        One line per cell that failed.

    Raises:
        Stopped: by a signal or the time budget.
    """
    waiting = list(cells)
    progress = Progress(bench, waiting)
    failures: list[str] = []
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
                        failures += _run_one(cell, store, bench)
                    progress.finish(cell, store.done())
            except Timeout:
                busy.append(cell)
        waiting = busy
    return failures


def _claim(cache_root: Path, cell: Cell) -> FileLock:
    """A lock that the system frees when its process ends, however it ends."""
    folder = cache_root / "cells"
    folder.mkdir(parents=True, exist_ok=True)
    return FileLock(folder / f"{cell.key}.lock")


def _run_one(cell: Cell, store: Store, bench: Bench) -> list[str]:
    """Run a cell and store its row; the failure, if it fails."""
    try:
        with threads(cell):
            row, details = run_cell(cell, bench)
    except (Stopped, DataError):
        raise
    except Inapplicable as reason:
        bench.watch.write(f"note: {cell.describe()} is left out: {reason}")
        return []
    except (Exception, SystemExit) as error:  # a failing cell must not take the others with it
        file = method_files.get(cell.method)
        where = f"{file.path}: " if file else ""
        failure = f"{where}{cell.describe()} failed: {one_line(error)}"
        bench.watch.write(f"error: {failure}")
        return [failure]
    store.append(row, details)
    if row["params_kept"] == 0:
        lam = option(cell, "lam")
        bench.watch.write(f"warning: {cell.describe()} pruned everything, at lambda {lam}")
    return []


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
