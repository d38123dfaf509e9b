"""Models and datasets of files and folders: what they run in, what is hashed, what is refused."""

import multiprocessing
import signal
import sys
from dataclasses import replace
from multiprocessing.queues import SimpleQueue
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks.plan.cell import Cell
from benchmarks.plan.presets import Preset
from benchmarks.results.store import Store
from benchmarks.run import plugins, scheduler
from benchmarks.run.closed_test_set import RuleBroken
from benchmarks.run.job import Brought, Job
from benchmarks.run.methods import method_files, methods, named
from benchmarks.run.pipeline import Bench, run_cell
from benchmarks.run.plugins import (
    as_planned,
    bring,
    load_folder,
    load_plugin,
    recipe_of,
    source_of_dataset,
    source_of_model,
)
from benchmarks.run.validation import check_cells
from benchmarks.run.watch import Watch
from lottery.core.errors import BadInput, UnknownName
from lottery.data.datasets import DATASETS, datasets
from lottery.models.registry import MODELS
from lottery.training.recipe import Recipe
from tests.pictures import write_folder

pytestmark = pytest.mark.usefixtures("plugins_forgotten")

MODEL = """
from torch import nn
from lottery import dataset, model

@model("mine", recipe={recipe})
def mine(shape, classes):
    inputs = shape[0] * shape[1] * shape[2]
    hidden = nn.Linear(inputs, 8), nn.BatchNorm1d(8), nn.ReLU()
    return nn.Sequential(nn.Flatten(), *hidden, nn.Linear(8, classes))
"""
DATASET = """
from pathlib import Path
import numpy as np
from lottery import dataset

@dataset("dots", crop_padding=1)
def dots(root):
    content = (Path(root) / "dots.bin").read_bytes()
    pixels = np.frombuffer(content, np.uint8).reshape(40, 4, 4)
    labels = np.arange(40) % 4
    return (pixels[:32], labels[:32]), (pixels[32:], labels[32:])
"""
METHOD = """
import sys
from lottery import method

@method("cheat", pruned_at="init")
def draw(network, data, density, generator):
    {body}
    return network.weights.abs()
"""
PRESET = Preset("demo", "", (0,), "float32", recipe={"resnet20": Recipe(epochs=9, rewind_epochs=1)})
SHORT = Recipe(epochs=1, rewind_epochs=0, batch_size=16, replicas=1)
CELL = Cell("s", "", "", "demo", "magnitude", "mine", "dots", 0.5, "init", recipe=SHORT)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A data root with dots.bin."""
    (tmp_path / "dots.bin").write_bytes(bytes(torch.arange(640).remainder(251).tolist()))
    return tmp_path


def write(folder: Path, text: str, name: str = "plugin.py", recipe: object = "") -> Path:
    path = folder / name
    path.write_text(text.replace("{recipe}", repr(recipe)))
    return path


def bench(root: Path) -> Bench:
    watch = Watch(show=False)
    return Bench(root, root / "cache", torch.device("cpu"), "float32", watch)


def test_a_file_adds_a_model_and_a_dataset(root: Path) -> None:
    model, data = write(root, MODEL), write(root, DATASET, "data.py")
    added = bring(Brought((model, data)), root)
    assert added == {"method": [], "model": ["mine"], "dataset": ["dots"]}
    assert bring(Brought((model, data)), root) == added, "twice is once"
    source, content = source_of_model("mine"), source_of_dataset("dots", root)
    assert DATASETS["dots"].shape == (1, 4, 4)
    cell = replace(CELL, model_source=source, dataset_source=content)
    assert as_planned([cell], root)
    assert not as_planned([replace(cell, model_source="of another")], root)
    assert not as_planned([replace(cell, dataset_source="of another")], root)
    assert len({cell.key, CELL.key, replace(cell, model_source="").key}) == 3
    assert cell.task()["model_source"] == source, "stages depend on it too"
    assert cell.task()["dataset_source"] == content
    check_cells([cell], root)


def test_a_model_is_known_by_its_code_and_a_dataset_by_its_content(root: Path) -> None:
    def sources(more: str, content: bytes) -> tuple[str, str]:
        (root / "dots.bin").write_bytes(content)
        files = write(root, MODEL + more), write(root, DATASET + more, "data.py")
        with MODELS.temporarily(), datasets.temporarily():
            bring(Brought(files), root)
            found = source_of_model("mine"), source_of_dataset("dots", root)
        plugins.forget()
        return found

    model, data = sources("", bytes(640))
    assert sources("# a remark", bytes(640))[0] != model
    assert sources("# a remark", bytes(640))[1] == data
    assert sources("", bytes(639) + b"1") == (model, sources("#", bytes(639) + b"1")[1])
    assert sources("", bytes(639) + b"1")[1] != data


def test_what_is_of_the_suite_has_no_source(root: Path) -> None:
    assert source_of_model("resnet20") == source_of_model("timm:resnet18") == ""
    assert source_of_dataset("digits", root) == ""
    with pytest.raises(UnknownName):
        source_of_model("resnet21")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x = 1", "registers no method"),
        ("raise SystemExit(3)", "does not load: SystemExit: 3"),
        (MODEL + METHOD.format(body="pass"), "the method 'cheat' beside the model 'mine'"),
        (MODEL.replace('"mine"', '"resnet20"'), "model 'resnet20' is registered already"),
        (DATASET.replace('"dots"', '"a b"'), "dataset name 'a b' has to be letters"),
    ],
)
def test_a_file_that_cannot_be_used(tmp_path: Path, text: str, words: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(BadInput) as refusal:
        load_plugin(path)
    assert words in str(refusal.value)
    assert str(refusal.value).startswith(str(path))
    assert "\n" not in str(refusal.value)


def test_a_model_is_no_method(tmp_path: Path) -> None:
    with pytest.raises(
        BadInput, match="registers the model 'mine' and no method; give it as --plu"
    ):
        named(str(write(tmp_path, MODEL)))


def test_a_method_of_a_plug_in_never_runs_here(tmp_path: Path) -> None:
    path = write(tmp_path, METHOD.format(body="pass") + "sys.ran_here = True\n")
    assert load_plugin(path) == {"method": ["cheat"]}
    assert methods["cheat"].pruned_at == "init"
    assert not hasattr(sys, "ran_here")


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("resnet20", Recipe(epochs=9, rewind_epochs=1)),
        ("", None),
        (
            {"demo": {"epochs": 4, "batch_size": 64}},
            replace(Recipe(), epochs=4, rewind_epochs=0.225, batch_size=64),
        ),
        (
            "vgg16",
            "shares the recipe of vgg16, which preset demo does not have; it has those of resn",
        ),
        ({"paper": {}}, "unknown preset with a recipe of model mine: 'demo'"),
        ({"demo": {"epoks": 4}}, "the recipe of model mine for demo: .*epoks"),
    ],
)
def test_a_model_brings_its_recipe(tmp_path: Path, said: object, expected: object) -> None:
    load_plugin(write(tmp_path, MODEL, recipe=said))
    if isinstance(expected, str):
        with pytest.raises(BadInput, match=expected):
            recipe_of("mine", PRESET)
    else:
        assert recipe_of("mine", PRESET) == expected
        own = replace(PRESET, recipe={"mine": SHORT})
        assert recipe_of("mine", own) == SHORT


def test_a_folder_is_a_dataset(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "pictures")
    bring(Brought((), {"photos": folder}), tmp_path)
    source = source_of_dataset("photos", tmp_path)
    assert source
    facts = DATASETS["photos"]
    assert (facts.shape, facts.crop_padding, facts.flip) == ((3, 8, 8), 1, True)
    with pytest.raises(BadInput, match="dataset 'photos' is registered already"):
        load_folder("photos", folder, 8)
    with pytest.raises(BadInput, match="there is no folder"):
        load_folder("absent", tmp_path / "absent", 0)


def test_a_helping_process_loads_what_was_brought(root: Path) -> None:
    brought = Brought((write(root, MODEL), write(root, DATASET, "data.py")))
    with MODELS.temporarily(), datasets.temporarily():
        bring(brought, root)
        sources = source_of_model("mine"), source_of_dataset("dots", root)
    plugins.forget()
    cell = replace(CELL, model_source=sources[0], dataset_source=sources[1])
    job = Job(root, root / "cache", "cpu", "float32", None, 1, brought=brought)
    before = signal.getsignal(signal.SIGINT)
    try:
        told: SimpleQueue[tuple[int, str]] = multiprocessing.get_context("spawn").SimpleQueue()
        scheduler._help([cell], root / "rows.csv", job, [], 1, told)
    finally:
        signal.signal(signal.SIGINT, before)
    (row,) = Store(root / "rows.csv").rows()
    assert row["cell_key"] == cell.key


READS = {
    "open(r'{root}/dots.bin').close()": "opened a dataset's file, dots.bin",
    "sys.modules['plugin_data'].dots('.')": "it read the dataset dots",
    "open(r'{root}/photos/val/bee/1.png').close()": "opened a dataset's file, 1.png",
    "from lottery.data import load; load('digits', '.')": "it read the dataset digits",
}


@pytest.mark.parametrize("body", READS)
def test_a_method_on_a_users_model_does_not_reach_the_users_data(root: Path, body: str) -> None:
    text = MODEL + DATASET  # both in one file, which has to run where the method draws
    photos = write_folder(root / "photos")
    bring(Brought((write(root, text, "data.py"),), {"photos": photos}), root)
    named(str(write(root, METHOD.format(body=body.format(root=root)), "cheat.py")))
    cell = replace(
        CELL,
        method="cheat",
        source=method_files["cheat"].source,
        model_source=source_of_model("mine"),
        dataset_source=source_of_dataset("dots", root),
    )
    with pytest.raises(RuleBroken, match=READS[body]):
        run_cell(cell, bench(root))


def test_a_method_draws_for_a_users_model_as_a_baseline_does(root: Path) -> None:
    bring(Brought((write(root, MODEL), write(root, DATASET, "data.py"))), root)
    named(str(write(root, METHOD.format(body="pass"), "cheat.py")))
    brought: dict[str, Any] = {
        "model_source": source_of_model("mine"),
        "dataset_source": source_of_dataset("dots", root),
    }
    baseline = run_cell(replace(CELL, **brought), bench(root))[0]
    mine = replace(CELL, method="cheat", source=method_files["cheat"].source, **brought)
    row = run_cell(mine, bench(root))[0]
    assert row["mask_sha256"] == baseline["mask_sha256"]
    assert row["accuracy"] == baseline["accuracy"]
