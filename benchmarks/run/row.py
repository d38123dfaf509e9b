"""A finished cell as a result row."""

import datetime
import hashlib
from importlib.metadata import version
from typing import Any

import torch

from benchmarks.plan.cell import PROTOCOL, Cell
from benchmarks.results.provenance import commit
from benchmarks.run.devices import device_name
from benchmarks.run.methods import option
from benchmarks.run.outcome import Outcome
from lottery.core.mask import Mask
from lottery.core.network import Network


def make_row(cell: Cell, outcome: Outcome) -> dict[str, Any]:
    """The result and its provenance, by column."""
    costs, mask, train_size = outcome.costs, outcome.ticket.mask, outcome.train_size
    search = costs.search
    train_seconds = costs.pretraining.seconds + costs.training.seconds
    train_images = costs.pretraining.images + costs.training.images
    return {
        "suite": cell.suite,
        "paper": cell.paper,
        "table": cell.table,
        "method": cell.method,
        "objective": option(cell, "objective"),
        "gradient_step": option(cell, "gradient_step"),
        "search": option(cell, "search"),
        "pruned_at": cell.pruned_at,
        "ablation": cell.ablation,
        "model": cell.model,
        "dataset": cell.dataset,
        "preset": cell.preset,
        "density_requested": "" if cell.density is None else f"{cell.density:.9g}",
        "density": f"{mask.density:.9g}",
        "seed": cell.seed,
        "accuracy": f"{outcome.after.top1:.4f}",
        "accuracy_top3": f"{outcome.after.top3:.4f}",
        "accuracy_top5": f"{outcome.after.top5:.4f}",
        "accuracy_before_training": f"{outcome.before.top1:.4f}",
        "search_seconds": f"{search.seconds:.3f}",
        "train_seconds": f"{train_seconds:.3f}",
        "search_epochs": f"{search.images / train_size:.4f}",
        "train_epochs": f"{train_images / train_size:.4f}",
        "params_prunable": mask.layout.total,
        "params_kept": mask.kept,
        "mask_sha256": mask.sha256,
        "cell_key": cell.key,
        "device": costs.devices(device_name(outcome.judged.device)),
        "torch": torch.__version__,
        "version": version("lottery-benchmarks"),
        "protocol": PROTOCOL,
        "commit": commit(),
        "finished_at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "options": " ".join(f"{name}={value}" for name, value in sorted(cell.options.items())),
        "initialisation": str(cell.initialisation),
        "layers_emptied": mask.layers_emptied(),
        "accuracy_soft_gates": "" if outcome.soft is None else f"{outcome.soft.top1:.4f}",
        "weights_sha256": outcome.weights_before,
        "precision": outcome.judged.precision,
        "weights_sha256_after": outcome.weights_after,
        "validation": f"{cell.validation:g}" if cell.validation else "",
        "source": cell.source,
        "variant": cell.variant,
        "architecture": architecture(mask),
    }


def architecture(mask: Mask) -> str:
    """The inputs that are left of every layer, "278-98-13", where all layers are fully connected;
    else empty."""
    if any(len(entry.shape) != 2 for entry in mask.layout.entries):
        return ""
    return "-".join(str(count) for count in mask.inputs_kept().values())


def parameters_hash(network: Network) -> str:
    """Hash of all parameters of a network."""
    digest = hashlib.sha256()
    for flat in (network.weights, network.rest):
        digest.update(flat.detach().cpu().numpy().tobytes())
    return digest.hexdigest()
