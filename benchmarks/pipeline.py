"""From a cell to its row: the straight line."""

import datetime
import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import baselines  # noqa: F401  (registers the methods)
import lottery.crbg
import lottery.cts  # noqa: F401
from benchmarks.cells import PROTOCOL, Cell, without_defaults
from benchmarks.provenance import commit
from benchmarks.stages import Facts, Spent, Stage, StageKeeper, Stages, Tensors
from benchmarks.watch import Watch
from lottery.ablations import ablate
from lottery.batches import Data, Normalisation
from lottery.data import DATASETS, load
from lottery.mask import Mask
from lottery.models import build
from lottery.network import Network
from lottery.randomness import derive, generator
from lottery.registry import Method, methods
from lottery.runner import Runner
from lottery.search import Found
from lottery.ticket import Ticket
from lottery.training import Accuracy, evaluate, train


@dataclass(frozen=True)
class Bench:
    """Where cells run: folders, device, precision, and who may stop them."""

    data_root: Path
    cache_root: Path
    device: torch.device
    precision: str
    watch: Watch


@cache
def load_task(dataset: str, root: Path, device: torch.device) -> tuple[Data, Data]:
    """Training and test images on the device."""
    train_images, test_images = load(dataset, root)
    moments = Normalisation.of(train_images)
    facts = DATASETS[dataset]
    return Data(train_images, facts, moments, device), Data(test_images, facts, moments, device)


def run_cell(cell: Cell, bench: Bench) -> dict[str, Any]:
    """Cell -> task -> dense weights at step k -> scores -> mask -> ablation -> ticket -> row."""
    work = CellWork(cell, bench)
    network, pretraining = work.dense_weights()
    found, searching = work.draw(network)
    ticket = work.ticket(found, network)
    before = work.judge(network, ticket)
    if work.method.strong:
        return work.row(found, ticket, before, before, pretraining, searching, Spent(0.0, 0))
    trained, training = work.train(network, ticket)
    after = evaluate(trained, work.test)
    return work.row(found, ticket, before, after, pretraining, searching, training)


class CellWork:
    """The steps of the straight line for one cell, each cached by what determines it."""

    def __init__(self, cell: Cell, bench: Bench) -> None:
        self.cell = cell
        self.method: Method = methods[cell.method]
        self.method.changed(cell.options)  # an option that does not exist is refused here
        self.data, self.test = load_task(cell.dataset, bench.data_root, bench.device)
        self.bench = bench
        self.stages = Stages(bench.cache_root, self.data, bench.watch)
        per_epoch = self.data.steps_per_epoch(cell.recipe.batch_size)
        self.end = cell.recipe.steps(per_epoch)
        self.start = cell.recipe.rewind_step(per_epoch) if cell.pruned_at == "rewind" else 0

    def build(self, seed: int) -> Network:
        """The network at the initial weights of a seed."""
        cell = self.cell
        return build(
            cell.model,
            self.data.dataset.shape,
            self.data.dataset.classes,
            seed,
            weights=cell.weights,
            norm_scale=cell.norm_scale,
            kept=cell.kept,
            device=self.bench.device,
            precision=self.bench.precision,
        )

    def _task(self) -> dict[str, Any]:
        """What determines the dense weights at step k."""
        cell = self.cell
        names = ("method", "options", "density", "ablation", "recipe")
        labels = ("suite", "paper", "table", "preset")
        return {
            **without_defaults(cell, leave_out=(*names, *labels, "pruned_at")),
            "recipe": without_defaults(cell.recipe),
            "start": self.start,
            "protocol": PROTOCOL,
            "device": self.bench.device.type,
            "precision": self.bench.precision,
        }

    def dense_weights(self) -> tuple[Network, Spent]:
        """The network at step k, or at initialisation."""
        network = self.build(self.cell.seed)
        if self.start == 0:
            return network, Spent(0.0, 0)

        def pretrain(keeper: StageKeeper) -> tuple[Tensors, Facts]:
            full = Mask.full(network.layout, network.device)
            steps = range(self.start)
            dense = train(network, full, self.data, self.cell.recipe, self.cell.seed, steps, keeper)
            return {"weights": dense.weights, "rest": dense.rest}, {}

        stage = self.stages.get("dense", self._task(), pretrain)
        return self._restored(network, stage), stage.spent

    def draw(self, network: Network) -> tuple[Found, Spent]:
        """Run the method, and hold it to its word: exact density, and untouched weights."""
        cell, method = self.cell, self.method

        def find(keeper: StageKeeper) -> tuple[Tensors, Facts]:
            before = parameters_hash(network)
            runner = StagedRunner(self, network, keeper)
            extra = {"runner": runner} if method.wants_runner else {}
            source = generator(cell.seed, "method", cell.method)
            with torch.random.fork_rng():
                torch.manual_seed(derive(cell.seed, "global", cell.method))
                result = method.draw(
                    network, self.data, cell.density, source, **cell.options, **extra
                )
            found = as_found(result, network, cell)
            if parameters_hash(network) != before:
                raise ValueError(f"{cell.method} changed the weights that it was given")
            tensors = {"mask": found.mask.packed()}
            if found.scores is not None:
                tensors["scores"] = found.scores
            if found.soft_gates is not None:
                tensors["soft_gates"] = found.soft_gates
            return tensors, {"log": found.log}

        options = dict(cell.options)
        config = {
            **self._task(),
            "method": cell.method,
            "options": options,
            "density": cell.density,
        }
        stage = self.stages.get("found", config, find)
        at = {name: t.to(network.device) for name, t in stage.tensors.items()}
        mask = Mask.unpacked(network.layout, stage.tensors["mask"])
        mask = Mask(network.layout, mask.keep.to(network.device))
        found = Found(mask, at.get("scores"), at.get("soft_gates"), stage.facts["log"])
        return found, stage.spent

    def ticket(self, found: Found, network: Network) -> Ticket:
        """The mask over its weights, after the cell's ablation."""
        seed = self.cell.seed
        ticket = Ticket(found.mask, seed, network.weights, network.rest, found.scores)
        return ablate(
            self.cell.ablation,
            ticket,
            generator(seed, "shuffle"),
            lambda: self.build(derive(seed, "reinitialise")),
        )

    def judge(self, network: Network, ticket: Ticket) -> Accuracy:
        """Accuracy of the ticket as it is, untrained."""
        return evaluate(self._under(network, ticket), self.test, ticket.mask.keep.float())

    def train(self, network: Network, ticket: Ticket) -> tuple[Network, Spent]:
        """Train the ticket from where it was drawn to the recipe's end."""
        start = self._under(network, ticket)
        stage = self.train_stage(start, ticket.mask, fresh=start.weights is not network.weights)
        return self._restored(network, stage), stage.spent

    def train_stage(self, network: Network, mask: Mask, *, fresh: bool = False) -> Stage:
        """Training of a masked network, shared by whoever trains the same mask from the same
        weights: a level of LTR is the ticket of its density."""

        def make(keeper: StageKeeper) -> tuple[Tensors, Facts]:
            steps = range(self.start, self.end)
            trained = train(
                network, mask, self.data, self.cell.recipe, self.cell.seed, steps, keeper
            )
            return {"weights": trained.weights, "rest": trained.rest}, {}

        config = {**self._task(), "mask": mask.sha256, "reinitialised": fresh}
        return self.stages.get("trained", config, make)

    def _under(self, network: Network, ticket: Ticket) -> Network:
        if ticket.weights is None or ticket.weights is network.weights:
            return network
        return network.at(ticket.weights, ticket.rest)

    def _restored(self, network: Network, stage: Stage) -> Network:
        at = {name: t.to(network.device) for name, t in stage.tensors.items()}
        return network.at(at["weights"], at["rest"])

    def row(
        self,
        found: Found,
        ticket: Ticket,
        before: Accuracy,
        after: Accuracy,
        pretraining: Spent,
        searching: Spent,
        training: Spent,
    ) -> dict[str, Any]:
        """The result, with its provenance."""
        cell, mask, size = self.cell, ticket.mask, len(self.data)
        options = {**self.method.options, **cell.options}
        soft = None
        if found.soft_gates is not None:
            soft = evaluate(self.build(cell.seed), self.test, found.soft_gates).top1
        return {
            "suite": cell.suite,
            "paper": cell.paper,
            "table": cell.table,
            "method": cell.method,
            "objective": options.get("objective", ""),
            "gradient_step": options.get("gradient_step", ""),
            "search": options.get("search", ""),
            "pruned_at": cell.pruned_at,
            "ablation": cell.ablation,
            "model": cell.model,
            "dataset": cell.dataset,
            "preset": cell.preset,
            "density_requested": "" if cell.density is None else f"{cell.density:.9g}",
            "density": f"{mask.density:.9g}",
            "seed": cell.seed,
            "accuracy": f"{after.top1:.4f}",
            "accuracy_top3": f"{after.top3:.4f}",
            "accuracy_top5": f"{after.top5:.4f}",
            "accuracy_before_training": f"{before.top1:.4f}",
            "search_seconds": f"{searching.seconds:.3f}",
            "train_seconds": f"{pretraining.seconds + training.seconds:.3f}",
            "search_epochs": f"{searching.images / size:.4f}",
            "train_epochs": f"{(pretraining.images + training.images) / size:.4f}",
            "params_prunable": mask.layout.total,
            "params_kept": mask.kept,
            "mask_sha256": mask.sha256,
            "cell_key": cell.key,
            "device": device_name(self.bench.device),
            "torch": torch.__version__,
            "version": version("lottery-benchmarks"),
            "protocol": PROTOCOL,
            "commit": commit(),
            "finished_at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "options": " ".join(f"{name}={value}" for name, value in sorted(cell.options.items())),
            "initialisation": f"{cell.weights} norm_scale={cell.norm_scale} kept={cell.kept:g}",
            "layers_emptied": mask.layers_emptied(),
            "accuracy_soft_gates": "" if soft is None else f"{soft:.4f}",
            "weights_sha256": parameters_hash(self._under(self.build(cell.seed), ticket)),
            "precision": self.bench.precision,
        }


class StagedRunner(Runner):
    """A runner whose trainings are stages."""

    def __init__(self, work: CellWork, network: Network, keeper: StageKeeper) -> None:
        super().__init__(work.data, work.cell.recipe, work.cell.seed, work.start, keeper)
        self._work = work

    def train(self, network: Network, mask: Mask) -> Network:
        stage = self._work.train_stage(network, mask)
        return self._work._restored(network, stage)


def as_found(result: Any, network: Network, cell: Cell) -> Found:
    """What a method returned, as a mask of exactly the density asked for.

    Raises:
        TypeError: neither scores, nor a Mask, nor Found.
        ValueError: scores of the wrong shape or NaN, or a mask of another density.
    """
    if isinstance(result, Tensor):
        if cell.density is None:
            raise TypeError(f"{cell.method} returned scores where it should return a mask")
        result = Found(Mask.top(network.layout, result, cell.density), scores=result)
    if isinstance(result, Mask):
        result = Found(result)
    if not isinstance(result, Found):
        raise TypeError(
            f"{cell.method} returned {type(result).__name__}, not scores, a Mask or Found"
        )
    return result


def parameters_hash(network: Network) -> str:
    """Hash of all parameters of a network."""
    digest = hashlib.sha256()
    for flat in (network.weights, network.rest):
        digest.update(flat.detach().cpu().numpy().tobytes())
    return digest.hexdigest()


def device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return f"cuda {torch.cuda.get_device_name(device)}"
    return f"cpu {torch.get_num_threads()} threads"
