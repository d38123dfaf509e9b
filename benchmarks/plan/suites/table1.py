"""CRBG's Table I (tickets on MNIST) and CTS's (ResNet-20 at 1.44% density)."""

from dataclasses import replace

from benchmarks.plan.block import Block, Line
from benchmarks.plan.cell import Cell
from benchmarks.plan.place import Place
from benchmarks.plan.presets import Preset
from benchmarks.plan.suite import suite
from benchmarks.plan.suites.sanity_checks import checked


@suite
def table1(preset: Preset) -> tuple[Block, ...]:
    return _crbg(preset), _cts(preset)


def _crbg(preset: Preset) -> Block:
    def place(model: str) -> Place:
        return Place("table1", "crbg", "I", preset, model, "mnist")

    lenet, large = place("lenet-300-100"), place("500-500-500-500")
    lines = (
        Line("Dense", lenet.cell("dense", 1.0, "init"), lenet.printed("dense", "0")),
        Line(
            "Sparse VD", lenet.cell("sparse_vd", None, "init"), lenet.printed("sparse_vd", "97.8")
        ),
        Line("BC-GNJ", lenet.cell("bc_gnj", None, "init"), lenet.printed("bc_gnj", "89.2")),
        Line("BC-GHS", lenet.cell("bc_ghs", None, "init"), lenet.printed("bc_ghs", "")),
        Line(
            "Edge-popup, epsilon (own weights)",
            large.edge_popup(0.5, "edge_popup_epsilon"),
            large.printed("edge_popup_epsilon", "50"),
        ),
        Line(
            "Edge-popup, epsilon, plain weights, 1 epoch",
            _short_epsilon(large),
            large.printed("edge_popup_epsilon", "50"),
        ),
        Line("Edge-popup (frozen)", large.edge_popup(0.5)),
        Line(
            "CRBG (frozen)",
            lenet.frozen_cell("crbg", None, trajectory=True),  # Fig. 1
            lenet.printed("crbg", "45"),
        ),
    )
    return Block("crbg", "Table I", "tickets on MNIST", lines, dataset="mnist")


def _short_epsilon(large: Place) -> Cell:
    """Edge-popup with epsilon as it comes near the cited 85%: Kaiming-normal weights without
    scaling, and a short search of small steps. docs/cited-methods.md has how it was found."""
    cell = large.frozen_cell("edge_popup_epsilon", 0.5)
    short = {"perturbation_epochs": 1, "epochs": 1, "lr": 0.01}
    return replace(cell, options={**cell.options, **short})


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
    # As the authors' code has it, where the paper's Eq. 8 divides the logit too.
    cell = place.cell("cts", density, "rewind", search="quick", noise_alone=True)
    label = "Quick CTS-KL, tau under the noise alone"
    lines.append(Line(label, cell, place.printed("cts_quick", "98.56")))
    return Block("cts", "Table I", "pruning methods at 1.44% density", tuple(lines))
