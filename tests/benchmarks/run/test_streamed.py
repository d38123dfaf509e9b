"""Cells on pictures that are streamed: killed within an epoch, and methods of files."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks.cli.suite import main
from benchmarks.judge.tables import render
from benchmarks.plan.cell import Cell
from benchmarks.plan.presets import get_preset
from benchmarks.plan.suites import get_suite
from benchmarks.results.lookup import Results
from benchmarks.results.store import Store
from benchmarks.results.writer import StoreWriter
from benchmarks.run import plugins, scheduler
from benchmarks.run.closed_test_set import RuleBroken
from benchmarks.run.job import Job
from benchmarks.run.methods import load_file, method_files, methods
from benchmarks.run.pipeline import Bench, run_cell
from benchmarks.run.plugins import source_of_dataset
from benchmarks.run.watch import Stopped, Watch
from lottery.data.datasets import DATASETS, dataset, datasets
from lottery.data.streaming import StreamedData, streamed_folder
from lottery.training.recipe import Recipe
from tests.pictures import write_folder

SHORT = Recipe(epochs=2, rewind_epochs=0, batch_size=4, replicas=1)
CELL = Cell("s", "", "", "demo", "snip", "resnet20", "large", 0.5, "init", recipe=SHORT)
METHOD = """
from lottery import method

@method("mine", pruned_at="init")
def draw(network, data, density, generator):
    x, y = data.stream(4, generator, augment=True)[2]
    {body}
    return network.weights.abs() * x.abs().mean()
"""


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    files, known = dict(method_files), set(DATASETS)
    with methods.temporarily(), datasets.temporarily():
        yield
    plugins.forget()
    method_files.update(files)
    for name in DATASETS.keys() - known:
        del DATASETS[name]


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """36 JPEGs of three classes as a streamed dataset; the data root."""
    folder = write_folder(tmp_path / "pictures", each=12, ending="jpg")

    @dataset("large", flip=True)
    def large(root: Path) -> Any:
        return streamed_folder(folder, 8)

    assert source_of_dataset("large", tmp_path)
    return tmp_path


def bench(root: Path, cache: str, watch: Watch | None = None) -> Bench:
    watch = watch or Watch(show=False)
    return Bench(root, root / cache, torch.device("cpu"), "float32", watch)


def outcome(row: dict[str, Any]) -> tuple[str, ...]:
    names = ("accuracy", "mask_sha256", "train_epochs", "search_epochs", "weights_sha256_after")
    return tuple(str(row[name]) for name in names)


def test_a_run_that_is_stopped_within_an_epoch_goes_on_with_the_same_pictures(
    large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = outcome(run_cell(CELL, bench(large, "whole"))[0])
    watch, finish, seen = Watch(show=False), StreamedData.finish, list[int]()

    def counted(self: StreamedData, pixels: Any, index: Any) -> Any:
        seen.append(len(index))
        if len(seen) == 16:  # after SNIP's batch, within the second of two epochs
            watch._signal = "SIGINT received"
        return finish(self, pixels, index)

    with monkeypatch.context() as patch:
        patch.setattr(StreamedData, "finish", counted)
        with pytest.raises(Stopped):
            run_cell(CELL, bench(large, "parts", watch))
    assert list(large.rglob("*.partial"))
    assert outcome(run_cell(CELL, bench(large, "parts"))[0]) == whole


def test_a_search_runs_on_streamed_pictures(large: Path) -> None:
    search = replace(CELL, method="cts", density=0.3, judged="drawn")
    row = run_cell(search, bench(large, "cache"))[0]
    assert float(row["search_epochs"]) == 2


def test_a_method_of_a_file_streams_the_training_part_alone(large: Path) -> None:
    path = large / "mine.py"

    def row(body: str) -> dict[str, Any]:
        path.write_text(METHOD.format(body=body))
        with methods.temporarily():
            load_file(path)
            source = method_files["mine"].source
            return run_cell(replace(CELL, method="mine", source=source), bench(large, "cache"))[0]

    magnitude = run_cell(replace(CELL, method="magnitude"), bench(large, "cache"))[0]
    assert outcome(row("pass"))[:2] == outcome(magnitude)[:2]
    picture = large / "pictures" / "val" / "ant" / "3.jpg"
    with pytest.raises(RuleBroken, match=r"opened a dataset's file, 3\.jpg"):
        row(f"open({str(picture)!r}).close()")


def test_without_imagenet_the_rest_of_a_table_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = replace(SHORT, epochs=1, batch_size=512)
    digits = replace(CELL, dataset="digits", model="lenet-300-100", method="random", recipe=recipe)
    imagenet = replace(CELL, dataset="imagenet", model="resnet50_imagenet")
    store = StoreWriter(tmp_path / "rows.csv")
    job = Job(tmp_path, tmp_path / "cache", "cpu", "float32", None, 1)
    assert scheduler.run([imagenet, digits], store, job, show=False) == 0
    assert [row["cell_key"] for row in store.rows()] == [digits.key]
    said = "warning: 1 cells on imagenet are left out: needs ImageNet: put it under"
    assert said in capsys.readouterr().err
    paper = [f"--{name}={tmp_path / name}" for name in ("results", "data-root", "cache-root")]
    assert main(["table2", "--preset=paper", "--only", "dataset=imagenet", *paper]) == 2
    assert capsys.readouterr().err.startswith("error: needs ImageNet: put it under")


def test_table2_says_what_imagenets_rows_need(tmp_path: Path) -> None:
    preset = get_preset("paper").for_suite("table2")
    blocks = get_suite("table2", preset)
    text = render(blocks, Results(Store(tmp_path / "none.csv"), preset.seeds), preset)
    assert text.count("needs ImageNet") == 6
    cells = [line.cell for line in blocks[1].lines if line.cell and line.cell.dataset == "imagenet"]
    assert [round(100 * (1 - (cell.density or 0)), 1) for cell in cells] == [
        *(90.0, 90.0, 99.0, 99.0, 99.9, 99.9)
    ]
    assert [cell.options for cell in cells[:2]] == [{"search": "half"}, {"pruning_rate": 0.5358}]
