"""CRBG's Table III: strong tickets in transformers."""

from benchmarks.plan.block import Block, Line
from benchmarks.plan.place import Place
from benchmarks.plan.presets import Preset
from benchmarks.plan.suite import suite


@suite
def table3(preset: Preset) -> tuple[Block, ...]:
    """CRBG Table III: strong tickets in transformers."""
    vit = Place("table3", "crbg", "III", preset, "vit_base", "cifar10")
    swin = Place("table3", "crbg", "III", preset, "swin_t", "cifar10")
    lines = (
        Line("Dense", swin.cell("dense", 1.0, "init"), swin.printed("dense", "0")),
        Line(
            "Sparse then prune",
            vit.cell("sparse_then_prune", 0.7, "init", penalty="attention"),
            vit.printed("sparse_then_prune", "30"),
        ),
        Line("CRBG (frozen)", vit.frozen_cell("crbg", None), vit.printed("crbg", "90")),
        Line("CRBG (frozen)", swin.frozen_cell("crbg", None), swin.printed("crbg", "50")),
    )
    return (Block("crbg", "Table III", "tickets in transformers", lines),)
