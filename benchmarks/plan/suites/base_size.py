"""CRBG on base networks of less width (CRBG Fig. 3)."""

from dataclasses import replace

from benchmarks.plan.block import Block, Line
from benchmarks.plan.place import Place
from benchmarks.plan.presets import Preset
from benchmarks.plan.suite import suite

WIDTHS = (100, 80, 60, 40, 20)  # percent of LeNet-300-100's hidden units


@suite
def base_size(preset: Preset) -> tuple[Block, ...]:
    """CRBG Fig. 3: CRBG on base networks of less width."""
    place = Place("base-size", "crbg", "Fig. 3", preset, "lenet-300-100", "mnist")
    full = place.frozen_cell("crbg", None, trajectory=True)  # at 100% Table I's own cell
    lines = [
        Line(f"CRBG, {width}% of the width", replace(full, model=f"lenet-{3 * width}-{width}"))
        for width in WIDTHS
    ]
    return (Block("crbg", "Fig. 3", "base networks of less width", tuple(lines), dataset="mnist"),)
