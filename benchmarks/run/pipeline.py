"""From a cell to its row: the straight line."""

import math
from copy import copy, deepcopy
from dataclasses import dataclass, replace
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.plan.cell import Cell
from benchmarks.results.columns import Details
from benchmarks.results.provenance import commit
from benchmarks.run.apart import Drawing, errand_of
from benchmarks.run.closed_test_set import (
    RuleBroken,
    closed_test_set,
    fingerprint,
    opened_test_set,
    require_open,
)
from benchmarks.run.code import Code
from benchmarks.run.devices import device_name
from benchmarks.run.method_result import as_found, at_stage, pack, unpack
from benchmarks.run.methods import code_apart, is_trained, methods
from benchmarks.run.outcome import Costs, Outcome
from benchmarks.run.plugins import code_of_model
from benchmarks.run.row import make_row, parameters_hash
from benchmarks.run.side_tables import make_details
from benchmarks.run.stages import Spent, Stage, StageKeeper, Stages
from benchmarks.run.watch import Watch
from lottery.core.ablations import ablate
from lottery.core.choices import Precision
from lottery.core.finite import require_finite, require_finite_values
from lottery.core.mask import Mask
from lottery.core.network import Network
from lottery.core.randomness import derive, generator, seeded_globals
from lottery.core.result import Result
from lottery.core.ticket import Ticket
from lottery.data import DATASETS, hold_out
from lottery.data.batches import Data
from lottery.data.datasets import load_parts
from lottery.data.streaming import data_of, normalisation_of
from lottery.models.zoo import build
from lottery.search.objectives import measure
from lottery.training.runner import Runner
from lottery.training.train import evaluate, train

NOTHING = Spent(0.0, 0)


@dataclass(frozen=True)
class Bench:
    """Where cells run: folders, device, precision, and who may stop them.

    Attributes:
        cached_only: whether stages are taken from the cache alone.
        cell_limit: seconds that a method from outside the suite may take to draw.
    """

    data_root: Path
    cache_root: Path
    device: torch.device
    precision: Precision
    watch: Watch
    cached_only: bool = False
    cell_limit: float = 86400.0


@dataclass(frozen=True)
class Trained:
    """A network at weights that cost something to come to."""

    network: Network
    spent: Spent = NOTHING


@dataclass(frozen=True)
class Drawn:
    """What a method found, what that cost, and the hash of the weights that it was given."""

    result: Result
    spent: Spent
    weights_sha256: str


@dataclass(frozen=True)
class Laid:
    """A ticket over a network.

    Attributes:
        ticket: after the cell's ablation.
        network: at the ticket's weights.
        in_place: whether these are the weights that the method was given.
    """

    ticket: Ticket
    network: Network
    in_place: bool


def run_cell(cell: Cell, bench: Bench) -> tuple[dict[str, Any], Details]:
    """Cell -> task -> dense weights at step k -> scores -> mask -> ablation -> ticket -> row."""
    work = CellWork(cell, bench)
    dense = work.dense_weights()
    drawn = work.draw(dense.network)
    laid = work.lay(drawn.result, dense.network)
    work.save(laid)
    strong = not is_trained(cell)
    trained = Trained(laid.network) if strong else work.train(laid.network, laid.ticket.mask)
    outcome = work.judge(dense, drawn, laid, trained)
    return make_row(cell, outcome), make_details(cell, outcome)


def load_task(
    dataset: str, root: Path, device: torch.device, validation: float = 0.0
) -> tuple[Data, Data]:
    """Training and test images on the device; see Cell for `validation`."""
    require_open("asked for the test set")
    return _loaded(dataset, root, device, validation)


@cache
def _loaded(dataset: str, root: Path, device: torch.device, validation: float) -> tuple[Data, Data]:
    parts = load_parts(dataset, root)
    if validation:
        parts = hold_out(parts[0], validation)
    facts, moments = DATASETS[dataset], normalisation_of(parts[0])
    workers = torch.get_num_threads()  # this process's share of the cores
    train, test = (data_of(part, facts, moments, device, workers) for part in parts)
    return train, test


class CellWork:
    """The long steps of the line, each a stage that is cached by what determines it."""

    def __init__(self, cell: Cell, bench: Bench) -> None:
        self.cell = cell
        self.bench = bench
        self.data, _ = self._load()
        self.stages = Stages(
            bench.cache_root,
            self.data,
            bench.watch,
            device_name(bench.device),
            cached_only=bench.cached_only,
        )
        per_epoch = self.data.steps_per_epoch(cell.recipe.batch_size)
        step_of = {"init": 0, "rewind": cell.recipe.rewind_step(per_epoch)}
        self.draw_step = step_of[cell.drawn_at]
        self.start_step = step_of[cell.pruned_at]
        self.end_step = cell.recipe.steps(per_epoch)

    @property
    def test(self) -> Data:
        return self._load()[1]

    def _load(self) -> tuple[Data, Data]:
        cell, bench = self.cell, self.bench
        return load_task(cell.dataset, bench.data_root, bench.device, cell.validation)

    def _task(self, step: int) -> dict[str, Any]:
        """What determines the dense weights at a step."""
        return {
            **self.cell.task(),
            "start_step": step,
            "device": self.bench.device.type,
            "precision": self.bench.precision,
        }

    def dense_weights(self) -> Trained:
        """The network at step k, or at initialisation."""
        network = self._initial(self.cell.seed)
        if self.draw_step == 0:
            return Trained(network)
        full = Mask.full(network.layout, network.device)
        return self._train("dense", network, full, range(self.draw_step))

    def draw(self, dense: Network) -> Drawn:
        """Run the method, and hold it to its word: exact density, untouched weights and data, no
        look at the test set."""
        cell = self.cell

        def fits(stage: Stage) -> tuple[Result, str]:
            log, weights = stage.facts["log"], str(stage.facts["weights_sha256"])
            if not all(isinstance(line, dict) for line in log):
                raise ValueError("its log is not a list of tables")
            return unpack(stage, dense), weights

        options = {"method": cell.method, "options": dict(cell.options), "density": cell.density}
        options |= {k: v for k, v in cell.identity().items() if k in ("source", "revision")}
        config = {**self._task(self.draw_step), **options}
        with self.stages.place("found", config, fits) as place:
            if place.missing:
                found = self._run_method(dense, place.keeper)
                weights = parameters_hash(dense)
                place.keep(pack(found), {"log": found.log, "weights_sha256": weights})
        stage = place.stage
        return Drawn(unpack(stage, dense), stage.spent, stage.facts["weights_sha256"])

    def _run_method(self, dense: Network, keeper: StageKeeper) -> Result:
        """What the method returns, held to its word."""
        cell, method = self.cell, methods[self.cell.method]
        code = code_apart(method)
        result = (
            self._draw_here(dense, keeper)
            if code is None
            else self._draw_apart(code, dense, keeper)
        )
        found = as_found(result, dense, cell)
        if found.trained and not method.own_weights:
            raise RuleBroken(f"{cell.method} returned trained weights without own_weights=True")
        require_finite(scores=found.scores, gates=found.soft_gates)
        if found.trained:
            require_finite(weights=found.trained.weights, parameters=found.trained.rest)
        for epoch, line in enumerate(found.log, start=1):
            require_finite_values(f"epoch {epoch} of the search", line)
        return found

    def _draw_apart(self, code: Code, dense: Network, keeper: StageKeeper) -> Result | Tensor:
        """A method from outside the suite, in a process of its own."""
        cell, bench = self.cell, self.bench
        errand = errand_of(
            code,
            cell,
            code_of_model(cell.model),
            self.data,
            self.test,
            dense,
            self.draw_step,
            bench.data_root,
        )

        def train(network: Network, mask: Mask) -> Network:
            return self.train(network, mask, self.draw_step).network

        limit = bench.cell_limit
        return Drawing(errand, dense, self.data, keeper, train, bench.watch, limit).result()

    def _draw_here(self, dense: Network, keeper: StageKeeper) -> Any:
        """A method of the suite, in this process, on a copy of the network."""
        cell, method = self.cell, methods[self.cell.method]
        with keeper.uncharged():
            mine = twin(dense)
            before = parameters_hash(dense), fingerprint(self.data)
        lent = {"runner": StagedRunner(self, keeper, dense)} if method.wants_runner else {}
        rng = generator(cell.seed, "method", cell.method)
        with seeded_globals(derive(cell.seed, "global", cell.method)), closed_test_set():
            result = method.draw(mine, self.data, cell.density, rng, **cell.options, **lent)
        with keeper.uncharged():
            after = parameters_hash(mine), fingerprint(self.data)
        for thing, old, new in zip(("weights", "training data"), before, after, strict=True):
            if old != new:
                _loaded.cache_clear()  # the cells after it take the data from its files again
                raise RuleBroken(f"{cell.method} changed the {thing} that it was given")
        return result

    def lay(self, found: Result, dense: Network) -> Laid:
        """The ticket after the cell's ablation, over the weights that it is judged with."""
        seed = self.cell.seed
        own = found.trained or dense
        if self.start_step < self.draw_step:
            own = self._initial(seed)
        drawn = Ticket(found.mask, seed, own.weights, own.rest, found.scores)
        ticket = ablate(self.cell.ablation, drawn, generator(seed, "shuffle"), self._initial)
        if ticket.weights is None or ticket.weights is dense.weights:
            return Laid(ticket, dense, in_place=True)
        return Laid(ticket, dense.at(ticket.weights, ticket.rest), in_place=False)

    def save(self, laid: Laid) -> None:
        """Keep the ticket as a file of its own, without weights where its seed makes them again."""
        cell = self.cell
        provenance = {name: str(value) for name, value in cell.identity().items()}
        # What lottery.tools.rebuild needs is said even where it is the default.
        provenance |= cell.initialisation.facts()
        provenance |= {"precision": self.bench.precision, "commit": commit()}
        provenance |= {"version": version("lottery-benchmarks")}
        ticket = replace(laid.ticket, scores=None, provenance=provenance)
        if laid.in_place and self.start_step == 0:
            ticket = replace(ticket, weights=None, rest=None)
        ticket.save(self.bench.cache_root / "tickets" / f"{cell.key}.safetensors")

    def train(self, start: Network, mask: Mask, step: int | None = None) -> Trained:
        """Train a network under a mask to the recipe's end, from a step, or where tickets start.

        A training is known by its mask and its start, so a level of LTR's chain is also the ticket
        of its density.
        """
        first = self.start_step if step is None else step
        return self._train("trained", start, mask, range(first, self.end_step))

    def judge(self, dense: Trained, drawn: Drawn, laid: Laid, trained: Trained) -> Outcome:
        """Accuracy before and after training, and what else the row says.

        Raises:
            ValueError: weights that were to stay frozen have changed, or an objective's value is
                not finite.
        """
        cell, ticket = self.cell, laid.ticket
        test = partial(evaluate, data=self.test, part_size=cell.recipe.part_size)
        before = after = test(laid.network, gates=ticket.mask.keep.float())
        if is_trained(cell):
            after = test(trained.network)
        start = drawn.weights_sha256 if laid.in_place else parameters_hash(laid.network)
        end = parameters_hash(trained.network)
        if laid.in_place and not is_trained(cell) and start != end:
            raise ValueError(f"{cell.method} is to leave the weights frozen, but they have changed")
        soft = drawn.result.soft_gates
        return Outcome(
            ticket=ticket,
            judged=trained.network,
            before=before,
            after=after,
            soft=None if soft is None else test(dense.network, gates=soft),
            weights_before=start,
            weights_after=end,
            costs=Costs(dense.spent, drawn.spent, trained.spent),
            train_size=len(self.data),
            log=drawn.result.log,
            objectives=self._objectives(laid) if cell.judged == "objectives" else {},
        )

    def _objectives(self, laid: Laid) -> dict[str, float]:
        """Every objective's mean over a random quarter of the training images, in batches of one
        part each; the same quarter for every ticket of a seed, which is untrained."""
        order = generator(self.cell.seed, "objective values")
        stream = self.data.stream(self.cell.recipe.part_size, order)
        batches = (stream[i] for i in range(math.ceil(stream.steps_per_epoch / 4)))
        values = measure(laid.network, laid.ticket.mask.keep.float(), batches)
        require_finite_values("the ticket's objectives", values)
        return values

    def _initial(self, seed: int) -> Network:
        cell, facts = self.cell, self.data.dataset
        return build(
            cell.model,
            facts.shape,
            facts.classes,
            seed,
            initialisation=cell.initialisation,
            device=self.bench.device,
            precision=self.bench.precision,
        )

    def _train(self, kind: str, start: Network, mask: Mask, steps: range) -> Trained:
        """A training, made or from the cache."""
        content = {"mask": mask.sha256, "start": parameters_hash(start)}
        # The dense weights are those at the end of their steps, a ticket's start at their start.
        task = self._task(steps.stop if kind == "dense" else steps.start)
        recipe, seed, fits = self.cell.recipe, self.cell.seed, partial(at_stage, start)
        with self.stages.place(kind, {**task, **content}, fits) as place:
            if place.missing:
                trained = train(start, mask, self.data, recipe, seed, steps, place.keeper)
                require_finite(trained_weights=trained.weights, trained_parameters=trained.rest)
                place.keep({"weights": trained.weights, "rest": trained.rest})
        return Trained(at_stage(start, place.stage), place.stage.spent)


class StagedRunner(Runner):
    """A runner whose trainings are stages, of the suite's own module whatever the method hands in,
    so that they may be shared with other cells; it judges searches where the cell asks for it."""

    def __init__(self, work: CellWork, keeper: StageKeeper, dense: Network) -> None:
        cell = work.cell
        judge = self._judge if cell.trajectory else None
        super().__init__(work.data, cell.recipe, cell.seed, work.draw_step, keeper, judge)
        self._work = work
        self._dense = dense
        self._uncharged = keeper.uncharged

    def _judge(self, network: Network, mask: Tensor, soft_gates: Tensor) -> list[Tensor]:
        with self._uncharged(), opened_test_set():
            judge = partial(evaluate, network, self._work.test, part_size=self.recipe.part_size)
            found = [judge(gates) for gates in (mask, soft_gates)]
            return [torch.tensor(accuracy.top1, device=network.device) for accuracy in found]

    def train(self, network: Network, mask: Mask) -> Network:
        start = self._dense.at(network.weights, network.rest)
        return self._work.train(start, mask, self.start_step).network


def twin(network: Network) -> Network:
    """A copy that a method may take apart without changing the network itself."""
    other = copy(network)
    other.module = deepcopy(network.module)
    other.weights, other.rest = network.weights.clone(), network.rest.clone()
    return other
