"""The grid search that chooses CRBG's lambda, on a validation split (CRBG Section IV-A)."""

from dataclasses import replace

from benchmarks.plan.block import Block, Line
from benchmarks.plan.place import Place, dataset_of
from benchmarks.plan.presets import Preset
from benchmarks.plan.suite import suite
from lottery.core.catalogue import stated

HELD_OUT = 0.1  # of the training set


@suite
def lambda_grid(preset: Preset) -> tuple[Block, ...]:
    """CRBG's lambda, chosen on a validation split (its Section IV-A)."""
    return tuple(_panel(preset, model, grid) for model, grid in preset.lambdas.items())


def _panel(preset: Preset, model: str, grid: list[float]) -> Block:
    dataset = dataset_of(model)
    place = Place("lambda-grid", "crbg", "IV-A", preset, model, dataset)
    cell = place.frozen_cell("crbg", None, validation=HELD_OUT)
    lines = [
        Line(
            f"CRBG, lambda {lam:g}",
            replace(cell, options=stated("crbg", {**cell.options, "lam": lam})),
        )
        for lam in grid
    ]
    title = f"lambda of {model}, judged on {HELD_OUT:.0%} of the training set"
    return Block("crbg", "Section IV-A", title, tuple(lines), dataset=dataset)
