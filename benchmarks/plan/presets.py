"""Presets: how far a suite is scaled down, read from presets.toml."""

from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from typing import Any

from benchmarks.plan.toml_file import PRESET, read_toml, table_of
from lottery.core.errors import check_name
from lottery.training.recipe import Recipe


@dataclass(frozen=True)
class Preset:
    """Stand-ins and settings; models and datasets are asked for by the papers' names.

    Attributes:
        description: one line for people.
        seeds: run where none are asked for.
        precision: "float32", "bfloat16" or "auto".
        grid: powers of 0.8 in sparsity-accuracy figures, by model.
        densities: of the comparison of strong tickets, by model.
        lambdas: of CRBG's grid search, by model.
        throughput: batch sizes by model, for the throughput suite.
    """

    name: str
    description: str
    seeds: tuple[int, ...]
    precision: str
    datasets: dict[str, str] = field(default_factory=dict)
    models: dict[str, str] = field(default_factory=dict)
    grid: dict[str, list[int]] = field(default_factory=dict)
    densities: dict[str, list[float]] = field(default_factory=dict)
    lambdas: dict[str, list[float]] = field(default_factory=dict)
    throughput: dict[str, list[int]] = field(default_factory=dict)
    _recipe: dict[str, dict[str, Any]] = field(default_factory=dict)
    _options: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    _suites: dict[str, dict[str, Any]] = field(default_factory=dict)

    def for_suite(self, name: str) -> "Preset":
        """The preset with what it says for one suite alone in place of what it says for all.

        Recipes are replaced model by model and options method by method, all else as a whole.
        """
        changes = dict(self._suites.get(name, {}))
        if "seeds" in changes:
            changes["seeds"] = tuple(changes["seeds"])
        recipe = {**self._recipe, **changes.pop("recipe", {})}
        options = {**self._options, **changes.pop("options", {})}
        return replace(self, _recipe=recipe, _options=options, **changes)

    def dataset(self, name: str) -> str:
        return self.datasets.get(name, name)

    def model(self, name: str) -> str:
        return self.models.get(name, name)

    def recipe(self, model: str) -> Recipe:
        return Recipe(**self._recipe.get(model, {}))

    def options(self, method: str, model: str) -> dict[str, Any]:
        """The method's options for a model, where they are not the method's defaults."""
        by_model = self._options.get(method, {})
        return dict(by_model.get(model, by_model.get("any", {})))

    def options_set(self, method: str) -> set[str]:
        """Names of the method's options that the preset sets, for any model."""
        return {name for options in self._options.get(method, {}).values() for name in options}


@cache
def load_presets() -> dict[str, Preset]:
    """All presets by name."""
    file = files("benchmarks.plan").joinpath("presets.toml")
    table = read_toml(file)
    table_of(PRESET)(table, f"{file}, presets")
    return {name: preset_of(name, **content) for name, content in table.items()}


def preset_of(
    name: str,
    seeds: list[int],
    recipe: dict[str, Any] | None = None,
    options: dict[str, Any] | None = None,
    suites: dict[str, Any] | None = None,
    **content: Any,
) -> Preset:
    """A preset from its table in a TOML file."""
    return Preset(
        name,
        seeds=tuple(seeds),
        _recipe=recipe or {},
        _options=options or {},
        _suites=suites or {},
        **content,
    )


def get_preset(name: str) -> Preset:
    """A preset by name.

    Raises:
        UnknownName: no such preset.
    """
    presets = load_presets()
    return presets[check_name("preset", name, list(presets))]
