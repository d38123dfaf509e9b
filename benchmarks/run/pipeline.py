"""From a cell to its row: the straight line."""

from copy import copy, deepcopy
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.plan.cell import Cell
from benchmarks.results.provenance import commit
from benchmarks.results.store import Details
from benchmarks.run.closed_test_set import (
    RuleBroken,
    closed_test_set,
    fingerprint,
    opened_test_set,
    require_open,
)
from benchmarks.run.devices import device_name
from benchmarks.run.methods import is_trained, methods
from benchmarks.run.outcome import as_found, at_stage, pack, unpack
from benchmarks.run.row import Costs, Weights, make_row, parameters_hash
from benchmarks.run.side_tables import make_details
from benchmarks.run.stages import Facts, Spent, Stage, StageKeeper, Stages, Tensors
from benchmarks.run.watch import Watch
from lottery.core.ablations import ablate
from lottery.core.mask import Mask
from lottery.core.network import Network
from lottery.core.randomness import derive, generator
from lottery.core.result import Result
from lottery.core.ticket import Ticket
from lottery.data import DATASETS, hold_out, load
from lottery.data.batches import Data, Normalisation
from lottery.models.zoo import build
from lottery.search.objectives import measure
from lottery.training.runner import Runner
from lottery.training.train import evaluate, train

NOTHING = Spent(0.0, 0)
OBJECTIVE_BATCHES = 8


@dataclass(frozen=True)
class Bench:
    """Where cells run: folders, device, precision, and who may stop them."""

    data_root: Path
    cache_root: Path
    device: torch.device
    precision: str
    watch: Watch


def run_cell(cell: Cell, bench: Bench) -> tuple[dict[str, Any], Details]:
    """Cell -> task -> dense weights at step k -> scores -> mask -> ablation -> ticket -> row."""
    work = CellWork(cell, bench)
    dense, pretraining = work.dense_weights()
    found, search, before_search = work.draw(dense)
    ticket, start = work.ticket(found, dense)
    work.save(ticket, of_seed=start is dense and work.start_step == 0)
    before = after = evaluate(start, work.test, ticket.mask.keep.float())
    judged, training = start, NOTHING
    if is_trained(cell):
        judged, training = work.train(start, ticket)
        after = evaluate(judged, work.test)
    soft = None if found.soft_gates is None else evaluate(dense, work.test, found.soft_gates)
    costs = Costs(pretraining, search, training)
    weights = Weights(
        before_search if start is dense else parameters_hash(start), parameters_hash(judged)
    )
    if judged is dense and weights.before != weights.after:
        raise ValueError(f"{cell.method} is to leave the weights frozen, but they have changed")
    row = make_row(cell, ticket, weights, judged, before, after, soft, costs, len(work.data))
    values = work.objectives(start, ticket) if cell.judged == "objectives" else {}
    return row, make_details(cell, ticket.mask, found.log, values)


def load_task(
    dataset: str, root: Path, device: torch.device, validation: float = 0.0
) -> tuple[Data, Data]:
    """Training and test images on the device; see Cell for `validation`."""
    require_open("asked for the test set")
    return _loaded(dataset, root, device, validation)


@cache
def _loaded(dataset: str, root: Path, device: torch.device, validation: float) -> tuple[Data, Data]:
    train_images, test_images = load(dataset, root)
    if validation:
        train_images, test_images = hold_out(train_images, validation)
    moments = Normalisation.of(train_images)
    facts = DATASETS[dataset]
    return Data(train_images, facts, moments, device), Data(test_images, facts, moments, device)


class CellWork:
    """The long steps of the line, each a stage that is cached by what determines it."""

    def __init__(self, cell: Cell, bench: Bench) -> None:
        self.cell = cell
        self.bench = bench
        self.data, _ = self._load()
        self.stages = Stages(bench.cache_root, self.data, bench.watch, device_name(bench.device))
        per_epoch = self.data.steps_per_epoch(cell.recipe.batch_size)
        self.end_step = cell.recipe.steps(per_epoch)
        self.start_step = cell.recipe.rewind_step(per_epoch) if cell.pruned_at == "rewind" else 0

    @property
    def test(self) -> Data:
        return self._load()[1]

    def _load(self) -> tuple[Data, Data]:
        cell, bench = self.cell, self.bench
        return load_task(cell.dataset, bench.data_root, bench.device, cell.validation)

    def _task(self) -> dict[str, Any]:
        """What determines the dense weights at the step where the method draws."""
        not_task = "method options density ablation pruned_at source revision judged".split()
        cell = self.cell.identity()
        return {
            **{name: value for name, value in cell.items() if name not in not_task},
            "start_step": self.start_step,
            "device": self.bench.device.type,
            "precision": self.bench.precision,
        }

    def dense_weights(self) -> tuple[Network, Spent]:
        """The network at step k, or at initialisation."""
        network = self._initial(self.cell.seed)
        if self.start_step == 0:
            return network, NOTHING
        full = Mask.full(network.layout, network.device)
        stage = self._train_stage("dense", network, full, range(self.start_step))
        return at_stage(network, stage), stage.spent

    def draw(self, dense: Network) -> tuple[Result, Spent, str]:
        """Run the method, and hold it to its word: exact density, untouched weights and data, no
        look at the test set.

        Returns:
            What it found, what that cost, and the hash of the weights before.
        """
        cell, method = self.cell, methods[self.cell.method]

        def find(keeper: StageKeeper) -> tuple[Tensors, Facts]:
            with keeper.uncharged():
                mine = twin(dense)
                before = parameters_hash(dense), fingerprint(self.data)
            runner = StagedRunner(self, keeper, dense)
            lent = {"runner": runner} if method.wants_runner else {}
            source = generator(cell.seed, "method", cell.method)
            with torch.random.fork_rng(), closed_test_set():
                torch.manual_seed(derive(cell.seed, "global", cell.method))
                result = method.draw(mine, self.data, cell.density, source, **cell.options, **lent)
            with keeper.uncharged():
                after = parameters_hash(mine), fingerprint(self.data)
            for thing, old, new in zip(("weights", "training data"), before, after, strict=True):
                if old != new:
                    raise RuleBroken(f"{cell.method} changed the {thing} that it was given")
            found = as_found(result, dense, cell)
            if found.trained and not method.own_weights:
                raise RuleBroken(f"{cell.method} returned trained weights without own_weights=True")
            return pack(found), {"log": found.log, "weights_sha256": before[0]}

        options = {"method": cell.method, "options": dict(cell.options), "density": cell.density}
        options |= {k: v for k, v in cell.identity().items() if k in ("source", "revision")}
        stage = self.stages.get("found", {**self._task(), **options}, find)
        return unpack(stage, dense), stage.spent, stage.facts["weights_sha256"]

    def ticket(self, found: Result, dense: Network) -> tuple[Ticket, Network]:
        """The ticket after the cell's ablation, and the network that it lies over."""
        seed = self.cell.seed
        own = found.trained or dense
        drawn = Ticket(found.mask, seed, own.weights, own.rest, found.scores)
        ticket = ablate(
            self.cell.ablation,
            drawn,
            generator(seed, "shuffle"),
            self._initial,
        )
        if ticket.weights is None or ticket.weights is dense.weights:
            return ticket, dense
        return ticket, dense.at(ticket.weights, ticket.rest)

    def save(self, ticket: Ticket, *, of_seed: bool) -> None:
        """Keep the ticket as a file of its own, without weights where its seed makes them again."""
        cell = self.cell
        provenance = {name: str(value) for name, value in cell.identity().items()}
        # What lottery.tools.rebuild needs is said even where it is the default.
        provenance |= {name: str(getattr(cell, name)) for name in ("weights", "norm_scale", "kept")}
        provenance |= {"precision": self.bench.precision, "commit": commit()}
        provenance |= {"version": version("lottery-benchmarks")}
        ticket = replace(ticket, scores=None, provenance=provenance)
        if of_seed:
            ticket = replace(ticket, weights=None, rest=None)
        ticket.save(self.bench.cache_root / "tickets" / f"{cell.key}.safetensors")

    def train(self, start: Network, ticket: Ticket) -> tuple[Network, Spent]:
        """Train the ticket from where it was drawn to the recipe's end.

        A training is known by its mask and its start, so a level of LTR's chain is also the ticket
        of its density.
        """
        steps = range(self.start_step, self.end_step)
        stage = self._train_stage("trained", start, ticket.mask, steps)
        return at_stage(start, stage), stage.spent

    def objectives(self, start: Network, ticket: Ticket) -> dict[str, float]:
        """Every objective's mean over fixed batches of training images, the ticket untrained."""
        order = generator(self.cell.seed, "objective values")
        batches = islice(self.data.epoch(self.cell.recipe.batch_size, order), OBJECTIVE_BATCHES)
        return measure(start, ticket.mask.keep.float(), batches)

    def _initial(self, seed: int) -> Network:
        cell, facts = self.cell, self.data.dataset
        return build(
            cell.model,
            facts.shape,
            facts.classes,
            seed,
            weights=cell.weights,
            norm_scale=cell.norm_scale,
            kept=cell.kept,
            device=self.bench.device,
            precision=self.bench.precision,
        )

    def _train_stage(self, kind: str, start: Network, mask: Mask, steps: range) -> Stage:
        def make(keeper: StageKeeper) -> tuple[Tensors, Facts]:
            recipe, seed = self.cell.recipe, self.cell.seed
            trained = train(start, mask, self.data, recipe, seed, steps, keeper)
            return {"weights": trained.weights, "rest": trained.rest}, {}

        content = {"mask": mask.sha256, "start": parameters_hash(start)}
        return self.stages.get(kind, {**self._task(), **content}, make)


class StagedRunner(Runner):
    """A runner whose trainings are stages, of the suite's own module whatever the method hands in,
    so that they may be shared with other cells; it judges searches where the cell asks for it."""

    def __init__(self, work: CellWork, keeper: StageKeeper, dense: Network) -> None:
        cell = work.cell
        judge = self._judge if cell.trajectory else None
        super().__init__(work.data, cell.recipe, cell.seed, work.start_step, keeper, judge)
        self._work = work
        self._dense = dense
        self._uncharged = keeper.uncharged

    def _judge(self, network: Network, mask: Tensor, soft_gates: Tensor) -> list[Tensor]:
        with self._uncharged(), opened_test_set():
            found = [evaluate(network, self._work.test, gates) for gates in (mask, soft_gates)]
            return [torch.tensor(accuracy.top1, device=network.device) for accuracy in found]

    def train(self, network: Network, mask: Mask) -> Network:
        start = self._dense.at(network.weights, network.rest)
        return self._work.train(start, Ticket(mask, self.seed))[0]


def twin(network: Network) -> Network:
    """A copy that a method may take apart without changing the network itself."""
    other = copy(network)
    other.module = deepcopy(network.module)
    other.weights, other.rest = network.weights.clone(), network.rest.clone()
    return other
