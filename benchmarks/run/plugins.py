"""Models and datasets from outside the suite: of files, of folders of pictures, of packages.

They run in the suite's own process, which trains and judges; methods do not (benchmarks.run.apart).
What they are is part of their cells' keys: a model's code, a dataset's images.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from typing import Any

from benchmarks.plan.cell import Cell
from benchmarks.plan.presets import Preset, adapted
from benchmarks.run.apart import contents_of
from benchmarks.run.closed_test_set import recorded
from benchmarks.run.code import Code, read_code, run_code, source_of_function
from benchmarks.run.job import Brought
from benchmarks.run.methods import add_file, method_files, methods, source_of
from lottery.core.errors import BadInput, UnknownName, check_name
from lottery.core.registry import check_registered_name
from lottery.data.datasets import DATASETS, Images, Registered, datasets, load_parts
from lottery.data.folder import image_folder
from lottery.models.zoo import MODELS
from lottery.search.registry import Method
from lottery.training.recipe import Recipe

model_files: dict[str, Code] = {}  # by the name of the model
_loaded: dict[Path, tuple[Code, Mapping[str, Iterable[str]]]] = {}


def bring(brought: Brought, data_root: Path) -> dict[str, list[str]]:
    """Load files and folders, as far as they are not; the names that they add, by kind.

    Raises:
        BadInput: one cannot be used; the text names it.
    """
    added: dict[str, list[str]] = {"method": [], "model": [], "dataset": []}
    for path in brought.plugins:
        for kind, names in load_plugin(path).items():
            added[kind] += names
    for name, folder in brought.folders.items():
        load_folder(name, folder, brought.image_size)
        added["dataset"].append(name)
    return added


def load_plugin(path: Path) -> Mapping[str, Iterable[str]]:
    """Register what a Python file has: a method, or models and datasets; their names by kind.

    Raises:
        BadInput: there is no such file, it raises, or it registers nothing or both kinds.
    """
    code = read_code(path, "plug-in")
    if path in _loaded and _loaded[path][0] == code:
        return _loaded[path][1]
    found = contents_of(code)  # in a process of its own: it may have a method
    if isinstance(found, Method):
        names: Mapping[str, Iterable[str]] = {"method": [add_file(code, found).name]}
    else:
        names = found
        try:
            run_code(code)
        except Exception as error:  # whatever a file raises
            what = " ".join(f"{type(error).__name__}: {error}".split())
            raise BadInput(f"{path} does not load: {what}") from error
        model_files.update(dict.fromkeys(found["model"], code))
    _loaded[path] = code, names
    return names


def load_folder(name: str, folder: Path, size: int) -> None:
    """Register a folder of pictures as a dataset, and read it.

    Training images are flipped at random, and cropped after padding by an eighth of their side.

    Raises:
        BadInput: a name that is taken, or no folder of pictures.
    """
    check_registered_name("dataset", name)
    if name in datasets.present():
        raise BadInput(f"dataset {name!r} is registered already; give the folder another name")
    with recorded():
        train, test = image_folder(folder, size)
    read = partial(_as_read, (train, test))
    side = min(train.images.shape[1:3])
    datasets.add(name, Registered(name, read, crop_padding=side // 8, flip=True))


def _as_read(parts: tuple[Images, Images], root: Path) -> tuple[Images, Images]:
    return parts


def code_of_model(name: str) -> tuple[Code, ...]:
    """The file that a model is from, if it is of one."""
    return (model_files[name],) if name in model_files else ()


def source_of_model(name: str) -> str:
    """Hash of the code of a model that is not part of the suite; empty for others.

    Raises:
        UnknownName: no such model.
    """
    model = MODELS[name]
    return model_files[name].source if name in model_files else source_of_function(model.build)


@cache
def source_of_dataset(name: str, root: Path) -> str:
    """Hash of a dataset that is not part of the suite, from its images and labels, and what is
    fixed about it; empty for others.

    Raises:
        UnknownName: no such dataset.
        DataError: it cannot be read.
    """
    if datasets[name].facts and not source_of_function(datasets[name].read):
        return ""
    with recorded():
        parts = load_parts(name, root)
    facts = DATASETS[name]
    digest = hashlib.sha256(repr((facts.shape, facts.crop_padding, facts.flip)).encode())
    for part in parts:
        for tensor in part.content():
            digest.update(tensor.numpy().tobytes())
    return digest.hexdigest()[:16]


def as_planned(cells: Iterable[Cell], data_root: Path) -> bool:
    """Whether the methods, models and datasets of cells are still those that they were planned
    with."""
    return all(
        (cell.source, cell.model_source, cell.dataset_source)
        == (
            source_of(methods[cell.method]),
            source_of_model(cell.model),
            source_of_dataset(cell.dataset, data_root),
        )
        for cell in {(c.method, c.model, c.dataset): c for c in cells}.values()
    )


def prepared(
    preset: Preset,
    mentioned: Mapping[str, Iterable[str]],
    asked: Collection[str],
    data_root: Path,
) -> Preset:
    """A preset that knows what is not of the suite: recipes that models bring, and hashes.

    Args:
        mentioned: names of methods, models and datasets, by kind; of papers too.
        asked: models that are run in place of the papers', also the suite's own.

    Raises:
        BadInput: a model, dataset or recipe that cannot be used.
    """
    sources: dict[tuple[str, str], str] = {}
    recipes = dict[str, Recipe]()
    for name in mentioned["model"]:
        with suppress(UnknownName):  # one that the cells will be refused for, if they run on it
            sources["model", name] = source_of_model(name)
            foreign = sources["model", name] or ":" in name or name in asked
            if foreign and (recipe := recipe_of(name, preset)) is not None:
                recipes[name] = recipe
    for name in mentioned["dataset"]:
        if name in datasets.names():
            sources["dataset", name] = source_of_dataset(name, data_root)
    for name in mentioned["method"]:
        if name in methods.names():
            sources["method", name] = source_of(methods[name])
    return preset.knowing(sources, recipes)


def recipe_of(name: str, preset: Preset) -> Recipe | None:
    """How a model is to be trained in a preset, as that says of the model itself, or as the model
    brings it; None where neither says anything.

    Raises:
        BadInput: it brings no recipe for this preset, or one that cannot be.
    """
    if name in preset.recipe:
        return preset.recipe[name]
    if not (recipe := MODELS[name].recipe):
        return None
    if isinstance(recipe, str):
        if recipe not in preset.recipe:
            known = ", ".join(preset.recipe) or "no model"
            raise BadInput(
                f"model {name} shares the recipe of {recipe}, which preset {preset.name} does not "
                f"have; it has those of {known}"
            )
        return preset.recipe[recipe]
    scale = preset.scale or preset.name
    choices: Any = recipe[check_name(f"preset with a recipe of model {name}:", scale, list(recipe))]
    if isinstance(choices, Recipe):
        return choices
    try:
        return adapted(Recipe(), choices)
    except (ValueError, TypeError, ArithmeticError) as error:
        raise BadInput(f"the recipe of model {name} for {scale}: {error}") from error


def forget() -> None:
    """Forget what files and folders added; for tests."""
    model_files.clear()
    method_files.clear()
    _loaded.clear()
    source_of_dataset.cache_clear()
