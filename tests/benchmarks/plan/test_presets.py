"""Presets add up."""

import tomllib
from typing import Any

import pytest

from benchmarks.plan.place import Place
from benchmarks.plan.presets import Preset, adapted, get_preset, read_presets
from lottery.core.errors import BadInput, UnknownName
from lottery.training.recipe import Recipe

FILE = """
[long]
description = "the whole"
seeds = [0, 1]
precision = "auto"
grid = { mlp = [2, 4], cnn = [2] }
recipe = { mlp = { epochs = 80, lr = 0.2 }, cnn = {} }
options.search = { lr = 0.1, epochs = 40, cnn = { lam = 0.3, epochs = 30 } }
suites.figure.grid = { mlp = [3], cnn = [3] }

[short]
based_on = "long"
description = "a part of it"
seeds = [7]
datasets.photos = "digits"
models.cnn = "small_cnn"
recipe.mlp = { epochs = 20 }
options.search = { epochs = 5, cnn.epochs = 4 }
suites.figure = { seeds = [1, 2], grid.mlp = [9], recipe.mlp.epochs = 8 }
suites.table.options.search = { lam = 0.5, cnn.lr = 0.7 }
"""


@pytest.fixture
def presets() -> dict[str, Preset]:
    return read_presets(tomllib.loads(FILE), "presets.toml")


def options(preset: Preset, model: str) -> dict[str, Any]:
    return dict(preset.resolve("search", model, "photos").options)


def test_options_of_a_model_are_on_top_of_those_of_the_method(presets: dict[str, Preset]) -> None:
    assert options(presets["long"], "mlp") == {"lr": 0.1, "epochs": 40}
    assert options(presets["long"], "cnn") == {"lr": 0.1, "epochs": 30, "lam": 0.3}
    assert presets["long"].resolve("another", "cnn", "photos").options == {}


def test_a_preset_adds_to_the_one_it_is_based_on(presets: dict[str, Preset]) -> None:
    short = presets["short"]
    assert options(short, "mlp") == {"lr": 0.1, "epochs": 5}
    assert options(short, "cnn") == {"lr": 0.1, "epochs": 4, "lam": 0.3}
    assert (short.name, short.seeds, short.precision) == ("short", (7,), "auto")
    assert short.grid == {"mlp": [2, 4], "cnn": [2]}


def test_a_suite_is_on_top_of_method_and_model(presets: dict[str, Preset]) -> None:
    own = presets["short"].for_suite("table")
    assert options(own, "mlp") == {"lr": 0.1, "epochs": 5, "lam": 0.5}
    assert options(own, "cnn") == {"lr": 0.7, "epochs": 4, "lam": 0.5}
    assert own.options_named("search") == {"lr", "epochs", "lam"}
    assert presets["short"].for_suite("another") == presets["short"]


def test_lists_of_panels_replace_each_other(presets: dict[str, Preset]) -> None:
    own = presets["short"].for_suite("figure")
    assert (own.grid, own.seeds) == ({"mlp": [9]}, (1, 2))
    assert presets["long"].for_suite("figure").grid == {"mlp": [3], "cnn": [3]}


def test_the_rewind_point_moves_with_the_length(presets: dict[str, Preset]) -> None:
    short = presets["short"]
    assert short.recipe == {"mlp": Recipe(epochs=20, rewind_epochs=1.125, lr=0.2)}
    (own,) = short.for_suite("figure").recipe.values()
    assert own == Recipe(epochs=8, rewind_epochs=0.45, lr=0.2)
    assert adapted(Recipe(), {"epochs": 40, "rewind_epochs": 3}).rewind_epochs == 3


def test_a_model_that_is_trained_needs_a_recipe_of_its_own(presets: dict[str, Preset]) -> None:
    place = Place("figure", "", "", presets["short"], "cnn", "photos")
    words = "preset short has no recipe for cnn, which figure trains; it has those of mlp"
    with pytest.raises(BadInput, match=words):
        place.cell("search", 0.5, "init")
    frozen = place.frozen_cell("search", 0.5)
    assert (frozen.model, frozen.dataset, frozen.recipe) == ("small_cnn", "digits", Recipe())


def test_a_preset_is_based_on_one_above_it() -> None:
    below = "\n[first]\nbased_on = 'shrt'\ndescription = ''\nseeds = []\nprecision = ''\n"
    with pytest.raises(
        UnknownName, match=r"presets\.toml, first\.based_on 'shrt': did you mean sh"
    ):
        read_presets(tomllib.loads(FILE + below), "presets.toml")


def test_quick_is_an_eighth_of_the_paper() -> None:
    paper, quick = (get_preset(name).recipe["resnet20"] for name in ("paper", "quick"))
    assert (paper.epochs, paper.rewind_epochs, paper.batch_size) == (160, 9, 512)
    assert quick.epochs == paper.epochs / 8
    assert quick.rewind_epochs == paper.rewind_epochs / 8
    assert quick.milestones == paper.milestones


def test_a_suites_own_options_leave_those_of_other_methods() -> None:
    demo = get_preset("demo")
    own = demo.for_suite("table1")
    gem_miner = [p.resolve("gem_miner", "resnet20", "cifar10").options for p in (demo, own)]
    assert gem_miner == [{}, {"epochs": 15, "freeze_every": 1}]
    crbg = [p.resolve("crbg", "lenet-300-100", "mnist").options for p in (demo, own)]
    assert crbg[0] == crbg[1] == {"epochs": 30, "lr": 0.1, "lam": 0.1}
    assert own.recipe["resnet20"].epochs == 16
    assert own.recipe["lenet-300-100"] == demo.recipe["lenet-300-100"]


def test_another_length_moves_the_rewind_point_and_the_warm_up() -> None:
    recipe = adapted(Recipe(epochs=90, rewind_epochs=18, warmup_epochs=5), {"epochs": 45})
    assert (recipe.rewind_epochs, recipe.warmup_epochs) == (9, 2.5)
    assert adapted(Recipe(), {"milestones": [0.5]}).milestones == (0.5,)
