"""The wheel, installed away from the checkout."""

import os
import re
import subprocess
import sys
import tomllib
import venv
import zipfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

pytestmark = pytest.mark.skipif(
    find_spec("hatchling") is None, reason="hatchling, which builds the wheel, is not installed"
)
Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    command = [*pip("wheel"), "--no-deps", "--no-build-isolation", f"--wheel-dir={folder}"]
    subprocess.run([*command, str(ROOT)], check=True, capture_output=True)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def command(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Command:
    """Run a command of an environment that has the wheel, in an empty folder; torch and the like
    are those that run the tests."""
    home = tmp_path_factory.mktemp("installed")
    venv.create(home / "venv", with_pip=False)
    (site,) = (home / "venv").glob("lib/python*/site-packages")
    others = [path for path in sys.path if path.endswith("site-packages")]
    (site / "others.pth").write_text("\n".join(others))  # their own .pth files are not read
    python = home / "venv" / "bin" / "python"
    install = [*pip("--python"), str(python), "install", "--no-deps", "--no-index", "--quiet"]
    subprocess.run([*install, "--force-reinstall", str(wheel)], check=True)
    (home / "empty").mkdir()
    variables = {n: v for n, v in os.environ.items() if not n.startswith(("PYTHON", "LOTTERY"))}

    def run(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(python.with_name(name)), *arguments],
            cwd=home / "empty",
            env=variables,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def pip(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments]


def test_what_is_in_it(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    parts = ("presets.toml", "paper_values.csv", "comparisons/trained-tickets-3.toml")
    assert {f"benchmarks/plan/{part}" for part in parts} < names
    assert {"lottery/data/digits.npz", "lottery/data/digits.md"} < names
    assert {f"{p}/py.typed" for p in ("lottery", "baselines", "benchmarks", "plots")} < names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not [name for name in names if name.startswith(("tests/", "results/"))]


def test_a_cell_in_an_empty_folder_from_command_to_report(command: Command) -> None:
    only = ("--only", "method=magnitude", "density=0.0687")
    done = command("lottery-bench", "saliency-gap", "--seeds", "0", *only)
    assert done.returncode == 0, done.stderr
    folder = Path(str(done.args[0])).parents[2] / "empty"
    assert {path.name for path in folder.iterdir()} == {".cache", "results"}
    done = command("lottery-report")
    assert (done.returncode, done.stderr) == (0, "")
    page = (folder / "results" / "report" / "report.html").read_text()
    assert "commit ," in page, "the folder of an environment is no checkout of ours"


def test_every_command_leads_to_a_function(wheel: Path, command: Command) -> None:
    archive = zipfile.ZipFile(wheel)
    (listed,) = (name for name in archive.namelist() if name.endswith("entry_points.txt"))
    commands = dict(re.findall(r"^(lottery-[a-z]+) = (.+)$", archive.read(listed).decode(), re.M))
    assert sorted(commands) == sorted(PROJECT["scripts"])
    for target in commands.values():
        module, _, function = target.partition(":")
        text = archive.read(f"{module.replace('.', '/')}.py").decode()
        assert f"def {function}() -> NoReturn:" in text
    assert "usage: lottery-plots " in command("lottery-plots", "--help").stdout
