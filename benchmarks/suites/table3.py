"""CRBG's Table III: strong tickets in transformers."""

from benchmarks.presets import Preset
from benchmarks.suites.parts import Block, Line, Place


def table3(preset: Preset) -> tuple[Block, ...]:
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
