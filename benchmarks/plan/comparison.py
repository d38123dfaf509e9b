"""Comparisons: frozen baselines, tasks, densities, seeds and training, for a new method."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from benchmarks.plan.block import Block, Line
from benchmarks.plan.cell import Cell, content_hash
from benchmarks.plan.place import Place, on_grid
from benchmarks.plan.presets import Preset, preset_of, read_presets
from benchmarks.plan.suites import cells_of
from benchmarks.plan.suites.sanity_checks import checked
from benchmarks.plan.toml_file import COMPARISON, read_toml
from lottery.core.choices import PrunedAt
from lottery.core.errors import BadInput, check_name
from lottery.core.registry import check_registered_name

FOLDER = files("benchmarks.plan").joinpath("comparisons")
DEFAULT = "trained-tickets-3"


@dataclass(frozen=True)
class Baseline:
    """A method to be compared with, and how a table names it."""

    label: str
    method: str
    pruned_at: PrunedAt
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Candidate:
    """The method that is compared.

    Attributes:
        pruned_at: where it draws, "init" or "rewind".
        source: hash of its code, see Cell; empty for a method of the suite.
        checked: whether the sanity checks apply; they do not where it trains weights of its own.
    """

    name: str
    pruned_at: PrunedAt
    source: str = ""
    checked: bool = True


STAND_IN = Candidate("mine", "init", "abc")  # of any method, in a fingerprint


@dataclass(frozen=True)
class Comparison:
    """What benchmarks/plan/comparisons/<name>.toml says.

    Attributes:
        name: ends in its version; a change is a new name.
        dataset: as the papers name it; presets may put another in its place.
        presets: scales, each with its grid of densities by model.
    """

    name: str
    title: str
    dataset: str
    baselines: tuple[Baseline, ...]
    presets: Mapping[str, Preset]

    def preset(self, name: str) -> Preset:
        """A preset of this comparison, by name or by the path of a .toml file that is based on one.

        Raises:
            UnknownName: it has no such preset.
            BadInput: the file is no preset.
        """
        if name.endswith(".toml"):
            return preset_of(Path(name), self.presets)
        return self.presets[check_name(f"preset of {self.name}", name, list(self.presets))]

    def fingerprint(self, preset: Preset) -> str:
        """Hash of what a preset asks of a method and of the baselines, whatever the method.

        How often the suite's own code has been mended plays no part, nor has the protocol.
        """
        cells = cells_of(self.blocks(preset, STAND_IN), preset.seeds)
        return content_hash({"cells": sorted(content_hash(_what_is_asked(cell)) for cell in cells)})

    def blocks(self, preset: Preset, candidate: Candidate) -> tuple[Block, ...]:
        """The candidate, its ablations and the baselines, one block per model."""
        return tuple(
            self._block(preset, model, [on_grid(power) for power in powers], candidate)
            for model, powers in preset.grid.items()
        )

    def _block(
        self, preset: Preset, model: str, densities: list[float], candidate: Candidate
    ) -> Block:
        place = Place(self.name, "", "comparison", preset, model, self.dataset)
        lines: list[Line] = []
        for density in densities:
            cell = place.cell(candidate.name, density, candidate.pruned_at)
            cell = replace(cell, source=candidate.source)
            mine = Line(candidate.name, cell)
            lines += checked(candidate.name, cell) if candidate.checked else [mine]
            for baseline in self.baselines:
                other = place.cell(baseline.method, density, baseline.pruned_at, **baseline.options)
                if other.key != cell.key:
                    lines.append(Line(baseline.label, other))
        return Block("", "comparison", self.title, tuple(lines), shown="densities")


def _what_is_asked(cell: Cell) -> dict[str, Any]:
    kept = {name: value for name, value in cell.identity().items() if name != "revision"}
    return {**kept, "protocol": ""}


def comparison_names() -> list[str]:
    """All comparisons."""
    return sorted(
        file.name.removesuffix(".toml") for file in FOLDER.iterdir() if file.name.endswith(".toml")
    )


def get_comparison(name: str) -> Comparison:
    """A comparison by name, or by the path of a .toml file.

    Raises:
        UnknownName: no such comparison.
        BadInput: its file does not say one.
    """
    file: Traversable
    if name.endswith(".toml"):
        file, name = Path(name), Path(name).stem
        check_registered_name("comparison", name)
        if name in comparison_names():
            raise BadInput(f"{file}: {name} is a comparison already; call the file otherwise")
    else:
        check_name("comparison", name, comparison_names())
        file = FOLDER.joinpath(f"{name}.toml")
    content = read_toml(file)
    COMPARISON(content, str(file))
    baselines = tuple(Baseline(**line) for line in content.pop("baselines"))
    presets = read_presets(content.pop("presets"), str(file))
    return Comparison(name=name, baselines=baselines, presets=presets, **content)
