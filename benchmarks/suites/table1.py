"""CTS's Table I (pruning methods for ResNet-20 at 1.44% density)."""

from benchmarks.presets import Preset
from benchmarks.suites.parts import Block, Line, Place
from benchmarks.suites.sanity_checks import checked


def table1(preset: Preset) -> tuple[Block, ...]:
    return (_cts(preset),)


def _cts(preset: Preset) -> Block:
    place = Place("table1", "cts", "I", preset, "resnet20", "cifar10")
    density = 0.8**19
    # Edge-popup's ticket is trained here, after as many epochs of search: it is cited so.
    trained = Place("table1", "cts", "I", preset, "resnet20", "cifar10", judged="trained")
    epochs = preset.recipe("resnet20").epochs
    lines: list[Line] = []
    for label, name, cell in (
        ("LTR", "ltr", place.cell("ltr", density, "rewind")),
        ("SNIP", "snip", place.cell("snip", density, "init")),
        ("GraSP", "grasp", place.cell("grasp", density, "init")),
        ("SynFlow", "synflow", place.cell("synflow", density, "init")),
        (
            "Edge-popup, trained",
            "edge_popup",
            trained.cell("edge_popup", density, "init", epochs=epochs),
        ),
        ("Gem-Miner", "gem_miner", place.cell("gem_miner", density, "init")),
        ("Quick CTS-KL", "cts_quick", place.cell("cts", density, "rewind", search="quick")),
        ("CTS-KL", "cts", place.cell("cts", density, "rewind")),
    ):
        lines += checked(label, cell, place.printed(name, "98.56"))
    return Block("cts", "Table I", "pruning methods at 1.44% density", tuple(lines))
