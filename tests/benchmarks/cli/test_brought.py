"""What a command brings along: what stands in for what, and where the rows go."""

from dataclasses import replace
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest

from benchmarks.cli.brought import with_brought
from benchmarks.cli.compare import main as compare
from benchmarks.cli.options import RunOptions
from benchmarks.plan.comparison import get_comparison
from benchmarks.plan.presets import EVERY, Preset, get_preset
from benchmarks.results.store import Store
from lottery.core.errors import BadInput
from plots.command import main as plot
from tests.pictures import write_folder

pytestmark = pytest.mark.usefixtures("plugins_forgotten")

EXAMPLES = Path(__file__).parents[3] / "examples"
COMPARISON = """
title = "tickets of my model"
dataset = "cifar10"
baselines = [{ label = "Magnitude", method = "magnitude", pruned_at = "init" }]

[presets.demo]
description = "an epoch"
seeds = [0]
precision = "float32"
datasets.cifar10 = "digits"
grid.resnet20 = [10]
recipe.resnet20 = { epochs = 12, batch_size = 128 }
"""


def brought(preset: str = "demo", **options: Any) -> Preset:
    given = replace(RunOptions(), preset=preset, **options)
    return with_brought(given, get_preset(preset))


def test_nothing_brought_changes_nothing() -> None:
    assert brought() is get_preset("demo")


def test_a_model_stands_in_for_all_or_for_one() -> None:
    every = brought(model=("torchvision:resnet18",))
    assert every.models == {EVERY: "torchvision:resnet18"}
    assert every.name == "demo-torchvision-resnet18"
    assert every.scale == "demo"
    assert every.description.endswith("; here torchvision:resnet18 in place of its models")
    one = brought(model=("resnet50=vit_mini",), dataset=("digits",))
    assert one.models == {**get_preset("demo").models, "resnet50": "vit_mini"}
    assert (one.name, one.dataset_for("mnist")) == ("demo-vit_mini-digits", "digits")
    with pytest.raises(BadInput, match="unknown model of the papers 'resnet19'"):
        brought(model=("resnet19=vit_mini",))


def test_a_suites_model_keeps_its_recipe_and_another_takes_that_of_the_papers() -> None:
    preset = brought("paper", model=("vgg16",))
    assert preset.resolve("cts", "resnet20", "cifar10").recipe == preset.recipe["vgg16"]
    preset = brought("paper", model=("wide_resnet20",))
    assert preset.resolve("cts", "resnet20", "cifar10").recipe == preset.recipe["resnet20"]


def test_a_folder_stands_in_for_all_data(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "pictures")
    preset = brought(dataset_folder=(f"photos={folder}",), data_root=tmp_path)
    settings = preset.resolve("snip", "resnet20", "cifar10")
    assert settings.dataset == "photos"
    assert preset.source("dataset", "photos")
    assert preset.name == "demo-photos"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"dataset_folder": ("photos",)}, "--dataset-folder takes NAME=DIR, each name once"),
        ({"dataset_folder": ("a=x", "a=y")}, "--dataset-folder takes NAME=DIR, each name once"),
        ({"dataset_folder": ("a b=x",)}, "dataset name 'a b' has to be letters"),
        ({"dataset_folder": ("photos=/absent",)}, "there is no folder /absent"),
        ({"image_size": -1}, "--image-size -1 is not a number of pixels"),
        ({"plugin": (Path("/absent.py"),)}, "there is no plug-in file /absent.py"),
    ],
)
def test_bad_options_are_one_line(options: dict[str, Any], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        brought(**{"model": ("resnet20",), **options})


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("--dataset=digit", "unknown dataset 'digit': did you mean digits?"),
        ("--model=resnet21", "unknown model 'resnet21': did you mean resnet20"),
        ("--model=torchvision:vit_b_16", "model torchvision:vit_b_16 cannot be built for 1x8x8"),
    ],
)
def test_a_list_of_what_cannot_run_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str, words: str
) -> None:
    chosen = ["--only", "method=snip", "density=0.168", "--seeds", "0"]
    assert compare(["snip", option, "--list", f"--results={tmp_path}", *chosen]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"error: {words}")
    assert said.count("\n") == 1


def test_two_that_are_brought_have_to_be_chosen_from(tmp_path: Path) -> None:
    folders = [write_folder(tmp_path / name) for name in ("a", "b")]
    given = tuple(f"{folder.name}={folder}" for folder in folders)
    with pytest.raises(BadInput, match="a, b are brought along: say which is run, with --dataset"):
        brought(dataset_folder=given, data_root=tmp_path)


def test_a_preset_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('based_on = "demo"\nseeds = [3]\nrecipe.resnet20.epochs = 5\n')
    preset = get_preset(str(path))
    demo = get_preset("demo")
    assert (preset.name, preset.scale, preset.seeds) == ("mine", "demo", (3,))
    assert preset.recipe["resnet20"].epochs == 5
    assert preset.recipe["lenet-300-100"] == demo.recipe["lenet-300-100"]
    assert (preset.grid, preset.options) == (demo.grid, demo.options)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("mine", "seeds = [1]", "the key 'based_on' is missing"),
        ("mine", 'based_on = "dmo"', "based_on 'dmo': did you mean demo"),
        ("mine", 'based_on = "demo"\nsedes = [1]', "did you mean seeds"),
        ("demo", 'based_on = "demo"', "demo is a preset already; call the file otherwise"),
        ("a b", 'based_on = "demo"', "preset name 'a b' has to be letters"),
    ],
)
def test_a_file_that_is_no_preset(tmp_path: Path, name: str, text: str, words: str) -> None:
    path = tmp_path / f"{name}.toml"
    path.write_text(text)
    with pytest.raises(BadInput, match=words):
        get_preset(str(path))


def test_a_comparison_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "mine-1.toml"
    path.write_text(COMPARISON)
    comparison = get_comparison(str(path))
    assert comparison.name == "mine-1"
    own = tmp_path / "short.toml"
    own.write_text('based_on = "demo"\nseeds = [4]\n')
    assert comparison.preset(str(own)).seeds == (4,)
    taken = tmp_path / "trained-tickets-3.toml"
    taken.write_text(COMPARISON)
    with pytest.raises(BadInput, match="trained-tickets-3 is a comparison already"):
        get_comparison(str(taken))


def test_the_example_of_ones_own_pictures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = spec_from_file_location("make_pictures", EXAMPLES / "make_pictures.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    module.main(tmp_path / "pictures")
    comparison, preset = tmp_path / "mine-1.toml", tmp_path / "short.toml"
    comparison.write_text(COMPARISON)
    shared = "{ epochs = 1, rewind_epochs = 0, batch_size = 128 }"
    preset.write_text(f'based_on = "demo"\nrecipe.my_model = {shared}\n')
    results = f"--results={tmp_path / 'results'}"
    status = compare(
        [
            str(EXAMPLES / "my_method.py"),
            f"--comparison={comparison}",
            f"--preset={preset}",
            f"--plugin={EXAMPLES / 'my_model.py'}",
            f"--dataset-folder=pictures={tmp_path / 'pictures'}",
            results,
            f"--cache-root={tmp_path / 'cache'}",
            "--jobs=1",
        ]
    )
    said = capsys.readouterr()
    assert status == 0, said.err
    rows = Store(tmp_path / "results" / "short-my_model-pictures" / "mine-1.csv").rows()
    assert len(rows) == 5
    assert {(row["model"], row["dataset"]) for row in rows} == {("my_model", "pictures")}
    assert "my_method in mine-1, preset short-my_model-pictures" in said.out
    assert plot(["mine-1", f"--preset={preset}", results]) == 0
    assert "my_method.png" in capsys.readouterr().out
