"""The commit of a row is this package's own."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.results import provenance


def repository(folder: Path) -> None:
    git = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@b"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "x", "--allow-empty"]):
        subprocess.run([*git, *command], check=True)


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    provenance.commit.cache_clear()
    yield
    provenance.commit.cache_clear()


def test_variables_of_git_point_nowhere_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = provenance.commit()
    repository(tmp_path)
    monkeypatch.setenv("GIT_DIR", str(tmp_path / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(tmp_path))
    provenance.commit.cache_clear()
    assert provenance.commit() == mine


def test_code_inside_another_projects_checkout_has_no_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = tmp_path / "vendored" / "benchmarks" / "results" / "provenance.py"
    inner.parent.mkdir(parents=True)
    inner.write_text("")
    repository(tmp_path)
    monkeypatch.setattr(provenance, "ROOT", tmp_path / "vendored")
    monkeypatch.setattr(provenance, "__file__", str(inner))
    assert provenance.commit() == ""
    monkeypatch.setattr(provenance, "ROOT", tmp_path)
    provenance.commit.cache_clear()
    assert len(provenance.commit()) == 12
