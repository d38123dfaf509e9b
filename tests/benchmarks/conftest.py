"""Running the command line in this process, in folders of its own."""

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.cli.suite import main
from tests.benchmarks import tiny

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run `python -m benchmarks ...`; returns the exit status, stdout and stderr."""
    tiny.install()
    folders = [
        f"--{name.replace('_', '-')}={tmp_path / name}"
        for name in ("results", "cache_root", "data_root")
    ]

    def call(*arguments: str) -> tuple[int, str, str]:
        status = main([*arguments, *folders])
        said = capsys.readouterr()
        return status, said.out, said.err

    return call
