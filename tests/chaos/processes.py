"""Killing, stopping and crashing real commands."""

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path

from benchmarks.results.store import Store
from benchmarks.results.writer import StoreWriter
from tests.benchmarks.made_up import row
from tests.chaos.tally import Tally

ROOT = Path(__file__).resolve().parents[2]
TINY = ROOT / "tests" / "benchmarks" / "tiny.py"
CELLS = ("table2", "--preset", "tiny", "--only", "density=0.018", "density=0.5", "seed=0")
SAME = ("cell_key", "accuracy", "mask_sha256", "search_epochs", "train_epochs")
SECONDS = 300.0  # in which every command ends, on a busy machine too


def start(program: list[str], folder: Path, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *program],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def suite(folder: Path, *more: str) -> list[str]:
    folders = [f"--results={folder / 'results'}", f"--cache-root={folder / 'cache'}"]
    return [str(TINY), *CELLS, *folders, *more]


def report(folder: Path) -> list[str]:
    return ["-m", "benchmarks.report", f"--results={folder}", f"--out={folder / 'report'}"]


def figures(folder: Path) -> list[str]:
    return ["-m", "plots", "all", f"--results={folder}"]


def finish(process: subprocess.Popen[str], tally: Tally) -> int:
    """The exit status; what it said is looked through for a traceback."""
    try:
        _, said = process.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        tally.hangs += 1
        return 0
    if "Traceback (most recent call last)" in said:
        tally.tracebacks += 1
        tally.note(said[-600:])
    return process.returncode


def rows(folder: Path) -> list[tuple[str, ...]]:
    found = Store(folder / "results" / "tiny" / "table2.csv").rows()
    return [tuple(each[name] for name in SAME) for each in found]


@contextmanager
def scratch() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        yield Path(folder)


def undisturbed(folder: Path) -> tuple[dict[str, tuple[str, ...]], float]:
    """The rows of a run that nothing happens to, and the seconds that it takes."""
    begun = time.monotonic()
    assert finish(start(suite(folder), folder), Tally()) == 0
    return {key: tuple(rest) for key, *rest in rows(folder)}, time.monotonic() - begun


def kills(seed: int, times: int) -> Tally:
    """SIGKILL at random moments of suites of one and two processes, each then run to its end."""
    draw, tally = random.Random(seed), Tally()
    with scratch() as folder:
        wanted, seconds = undisturbed(folder / "undisturbed")
        for i in range(times):
            there = folder / str(i)
            more = ("--jobs", "2") if i % 2 else ()
            process = start(suite(there, *more), there)
            time.sleep(draw.uniform(0, 1.2 * seconds))
            process.kill()
            finish(process, tally)
            tally.tried += 1
            before = rows(there)
            if finish(start(suite(there), there), tally):
                tally.lost += 1
            tally.compare(rows(there), wanted)
            tally.lost += len(set(before) - set(rows(there)))
            left = [*there.rglob("*.partial"), *there.rglob("*.tmp")]
            tally.unequal += len(left)
    return tally


def signals(seed: int, times: int) -> Tally:
    """SIGINT and SIGTERM at random moments of every kind of command: status 3, or done before."""
    draw, tally = random.Random(seed), Tally()
    with scratch() as folder:
        _, seconds = undisturbed(folder)
        results = folder / "results"
        (results / "tiny").rename(results / "demo")  # a preset that these commands know
        programs: list[Callable[[Path], list[str]]] = [
            lambda there: ["-m", "benchmarks", *CELLS[:1], "--list", f"--results={there}"],
            lambda there: report(results),
            lambda there: figures(results),
            lambda there: ["-m", "lottery.fetch", "digits"],
        ]
        for i in range(times):
            process = start(programs[i % len(programs)](folder / str(i)), folder)
            time.sleep(0.3 + draw.uniform(0, 0.8 * seconds))
            process.send_signal(draw.choice([signal.SIGINT, signal.SIGTERM]))
            status = finish(process, tally)
            tally.tried += 1
            if status not in (0, 3):
                tally.unequal += 1
                tally.note(f"{process.args!r:.200}: status {status}")
    return tally


def crashes(seed: int, times: int) -> Tally:
    """The process ends within a write of a file, of each in turn; then it is run to its end."""
    tally = Tally()
    with scratch() as folder:
        wanted, _ = undisturbed(folder / "undisturbed")
        for i in range(times):
            there = folder / str(i)
            process = start(suite(there), there, CHAOS_CRASH_AT=str(i + 1 + seed % 2))
            crashed = finish(process, tally)
            tally.tried += 1
            if finish(start(suite(there), there), tally):
                tally.lost += 1
            tally.compare(rows(there), wanted)
            shutil.rmtree(there)
            if crashed == 0:  # there is no such write any more
                break
    return tally


def flips(seed: int, times: int) -> Tally:
    """Flipped bits in stages and checkpoints: noticed, and the rows are the same."""
    draw, tally = random.Random(seed), Tally()
    with scratch() as folder:
        wanted, _ = undisturbed(folder)
        table = folder / "results" / "tiny" / "table2.csv"
        stages = (folder / "cache").glob("*/*.safetensors")
        files = [path for path in stages if path.parent.name != "tickets"]
        for _ in range(times):
            for path in files:
                raw = bytearray(path.read_bytes())
                raw[draw.randrange(len(raw))] ^= 1 << draw.randrange(8)
                path.write_bytes(raw)
                tally.tried += 1
            table.unlink()
            if finish(start(suite(folder), folder), tally):
                tally.lost += 1
            tally.compare(rows(folder), wanted)
    return tally


def _append(path: Path, names: list[str]) -> None:
    for name in names:
        StoreWriter(path).append(row(name), {"objectives": [{"objective": "kl", "value": "1"}]})


def appends(processes: int, each: int) -> Tally:
    """Processes that append to one file at once, half of the rows the same."""
    context, tally = get_context("spawn"), Tally()
    with scratch() as folder:
        path = folder / "t.csv"
        names = [[f"{i % 2 * p}-{i}" for i in range(each)] for p in range(processes)]
        workers = [context.Process(target=_append, args=(path, mine)) for mine in names]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(SECONDS * 3)
            tally.hangs += worker.is_alive()
            tally.lost += bool(worker.exitcode)
        tally.tried = processes * each
        keys = [each_row["cell_key"] for each_row in Store(path).rows()]
        wanted = {row(name)["cell_key"] for mine in names for name in mine}
        tally.doubled += len(keys) - len(set(keys))
        tally.lost += len(wanted - set(keys))
        tally.unequal += len(Store(path).lacking_details())
    return tally


def full_disk(times: int) -> Tally:
    """Files may grow to a few sizes only, as on a full disk: one line, and what was there stays."""
    tally = Tally()
    with scratch() as folder:
        wanted, _ = undisturbed(folder / "undisturbed")
        for i in range(times):
            there = folder / str(i)
            size = 512 << i
            process = start(suite(there), there, CHAOS_FILE_SIZE=str(size))
            finish(process, tally)
            tally.tried += 1
            if finish(start(suite(there), there), tally):
                tally.lost += 1
            tally.compare(rows(there), wanted)
    return tally
