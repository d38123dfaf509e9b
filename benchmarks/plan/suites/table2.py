"""CRBG's Table II (strong tickets in ResNets) and CTS's Table II (CTS against LTR)."""

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
    imagenet = Place("table2", "cts", "II", preset, "resnet50", "imagenet")
    lines = []
    for power, sparsity in ((18, "98.2"), (22, "99.3"), (26, "99.7")):
        for label, method in (("CTS-KL", "cts"), ("LTR", "ltr")):
            cell = cifar10.cell(method, on_grid(power), "rewind")
            lines.append(Line(label, cell, cifar10.printed(method, sparsity)))
    for sparsity in ("90.0", "99.0", "99.9"):  # ImageNet is not among the suite's datasets
        for label, method in (("Half CTS-KL", "cts_half"), ("LTR", "ltr")):
            lines.append(Line(label, None, imagenet.printed(method, sparsity)))
    return Block("cts", "Table II", "CTS against LTR, tickets trained", tuple(lines))
