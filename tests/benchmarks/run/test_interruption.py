"""Killed, stopped or shared with another process, a run ends with the same rows."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.results.store import Store

TINY = Path(__file__).parents[1] / "tiny.py"
ROOT = TINY.parents[2]
CELLS = ("table2", "--preset", "tiny", "--only", "density=0.018", "density=0.5", "seed=0")


def command(folder: Path, *more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [
            *(sys.executable, str(TINY), *CELLS, *more),
            *(f"--results={folder / 'results'}", f"--cache-root={folder / 'cache'}"),
        ],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, str]:
    _, err = process.communicate(timeout=120)
    return process.returncode, err


def outcome(folder: Path) -> dict[str, tuple[str, ...]]:
    """What must not depend on interruptions; a key that is doubled fails here."""
    rows = Store(folder / "results" / "tiny" / "table2.csv").rows()
    assert len({r["cell_key"] for r in rows}) == len(rows)
    names = ("accuracy", "mask_sha256", "search_epochs", "train_epochs")
    return {r["cell_key"]: tuple(r[name] for name in names) for r in rows}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, ...]]:
    folder = tmp_path_factory.mktemp("undisturbed")
    assert finish(command(folder))[0] == 0
    rows = outcome(folder)
    assert len(rows) == 3
    return rows


def wait_for(condition: str, folder: Path) -> None:
    deadline = time.monotonic() + 60
    while not list(folder.rglob(condition)):
        assert time.monotonic() < deadline, f"no {condition} appeared"
        time.sleep(0.005)


@pytest.mark.parametrize("moment", ["*.training-*.partial", "*.search.partial", "*.csv"])
def test_killed_and_started_again(
    moment: str, tmp_path: Path, undisturbed: dict[str, tuple[str, ...]]
) -> None:
    first = command(tmp_path)
    wait_for(moment, tmp_path)
    first.kill()
    assert finish(first)[0] == -signal.SIGKILL
    assert finish(command(tmp_path))[0] == 0
    assert outcome(tmp_path) == undisturbed
    leftovers = [*tmp_path.rglob("*.partial"), *(tmp_path / "cache").rglob("*.tmp")]
    assert not leftovers, "checkpoints of finished stages are removed"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_saves_and_exits_3(
    number: signal.Signals, tmp_path: Path, undisturbed: dict[str, tuple[str, ...]]
) -> None:
    first = command(tmp_path)
    wait_for("*.partial", tmp_path)
    first.send_signal(number)
    status, err = finish(first)
    assert status == 3
    assert f"{number.name} received" in err
    assert "Traceback" not in err
    assert finish(command(tmp_path))[0] == 0
    assert outcome(tmp_path) == undisturbed


def test_the_time_budget_stops_and_exits_3(
    tmp_path: Path, undisturbed: dict[str, tuple[str, ...]]
) -> None:
    status, err = finish(command(tmp_path, "--time-budget", "0.05s"))
    assert status == 3
    assert "time budget" in err
    assert finish(command(tmp_path))[0] == 0
    assert outcome(tmp_path) == undisturbed


def test_two_processes_share_the_work(
    tmp_path: Path, undisturbed: dict[str, tuple[str, ...]]
) -> None:
    both = [command(tmp_path), command(tmp_path)]
    assert [finish(process)[0] for process in both] == [0, 0]
    assert outcome(tmp_path) == undisturbed


def test_jobs_share_the_work(tmp_path: Path, undisturbed: dict[str, tuple[str, ...]]) -> None:
    assert finish(command(tmp_path, "--jobs", "2"))[0] == 0
    assert outcome(tmp_path) == undisturbed
