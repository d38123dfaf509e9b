"""CRBG's Table II (strong tickets in ResNets) and CTS's Table II (CTS against LTR)."""

from dataclasses import replace

from benchmarks.plan.block import Block, Line
from benchmarks.plan.place import Place, on_grid
from benchmarks.plan.presets import Preset
from benchmarks.plan.suite import suite


@suite
def table2(preset: Preset) -> tuple[Block, ...]:
    """Both papers' Table II: strong tickets in ResNets; CTS against LTR."""
    return _crbg(preset), _cts(preset)


def _crbg(preset: Preset) -> Block:
    wide = Place("table2", "crbg", "II", preset, "wide_resnet50", "cifar10")
    plain = Place("table2", "crbg", "II", preset, "resnet50", "cifar10")
    lines = (
        Line("Edge-popup", wide.edge_popup(0.5), wide.printed("edge_popup", "50")),
        Line("CRBG", wide.frozen_cell("crbg", None), wide.printed("crbg", "90.5")),
        Line("CRBG", plain.frozen_cell("crbg", None), plain.printed("crbg", "91.5")),
    )
    return Block("crbg", "Table II", "strong tickets, weights frozen", lines)


def _cts(preset: Preset) -> Block:
    cifar10 = Place("table2", "cts", "II", preset, "resnet20", "cifar10")
    lines = []
    for power, sparsity in ((18, "98.2"), (22, "99.3"), (26, "99.7")):
        for label, method in (("CTS-KL", "cts"), ("LTR", "ltr")):
            cell = cifar10.cell(method, on_grid(power), "rewind")
            lines.append(Line(label, cell, cifar10.printed(method, sparsity)))
    for level, sparsity in ((3, "90.0"), (6, "99.0"), (9, "99.9")):
        lines += _imagenet(preset, (1 - 0.5358) ** level, sparsity)
    return Block("cts", "Table II", "CTS against LTR, tickets trained", tuple(lines))


def _imagenet(preset: Preset, density: float, sparsity: str) -> list[Line]:
    """Half CTS and LTR at a level of LTR's; only printed where the preset does not train them."""
    named = Place("table2", "cts", "II", preset, "resnet50", "imagenet")
    place = replace(named, model="resnet50_imagenet")
    half = ltr = None
    if place.model in preset.recipe:
        half = place.cell("cts", density, "rewind", search="half")
        ltr = place.cell("ltr", density, "rewind")
    return [
        Line("Half CTS-KL", half, named.printed("cts_half", sparsity)),
        Line("LTR", ltr, named.printed("ltr", sparsity)),
    ]
