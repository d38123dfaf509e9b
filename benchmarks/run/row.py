"""A finished cell as a result row."""

import datetime
import hashlib
from importlib.metadata import version
from typing import Any

import torch

from benchmarks.plan.cell import PROTOCOL, Cell
from benchmarks.results.columns import COLUMNS
from benchmarks.results.provenance import commit
from benchmarks.run.devices import device_name
from benchmarks.run.methods import option
from benchmarks.run.outcome import Outcome
from lottery.core.mask import Mask
from lottery.core.network import Network


class Facts:
    """What a row is made of: COLUMNS says which of it goes where."""

    protocol = PROTOCOL
    torch = torch.__version__

    def __init__(self, cell: Cell, outcome: Outcome) -> None:
        costs, epoch = outcome.costs, outcome.train_size
        self.cell = cell
        self.outcome = outcome
        self.mask = outcome.ticket.mask
        self.objective = option(cell, "objective")
        self.gradient_step = option(cell, "gradient_step")
        self.search = option(cell, "search")
        self.options = " ".join(f"{name}={each}" for name, each in sorted(cell.options.items()))
        self.initialisation = str(cell.initialisation)
        self.validation = cell.validation or None
        self.soft_accuracy = None if outcome.soft is None else outcome.soft.top1
        self.layers_emptied = self.mask.layers_emptied()
        self.architecture = architecture(self.mask)
        self.search_seconds = costs.search.seconds
        self.search_epochs = costs.search.images / epoch
        self.train_seconds = costs.pretraining.seconds + costs.training.seconds
        self.train_epochs = (costs.pretraining.images + costs.training.images) / epoch
        self.device = costs.devices(device_name(outcome.judged.device))
        self.version = version("lottery-benchmarks")
        self.commit = commit()
        self.finished_at = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def make_row(cell: Cell, outcome: Outcome) -> dict[str, Any]:
    """The result and its provenance, by column."""
    facts = Facts(cell, outcome)
    return {name: column.of(facts) for name, column in COLUMNS.items() if column.path}


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
