"""Objective values right after drawing (CTS Figs. 1, 7 and 8). The tickets are not trained.

What the paper calls LTR at initialisation is the mask that LTR draws at the rewind point, laid over
the initial weights. Searches do not drop their rate here.
"""

from collections.abc import Collection
from dataclasses import replace
from functools import partial
from typing import Any

from benchmarks.plan.block import Block, Line
from benchmarks.plan.cell import Cell
from benchmarks.plan.place import Place, on_grid
from benchmarks.plan.presets import Preset
from benchmarks.plan.suite import suite
from lottery.core.catalogue import OBJECTIVES, SALIENCY_OF, known
from lottery.core.choices import PrunedAt


@suite
def saliency_gap(preset: Preset) -> tuple[Block, ...]:
    """CTS Fig. 1: saliency criteria on the objectives that they stand for."""
    return tuple(
        _saliency(preset, model, powers, objective)
        for model, powers in preset.grid.items()
        for objective in ("delta_loss", "grad_norm")
    )


def _saliency(preset: Preset, model: str, powers: list[int], objective: str) -> Block:
    method = SALIENCY_OF[objective]
    place = Place("saliency-gap", "cts", "Fig. 1", preset, model, "cifar10", judged="objectives")
    lines: list[Line] = []
    for density in map(on_grid, powers):
        lines += [
            place.line(method, density, "init"),
            place.line("magnitude", density, "init"),
            Line(known("ltr").label, _ltr(place, density, "init")),
        ]
    block = _block("Fig. 1", f"{objective} at initialisation, {model}", objective, lines)
    return replace(block, model="vgg16")


@suite
def objectives(preset: Preset) -> tuple[Block, ...]:
    """CTS Figs. 7, 8: the objectives' values of tickets as they were drawn."""
    panel = partial(_panel, preset)
    figures: tuple[tuple[str, PrunedAt, Collection[str]], ...] = (
        ("Fig. 7", "init", ("loss", "grad_norm")),
        ("Fig. 8", "rewind", OBJECTIVES),
    )
    return tuple(
        panel(model, powers, figure, pruned_at, objective)
        for figure, pruned_at, shown in figures
        for model, powers in preset.grid.items()
        for objective in shown
    )


def _panel(
    preset: Preset, model: str, powers: list[int], figure: str, pruned_at: PrunedAt, objective: str
) -> Block:
    place = Place("objectives", "cts", figure, preset, model, "cifar10", judged="objectives")
    # kl is the default, and defaults are not stated.
    stated: dict[str, Any] = {} if objective == "kl" else {"objective": objective}
    cts = partial(place.cell, "cts", pruned_at=pruned_at, search="quick", lr_drop=1.0, **stated)
    lines: list[Line] = []
    for density in map(on_grid, powers):
        if objective in SALIENCY_OF:
            saliency = place.line(SALIENCY_OF[objective], density, pruned_at)
        else:
            saliency = place.line("saliency", density, pruned_at, **stated)
        lines += [
            Line("Quick CTS", cts(density=density)),
            Line("Quick CTS, Lagrange", cts(density=density, gradient_step="lagrange")),
            Line(known("ltr").label, _ltr(place, density, pruned_at)),
            saliency,
            place.line("magnitude", density, pruned_at),
            place.line("random", density, pruned_at),
        ]
    where = "initialisation" if pruned_at == "init" else "the rewind point"
    return _block(figure, f"{objective}, drawn at {where}, {model}", objective, lines)


def _ltr(place: Place, density: float, pruned_at: PrunedAt) -> Cell:
    searched_at = "rewind" if pruned_at == "init" else ""
    return replace(place.cell("ltr", density, pruned_at), searched_at=searched_at)


def _block(figure: str, title: str, objective: str, lines: list[Line]) -> Block:
    return Block("cts", figure, title, tuple(lines), shown="densities", objective=objective)
