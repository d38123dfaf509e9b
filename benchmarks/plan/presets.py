"""Presets: how far a suite is scaled down, read from presets.toml or a file of the user's."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from benchmarks.plan.toml_file import OWN_PRESET, PRESET, read_toml, table_of
from lottery.core.errors import BadInput, check_name
from lottery.core.registry import check_registered_name
from lottery.training.recipe import Recipe

Options = Mapping[str, Any]
# Tables that list a figure's panels: they replace those of what a preset or suite is based on.
PANELS = ("grid", "densities", "lambdas", "throughput")
EVERY = "*"  # in place of a paper's name: every model, or dataset, that nothing else stands in for


@dataclass(frozen=True)
class Settings:
    """What a method runs on in a preset.

    Attributes:
        model, dataset: those that are run, which may stand in for the paper's.
        options: of the method, where they are not its defaults.
        recipe: how a ticket is trained; None for a model that the preset never trains.
    """

    model: str
    dataset: str
    options: Options
    recipe: Recipe | None


@dataclass(frozen=True)
class Preset:
    """Stand-ins and settings; models and datasets are asked for by the papers' names.

    Attributes:
        description: one line for people.
        seeds: run where none are asked for.
        precision: "float32", "bfloat16" or "auto".
        datasets, models: what stands in for those of the papers; see EVERY.
        recipe: how tickets are trained, by model; a model that is not here is never trained.
        options: by method; a table among them holds those for the model of its name.
        grid: powers of 0.8 in sparsity-accuracy figures, by model.
        densities: of the comparison of strong tickets, by model.
        lambdas: of CRBG's grid search, by model.
        throughput: batch sizes by model, for the throughput suite.
        suites: by suite, what differs there; in the words of presets.toml.
        own_options: those of the suite that the preset was made for, like `options`.
        own_recipes: that models bring, by their own name; on top of `recipe`.
        sources: hashes of methods, models and datasets that are not part of the suite, by kind and
            name.
        scale: the preset that it is made from, where a user made it.
    """

    name: str
    description: str
    seeds: tuple[int, ...]
    precision: str
    datasets: Mapping[str, str] = field(default_factory=dict)
    models: Mapping[str, str] = field(default_factory=dict)
    recipe: Mapping[str, Recipe] = field(default_factory=dict)
    options: Mapping[str, Options] = field(default_factory=dict)
    grid: Mapping[str, list[int]] = field(default_factory=dict)
    densities: Mapping[str, list[float]] = field(default_factory=dict)
    lambdas: Mapping[str, list[float]] = field(default_factory=dict)
    throughput: Mapping[str, list[int]] = field(default_factory=dict)
    suites: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    own_options: Mapping[str, Options] = field(default_factory=dict)
    own_recipes: Mapping[str, Recipe] = field(default_factory=dict)
    sources: Mapping[tuple[str, str], str] = field(default_factory=dict)
    scale: str = ""

    def model_for(self, model: str) -> str:
        """What is run in place of a paper's model."""
        return self.models.get(model, self.models.get(EVERY, model))

    def dataset_for(self, dataset: str) -> str:
        """What is run in place of a paper's dataset."""
        return self.datasets.get(dataset, self.datasets.get(EVERY, dataset))

    def source(self, kind: str, name: str) -> str:
        """Hash of a "method", "model" or "dataset"; empty for one of the suite."""
        return self.sources.get((kind, name), "")

    def for_suite(self, name: str) -> "Preset":
        """The preset with what it says for one suite on top of what it says for all."""
        table = dict(self.suites.get(name, {}))
        own = table.pop("options", {})
        return replace(self, own_options=own, **_on_top(self, table, keep=self.recipe))

    def knowing(
        self, sources: Mapping[tuple[str, str], str], recipes: Mapping[str, Recipe]
    ) -> "Preset":
        """The preset with hashes of what is not of the suite, and recipes that models bring."""
        return replace(
            self,
            sources={**self.sources, **sources},
            own_recipes={**self.own_recipes, **recipes},
        )

    def standing_in(self, models: Mapping[str, str], datasets: Mapping[str, str]) -> "Preset":
        """The preset with other models and datasets in place of the papers', under another name,
        which says which."""
        names = list(dict.fromkeys((*models.values(), *datasets.values())))
        if not names:
            return self
        changes = [
            f"{name} in place of its {what}"
            for what, stands in (("models", models), ("data", datasets))
            for name in dict.fromkeys(stands.values())
        ]
        return replace(
            self,
            name="-".join([self.name, *(name.replace(":", "-") for name in names)]),
            description=f"{self.description}; here {', '.join(changes)}",
            scale=self.scale or self.name,
            models=_replaced(self.models, models),
            datasets=_replaced(self.datasets, datasets),
        )

    def options_named(self, method: str) -> set[str]:
        """Names of the method's options that the preset sets, for any model."""
        layers = (self.options.get(method, {}), self.own_options.get(method, {}))
        return {
            name
            for layer in layers
            for key, value in layer.items()
            for name in (value if isinstance(value, Mapping) else [key])
        }

    def resolve(self, method: str, model: str, dataset: str) -> Settings:
        """What a method runs on, and how: its options for a model are on top of those for all
        models, and the suite's on top of both."""
        options: dict[str, Any] = {}
        for layer in (self.options.get(method, {}), self.own_options.get(method, {})):
            options |= {k: v for k, v in layer.items() if not isinstance(v, Mapping)}
            options |= layer.get(model, {})
        own = self.model_for(model)
        recipe = self.own_recipes.get(own, self.recipe.get(model))
        return Settings(own, self.dataset_for(dataset), options, recipe)


@cache
def load_presets() -> dict[str, Preset]:
    """The suite's presets by name."""
    return presets_of(files("benchmarks.plan").joinpath("presets.toml"))


def presets_of(file: Traversable) -> dict[str, Preset]:
    """The presets of a file, by name.

    Raises:
        BadInput: it cannot be read, or does not hold presets; the text names the file and the key.
    """
    tables = read_toml(file)
    table_of(PRESET)(tables, f"{file}, presets")
    return read_presets(tables, str(file))


def preset_of(path: Path, above: Mapping[str, Preset]) -> Preset:
    """The preset that a file of the user's is, called as the file is; it trains the models that the
    preset trains which it is based on, and those that it names.

    Args:
        above: those that it may be based on.

    Raises:
        BadInput: it cannot be read, or is no preset; the text names the file and the key.
    """
    table, name = read_toml(path), path.stem
    OWN_PRESET(table, str(path))
    check_registered_name("preset", name)
    if name in above:
        raise BadInput(f"{path}: {name} is a preset already; call the file otherwise")
    check_name(f"preset in {path}, based_on", table["based_on"], above)
    base = above[table["based_on"]]
    recipe = {**{model: {} for model in base.recipe}, **table.get("recipe", {})}
    preset = read_presets({name: {**table, "recipe": recipe}}, str(path), above)[name]
    return replace(preset, scale=base.scale or base.name)


def read_presets(
    tables: Mapping[str, Mapping[str, Any]], where: str, above: Mapping[str, Preset] | None = None
) -> dict[str, Preset]:
    """Presets from their tables in a TOML file, each below the one that it is based on.

    Recipes add up with those of that preset, model by model, but only models that a preset names
    itself are trained in it. Options add up method by method, stand-ins name by name.

    Args:
        where: they stand, for messages.
        above: presets of elsewhere that they may be based on too.

    Raises:
        UnknownName: one is based on a preset that is not above it.
        BadInput: a recipe that cannot be, or no precision.
    """
    found = dict(above or {})
    for name, table in tables.items():
        base, content = Preset(name, "", (), ""), dict(table)
        if (parent := content.pop("based_on", None)) is not None:
            base = found[check_name(f"preset in {where}, {name}.based_on", parent, found)]
        options = merged(base.options, content.pop("options", {}))
        base = replace(base, name=name, options=options)
        try:
            preset = replace(base, **_on_top(base, content))
            for suite in preset.suites:
                preset.for_suite(suite)
        except ValueError as error:
            raise BadInput(f"{where}, presets.{name}.{error}") from error
        if not preset.precision:
            raise BadInput(f"{where}, presets.{name}: the key 'precision' is missing")
        found[name] = preset
    return {name: found[name] for name in tables}


def _replaced(before: Mapping[str, str], changes: Mapping[str, str]) -> dict[str, str]:
    """What stands in for what, after changes: one for every name puts the others aside."""
    return {**({} if EVERY in changes else before), **changes}


def _on_top(
    base: Preset, table: Mapping[str, Any], keep: Mapping[str, Recipe] | None = None
) -> dict[str, Any]:
    """The fields of a preset that a table changes.

    Args:
        keep: recipes of models that the table does not name.
    """
    fields = dict(table)
    if "seeds" in fields:
        fields["seeds"] = tuple(fields["seeds"])
    for name in ("datasets", "models", "suites"):
        fields[name] = merged(getattr(base, name), fields.get(name, {}))
    recipes = dict(keep or {})
    for model, choices in fields.get("recipe", {}).items():
        try:
            recipes[model] = adapted(base.recipe.get(model, Recipe()), choices)
        except (ValueError, TypeError, ArithmeticError) as error:
            raise BadInput(f"recipe.{model}: {error}") from error
    return {**fields, "recipe": recipes}


def adapted(recipe: Recipe, choices: Mapping[str, Any]) -> Recipe:
    """A recipe with other choices; with another length the rewind point and the warm-up move in
    proportion."""
    if "epochs" in choices:
        before, after = recipe.epochs, choices["epochs"]
        parts = {name: getattr(recipe, name) for name in ("rewind_epochs", "warmup_epochs")}
        moved = {name: part * after / before for name, part in parts.items() if part}
        choices = {**moved, **choices}
    if "milestones" in choices:
        choices = {**choices, "milestones": tuple(choices["milestones"])}
    return replace(recipe, **choices)


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Tables within tables, the changes on top; those of PANELS replace what is there."""
    both = {
        name: merged(base[name], value)
        for name, value in changes.items()
        if name not in PANELS and isinstance(base.get(name), Mapping)
    }
    return {**base, **changes, **both}


def get_preset(name: str) -> Preset:
    """A preset by name, or by the path of a .toml file.

    Raises:
        UnknownName: no such preset.
        BadInput: the file is no preset.
    """
    presets = load_presets()
    if name.endswith(".toml"):
        return preset_of(Path(name), presets)
    return presets[check_name("preset", name, list(presets))]
