"""Rows that are made up, with a value of its kind in every column."""

from benchmarks.plan.cell import PROTOCOL, Cell

HASH = "0123456789abcdef" * 4


def key(name: object) -> str:
    """A cell's key for a short name."""
    return str(name).encode().hex().rjust(16, "0")


def row(name: str, **values: object) -> dict[str, str]:
    """A row by a short name of its cell."""
    return {
        **{"suite": "s", "paper": "cts", "table": "II", "method": "snip", "objective": ""},
        **{"gradient_step": "", "search": "", "pruned_at": "init", "ablation": "none"},
        **{"model": "resnet20", "dataset": "digits", "preset": "demo"},
        **{"density_requested": "0.1", "density": "0.1", "seed": "0", "accuracy": "93.5"},
        **{"accuracy_top3": "95.0", "accuracy_top5": "99.0", "accuracy_before_training": "10.0"},
        **{"search_seconds": "1.5", "train_seconds": "2.5", "search_epochs": "1"},
        **{"train_epochs": "12", "params_prunable": "436", "params_kept": "44"},
        **{"mask_sha256": HASH, "cell_key": key(name), "device": "cpu", "torch": "2.15"},
        **{"version": "0.1.0", "protocol": str(PROTOCOL), "commit": "0123456789ab"},
        **{"finished_at": "2026-11-28T10:00:00+00:00", "options": "", "initialisation": "k"},
        **{"layers_emptied": "0", "accuracy_soft_gates": "", "weights_sha256": HASH},
        **{
            "precision": "float32",
            "weights_sha256_after": HASH,
            "validation": "",
            "source": "",
            "variant": "",
            "architecture": "",
        },
        **{"variant": "", "architecture": ""},
        **{name: str(value) for name, value in values.items()},
    }


def row_of(cell: Cell, accuracy: float, **values: object) -> dict[str, str]:
    """A row that says of its cell what the cell is."""
    assert cell.density is not None
    prunable = 291_376
    kept = round(cell.density * prunable)
    return {
        **row(""),
        **{"suite": cell.suite, "table": cell.table, "preset": cell.preset, "paper": cell.paper},
        **{"method": cell.method, "model": cell.model, "dataset": cell.dataset},
        **{"ablation": cell.ablation, "pruned_at": cell.pruned_at, "source": cell.source},
        **{"seed": str(cell.seed), "cell_key": cell.key, "accuracy": f"{accuracy:.4f}"},
        **{"density_requested": f"{cell.density:.9g}", "density": f"{kept / prunable:.9g}"},
        **{"params_prunable": str(prunable), "params_kept": str(kept)},
        **{name: str(value) for name, value in values.items()},
    }
