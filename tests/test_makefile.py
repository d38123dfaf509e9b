"""make, with a stand-in for Python that notes what it is asked to run."""

import shutil
import signal
import subprocess
import time
from functools import partial
from pathlib import Path

import pytest

from benchmarks.plan.suites import NAMES, SUITES

ROOT = Path(__file__).resolve().parents[1]
STAND_IN = """#!/bin/sh
echo "$*" >> asked
case "$*" in
  *"-m benchmarks"*) mkdir -p results/demo; touch results/demo/table2.csv; exit $(cat status);;
esac
"""
SLOW = """#!/bin/sh
echo "$*" >> asked
case "$*" in
  *"-m benchmarks"*)
    mkdir -p results/demo; touch results/demo/table2.csv
    trap "exit 3" INT TERM; touch started; while :; do sleep 0.05; done;;
esac
"""

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A checkout, installed, whose Python is the stand-in."""
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "benchmarks" / "plan", tmp_path / "benchmarks" / "plan")
    install(tmp_path, STAND_IN)
    (tmp_path / "status").write_text("0")
    return tmp_path


def install(folder: Path, script: str) -> None:
    python = folder / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True, exist_ok=True)
    python.write_text(script)
    python.chmod(0o755)
    (folder / ".venv" / ".installed").touch()


def make(folder: Path, *arguments: str) -> tuple[int, str, str]:
    command = ["make", "--no-print-directory", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def asked(folder: Path) -> list[str]:
    path = folder / "asked"
    return path.read_text().splitlines() if path.exists() else []


def test_help_lists_every_suite_with_a_line_that_fits(folder: Path) -> None:
    status, out, _ = make(folder)
    assert status == 0
    lines = {line.split()[0]: line for line in out.splitlines() if line.startswith("  ")}
    for name in NAMES:
        assert len(lines[name].split()) > 4, name
    for name, suite in SUITES.items():
        assert (suite.__doc__ or "").splitlines()[0] in lines[name]
    assert all(word in out for word in ("PRESET=demo", "SEEDS=0,1,2", "--list", "--time-budget"))
    assert max(map(len, out.splitlines())) <= 100


@pytest.mark.parametrize("given", ["SEED=1", "PRSET=quick", "ARGS=--preset quick"])
def test_what_would_be_ignored_is_refused(folder: Path, given: str) -> None:
    status, _, err = make(folder, "table2", given)
    assert status == 2
    assert given.partition("=")[0] in err or "PRESET" in err
    assert asked(folder) == []


def test_a_wrong_target_is_told_the_near_one(folder: Path) -> None:
    status, _, err = make(folder, "tabel2")
    assert status == 2
    assert "there is no target tabel2: did you mean table2?" in err


def test_a_suite_is_run_then_drawn(folder: Path) -> None:
    assert make(folder, "table2", "SEEDS=0,1")[0] == 0
    run, drawn = asked(folder)
    assert run.split() == "-m benchmarks table2 --preset demo --seeds 0,1".split()
    assert drawn.split() == "-m plots table2 --preset demo".split()


@pytest.mark.parametrize(("status", "draws"), [(1, True), (2, False), (3, True)])
def test_what_is_done_is_drawn_and_the_status_is_the_commands(
    folder: Path, status: int, draws: bool
) -> None:
    (folder / "status").write_text(str(status))
    code, _, err = make(folder, "table2")
    assert code == 2, "make's own, whatever failed"
    assert f"Error {status}" in err
    assert ("-m plots table2 --preset demo" in asked(folder)) == draws


def test_a_list_draws_nothing(folder: Path) -> None:
    assert make(folder, "table2", "ARGS=--list")[0] == 0
    assert len(asked(folder)) == 1


def test_after_ctrl_c_what_is_done_is_drawn(folder: Path) -> None:
    install(folder, SLOW)
    process = subprocess.Popen(
        ["make", "table2"],
        cwd=folder,
        start_new_session=True,
        stderr=subprocess.DEVNULL,
        # Who runs the tests in the background has Ctrl-C ignored, and so has what it starts.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )
    end = time.monotonic() + 30
    while not (folder / "started").exists() and time.monotonic() < end:
        time.sleep(0.02)
    # As a terminal does: to the whole group.
    subprocess.run(["kill", "-INT", "--", f"-{process.pid}"], check=True)
    assert process.wait(30) in (-signal.SIGINT, 130, 2)
    assert asked(folder)[-1].split() == "-m plots table2 --preset demo".split()
