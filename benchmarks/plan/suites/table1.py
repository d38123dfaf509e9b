"""CRBG's Table I (tickets on MNIST) and CTS's (ResNet-20 at 1.44% density)."""

import math
from dataclasses import replace

from benchmarks.plan.block import Block, Line
from benchmarks.plan.cell import Cell
from benchmarks.plan.place import Place, on_grid
from benchmarks.plan.presets import Preset
from benchmarks.plan.suite import suite
from benchmarks.plan.suites.recipe import as_the_text, with_options
from benchmarks.plan.suites.sanity_checks import checked
from lottery.core.initialisation import Initialisation


@suite
def table1(preset: Preset) -> tuple[Block, ...]:
    """Both papers' Table I: tickets on MNIST; methods at 98.56% sparsity."""
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
    density = on_grid(19)
    # Edge-popup's ticket is trained here, after as many epochs of search: it is cited so.
    trained = Place("table1", "cts", "I", preset, "resnet20", "cifar10", judged="trained")
    edge_popup = trained.cell("edge_popup", density, "init")
    edge_popup = with_options(edge_popup, epochs=edge_popup.recipe.epochs)
    dense = Place("table1", "cts", "text", preset, "resnet20", "cifar10")
    lines = [Line("Dense", dense.cell("dense", 1.0, "init"), dense.printed("dense", "0"))]
    for label, name, cell in (
        ("LTR", "ltr", place.cell("ltr", density, "rewind")),
        ("SNIP", "snip", place.cell("snip", density, "init")),
        ("GraSP", "grasp", place.cell("grasp", density, "init")),
        ("SynFlow", "synflow", place.cell("synflow", density, "init")),
        ("Edge-popup, trained", "edge_popup", edge_popup),
        ("Gem-Miner", "gem_miner", place.cell("gem_miner", density, "init")),
        ("Quick CTS-KL", "cts_quick", place.cell("cts", density, "rewind", search="quick")),
        ("CTS-KL", "cts", place.cell("cts", density, "rewind")),
    ):
        lines += checked(label, cell, place.printed(name, "98.56"), EXPLAINED.get(name, ""))
    name = "as CTS's code"
    slipped = place.cell("grasp", density, "init", name, criterion="cts_code")
    lines += [
        Line(f"GraSP, {name}", slipped, place.printed("grasp", "98.56")),
        Line("Gem-Miner, its own recipe", _gem_miner(place), place.printed("gem_miner", "98.56")),
        Line(
            "Quick CTS-KL, as the text",
            as_the_text(place.cell("cts", density, "rewind", search="quick")),
            place.printed("cts_quick", "98.56"),
        ),
    ]
    return Block("cts", "Table I", "pruning methods at 1.44% density", tuple(lines))


# Where the printed number is not of the method as it is published, or as all others are run.
EXPLAINED = {
    "grasp": "the authors' code takes |Hg| and normalises images twice in its second pass: see the "
    "line of that name",
    "synflow": "in the authors' code one of four processes starts its training from |theta_0|",
    "edge_popup": "cited from Gem-Miner's paper, with another network and fine-tuning",
    "gem_miner": "cited from its own paper, with another network and fine-tuning: see the line "
    "with its own recipe",
}


def _gem_miner(place: Place) -> Cell:
    """Its authors' network, weights and fine-tuning, at the preset's length (Sreenivasan et al.
    2022, their configuration for 1.44%)."""
    cell = place.cell("gem_miner", on_grid(19), "init", "its own recipe")
    recipe = replace(
        cell.recipe,
        epochs=round(cell.recipe.epochs * 150 / 160),
        rewind_epochs=0,
        batch_size=128,
        replicas=1,
        gradient="mean_clipped",
        clip_norm=math.inf,
        lr=0.01,
        weight_decay=1e-4,
        milestones=(80 / 150, 120 / 150),
    )
    model = "resnet20_gem_miner" if cell.model == "resnet20" else cell.model
    weights = Initialisation("signed_constant", norm_scale="one", bias="zero")
    return replace(cell, model=model, recipe=recipe, initialisation=weights)
