"""Bringing a results file up to date, as far as it is not."""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from benchmarks.plan.cell import Cell
from benchmarks.results.store import Store, warn
from benchmarks.results.writer import StoreWriter
from benchmarks.run.job import Job
from lottery.core.errors import BadInput
from lottery.core.files import write_text


def bring(path: Path, cells: Sequence[Cell], everything: Sequence[Cell], job: Job) -> int:
    """Borrow, run and mend what a results file lacks of some cells; nothing is written, and no
    torch imported, where it lacks nothing.

    Args:
        cells: those that were asked for.
        everything: all of the suite, which are borrowed where other suites have them.

    Returns:
        The exit status, as of `benchmarks.run.scheduler.run`.
    """
    store, status = Store(path), 0
    asked, done = {cell.key for cell in cells}, store.done()
    if asked - done or ({cell.key for cell in everything} - done) & store.within_reach():
        writer = _borrowed(path, everything, needed=bool(asked - done))
        if writer and asked - writer.done():
            status = int(import_module("benchmarks.run.scheduler").run(cells, writer, job))
    if lacking := asked & store.lacking_details():
        mended = [cell for cell in cells if cell.key in lacking]
        import_module("benchmarks.run.scheduler").remake_details(mended, path, job)
    return status


def _borrowed(path: Path, everything: Sequence[Cell], *, needed: bool) -> StoreWriter | None:
    """The results file to add to, with what other suites have; None where it is somebody else's
    and need not be added to."""
    try:
        store = StoreWriter(path)
    except BadInput:
        if needed:
            raise
        return None
    store.borrow(everything)
    return store


def write_beside(path: Path, text: str) -> None:
    """Write a text made from results; where the folder is somebody else's, say that it was not."""
    if path.is_file() and path.read_bytes() == text.encode():
        return
    try:
        write_text(path, text)
    except OSError as error:
        warn(f"{path} was not written: {error.strerror}")
