"""Objective values right after drawing (CTS Figs. 1, 7 and 8). The tickets are not trained.

What the paper calls LTR at initialisation is the mask that LTR draws at the rewind point, laid over
the initial weights. Searches do not drop their rate here.
"""

from dataclasses import replace
from functools import partial
from typing import Any

from benchmarks.plan.block import Block, Line
from benchmarks.plan.cell import Cell
from benchmarks.plan.place import Place
from benchmarks.plan.presets import Preset
from benchmarks.plan.suite import suite

OBJECTIVES = ("loss", "delta_loss", "grad_norm", "kl", "feature", "grad_match")
# Where a saliency criterion with a name of its own optimises an objective (Section III).
NAMED_SALIENCY = {
    "loss": ("SNIP", "snip"),
    "delta_loss": ("SNIP", "snip"),
    "grad_norm": ("GraSP", "grasp"),
}


@suite
def saliency_gap(preset: Preset) -> tuple[Block, ...]:
    """Fig. 1: saliency criteria on the objectives that they stand for, against simple baselines."""
    return tuple(
        _saliency(preset, model, powers, objective)
        for model, powers in preset.grid.items()
        for objective in ("delta_loss", "grad_norm")
    )


def _saliency(preset: Preset, model: str, powers: list[int], objective: str) -> Block:
    label, method = NAMED_SALIENCY[objective]
    place = Place("saliency-gap", "cts", "Fig. 1", preset, model, "cifar10", judged="objectives")
    lines: list[Line] = []
    for density in (0.8**power for power in powers):
        lines += [
            Line(label, place.cell(method, density, "init")),
            Line("Magnitude", place.cell("magnitude", density, "init")),
            Line("LTR", _ltr(place, density, "init")),
        ]
    block = _block("Fig. 1", f"{objective} at initialisation, {model}", objective, lines)
    return replace(block, model="vgg16")


@suite
def objectives(preset: Preset) -> tuple[Block, ...]:
    """Fig. 7, drawn at initialisation, and Fig. 8, drawn at the rewind point."""
    panel = partial(_panel, preset)
    return tuple(
        panel(model, powers, figure, pruned_at, objective)
        for figure, pruned_at, shown in (
            ("Fig. 7", "init", ("loss", "grad_norm")),
            ("Fig. 8", "rewind", OBJECTIVES),
        )
        for model, powers in preset.grid.items()
        for objective in shown
    )


def _panel(
    preset: Preset, model: str, powers: list[int], figure: str, pruned_at: str, objective: str
) -> Block:
    place = Place("objectives", "cts", figure, preset, model, "cifar10", judged="objectives")
    # kl is the default, and defaults are not stated.
    stated: dict[str, Any] = {} if objective == "kl" else {"objective": objective}
    cts = partial(place.cell, "cts", pruned_at=pruned_at, search="quick", lr_drop=1.0, **stated)
    lines: list[Line] = []
    for density in (0.8**power for power in powers):
        if objective in NAMED_SALIENCY:
            label, method = NAMED_SALIENCY[objective]
            saliency = place.cell(method, density, pruned_at)
        else:
            label = "Saliency"
            saliency = place.cell("saliency", density, pruned_at, **stated)
        lines += [
            Line("Quick CTS", cts(density=density)),
            Line("Quick CTS, Lagrange", cts(density=density, gradient_step="lagrange")),
            Line("LTR", _ltr(place, density, pruned_at)),
            Line(label, saliency),
            Line("Magnitude", place.cell("magnitude", density, pruned_at)),
            Line("Random", place.cell("random", density, pruned_at)),
        ]
    where = "initialisation" if pruned_at == "init" else "the rewind point"
    return _block(figure, f"{objective}, drawn at {where}, {model}", objective, lines)


def _ltr(place: Place, density: float, pruned_at: str) -> Cell:
    searched_at = "rewind" if pruned_at == "init" else ""
    return replace(place.cell("ltr", density, pruned_at), searched_at=searched_at)


def _block(figure: str, title: str, objective: str, lines: list[Line]) -> Block:
    return Block("cts", figure, title, tuple(lines), shown="densities", objective=objective)
