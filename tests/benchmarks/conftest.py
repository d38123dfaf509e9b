"""Running the command line in this process, in folders of its own."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from benchmarks.cli.suite import main
from benchmarks.run import plugins
from benchmarks.run.closed_test_set import opened
from benchmarks.run.methods import method_files, methods
from lottery.data.datasets import DATASETS, datasets
from lottery.models.registry import MODELS
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


@pytest.fixture
def plugins_forgotten() -> Iterator[None]:
    """What files and folders register within the test is gone after it."""
    files, known = dict(method_files), set(DATASETS)
    with methods.temporarily(), MODELS.temporarily(), datasets.temporarily():
        yield
    plugins.forget()
    method_files.update(files)
    for name in DATASETS.keys() - known:
        del DATASETS[name]
    opened.clear()
