"""One regression test per bug that public code of this field has had."""

import hashlib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from baselines.edge_popup import edge_popup
from baselines.gem_miner import gem_miner
from baselines.iterative_magnitude import iterative_magnitude
from baselines.magnitude import magnitude
from baselines.snip import snip
from baselines.synflow import synflow
from benchmarks.plan.cell import Cell
from benchmarks.run import pipeline
from benchmarks.run.methods import methods
from benchmarks.run.pipeline import Bench, run_cell
from benchmarks.run.watch import Watch
from lottery.core.ablations import ablate
from lottery.core.choices import Precision
from lottery.core.mask import Mask
from lottery.core.network import Network
from lottery.core.randomness import generator
from lottery.core.ticket import Ticket
from lottery.data.batches import Data
from lottery.models.zoo import build
from lottery.search.registry import Method
from lottery.training.recipe import Recipe
from lottery.training.runner import Runner
from lottery.training.train import Accuracy, evaluate, train
from tests.baselines.tools import Recorder, chosen, runner, scores_of, seeded

Training = tuple[Network, Mask, range, Network]


def recipe(epochs: int, rewind_epochs: float, batch_size: int, **more: Any) -> Recipe:
    """One part a batch, and gradients of a mean."""
    return Recipe(epochs, rewind_epochs, batch_size, 1, "mean_clipped", **more)


RECIPE = recipe(4, 1, 256)  # 6 steps an epoch on all of digits


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    cpu = torch.device("cpu")
    return Bench(Path("unused"), tmp_path, cpu, "float32", Watch(show=False))


def cell(method: str, density: float | None, **changes: Any) -> Cell:
    facts: dict[str, Any] = {"pruned_at": "init", "recipe": RECIPE, **changes}
    return Cell("s", "p", "t", "tiny", method, "lenet-300-100", "digits", density, **facts)


@pytest.fixture
def trainings(monkeypatch: pytest.MonkeyPatch) -> list[Training]:
    """What the pipeline trained: the start, the mask, the steps, and the outcome."""
    seen: list[Training] = []

    def spy(network: Network, mask: Mask, data: Data, recipe: Recipe, seed: int, steps: range,
            keeper: Any = None) -> Network:  # fmt: skip
        trained = train(network, mask, data, recipe, seed, steps, keeper)
        seen.append((network, mask, steps, trained))
        return trained

    monkeypatch.setattr(pipeline, "train", spy)
    return seen


@pytest.fixture
def scored() -> Iterator[list[Tensor]]:
    """The weights that the method "spy" was given to score."""
    seen: list[Tensor] = []

    def draw(network: Network, data: Data, density: float, generator: torch.Generator) -> Tensor:
        seen.append(torch.cat([network.weights, network.rest]))
        return network.weights.abs()

    with methods.temporarily({"spy": Method("spy", draw)}):
        yield seen


def percent_right(network: Network, data: Data) -> float:
    """Test accuracy, counted in the plainest way."""
    x, y = data.take(torch.arange(len(data)))
    with torch.no_grad():
        right = network.run(x, network.weights, network.rest).argmax(1) == y
    return 100 * int(right.sum()) / len(y)


# A layer shuffle that changes nothing.


def test_a_layer_shuffle_moves_the_mask_of_every_layer(tiny: Network) -> None:
    mask = Mask.top(tiny.layout, tiny.weights.abs(), 0.3)
    ticket = Ticket(mask, seed=0, weights=tiny.weights, rest=tiny.rest)
    shuffled = ablate("shuffle_layerwise", ticket, generator(0, "shuffle"), lambda seed: tiny)
    assert shuffled.mask.kept_per_layer() == mask.kept_per_layer()
    for entry in tiny.layout.entries:
        before, after = mask.keep[entry.span], shuffled.mask.keep[entry.span]
        assert (before != after).float().mean() > 0.2
    assert torch.equal(mask.keep, chosen(tiny.weights.abs(), mask.kept))


def test_the_shuffled_mask_is_the_one_that_is_trained(
    bench: Bench, trainings: list[Training]
) -> None:
    rows = [
        run_cell(cell("snip", 0.1, ablation=a), bench)[0] for a in ("none", "shuffle_layerwise")
    ]
    (_, drawn, _, _), (_, shuffled, _, trained) = trainings
    assert rows[0]["mask_sha256"] == drawn.sha256
    assert rows[1]["mask_sha256"] == shuffled.sha256 != drawn.sha256
    assert shuffled.kept_per_layer() == drawn.kept_per_layer()
    assert (trained.weights[~shuffled.keep] == 0).all()
    assert (trained.weights[drawn.keep & ~shuffled.keep] == 0).all()


# "density" and "prune rate" swapped.


@pytest.mark.parametrize("name", ["snip", "magnitude", "random", "edge_popup", "synflow"])
def test_density_is_what_is_kept(bench: Bench, name: str) -> None:
    options: dict[str, Any] = {"edge_popup": {"epochs": 1}, "synflow": {"rounds": 3}}.get(name, {})
    row, _ = run_cell(cell(name, 0.1, options=options, recipe=recipe(2, 0, 1437)), bench)
    total = 64 * 300 + 300 * 100 + 100 * 10
    assert row["params_prunable"] == total
    assert row["params_kept"] == round(0.1 * total)
    assert float(row["density"]) == pytest.approx(0.1, abs=1e-4)
    assert row["density_requested"] == "0.1"


def test_edge_popups_prune_rate_is_a_density(digits: Data, tiny: Network) -> None:
    """And the few that are kept are those of the highest scores."""
    found = edge_popup(tiny, digits, 0.1, generator(0), runner=runner(digits), epochs=1)
    assert found.mask.kept_per_layer() == {"0.weight": 4, "5.weight": 40}
    scores, keep = scores_of(found.scores), found.mask.keep
    assert scores[:36][keep[:36]].min() > scores[:36][~keep[:36]].max()
    assert scores[36:][keep[36:]].min() > scores[36:][~keep[36:]].max()


# A threshold test without abs() that freezes every negative weight.


def test_negative_weights_are_trained_and_kept_as_well(digits: Data, tiny: Network) -> None:
    assert 100 < int((tiny.weights < 0).sum()) < 336
    mask = magnitude(tiny, digits, 0.5, generator(0)).mask
    assert torch.equal(mask.keep, chosen(tiny.weights.abs(), 218))
    trained = train(tiny, mask, digits, recipe(3, 0, 128), 0, range(6))
    for sign in (-1, 1):
        kept = mask.keep & (tiny.weights.sign() == sign)
        assert int(kept.sum()) > 60
        assert (trained.weights[kept] != tiny.weights[kept]).all()
        assert (trained.weights[mask.keep & ~kept] != 0).all()


def test_levels_keep_large_weights_of_either_sign(digits: Data) -> None:
    """Weights that are all negative, at a learning rate of zero: the largest |theta| stay."""
    network = Network(seeded(nn.Flatten(), nn.Linear(64, 10)).float())
    network = network.at(-network.weights.abs() - 0.01)
    lent = Runner(digits, recipe(1, 0, 128, lr=0.0), 0)
    found = iterative_magnitude(network, digits, 0.3, generator(0), runner=lent)
    assert torch.equal(found.mask.keep, chosen(-network.weights, round(0.3 * 640)))
    for weights in (network.weights, -network.weights, network.weights * (-1) ** torch.arange(640)):
        found = magnitude(network.at(weights), digits, 0.3, generator(0))
        assert torch.equal(found.mask.keep, chosen(weights.abs(), round(0.3 * 640)))


# Ties at a clamped zero that over-prune.


@pytest.mark.parametrize("density", [0.1, 0.4, 0.7, 0.99])
def test_ties_at_zero_are_broken_and_not_all_pruned(tiny: Network, density: float) -> None:
    scores = (torch.arange(436) % 97 - 60.0).clamp_min(0)  # six in ten are zero
    positive = int((scores > 0).sum())
    assert 100 < positive < 200
    mask = Mask.top(tiny.layout, scores, density)
    assert mask.kept == round(density * 436)
    assert mask.keep[scores > 0].sum() == min(positive, mask.kept)


def test_scores_clamped_to_the_unit_interval_do_not_over_prune(digits: Data, tiny: Network) -> None:
    """Gem-Miner under a penalty that drives all scores to zero."""
    recorder = Recorder()
    found = gem_miner(
        tiny, digits, 0.6, generator(0), runner=runner(digits, recorder), lr=0.1, lam=5.0,
        epochs=4, freeze_every=1,
    )  # fmt: skip
    end = recorder.loops["search"][-1]["parameter"]
    assert (end == 0).sum() > 0.9 * 436
    assert found.mask.kept == round(0.6 * 436)


def test_weights_that_are_zero_already_do_not_count_again(digits: Data, tiny: Network) -> None:
    """A percentile over all weights, the pruned zeros included, would prune nothing more."""
    seen: list[int] = []

    class Counting(Runner):
        def train(self, network: Network, mask: Mask) -> Network:
            seen.append(mask.kept)
            return super().train(network, mask)

    lent = Counting(digits, recipe(1, 0, 128), 0)
    found = iterative_magnitude(tiny, digits, 0.5**4, generator(0), runner=lent, pruning_rate=0.5)
    assert [*seen, found.mask.kept] == [436, 218, 109, round(436 / 8), round(436 / 16)]


# Masks scored on one initialisation and trained on another.


@pytest.mark.parametrize("pruned_at", ["init", "rewind"])
def test_the_weights_that_were_scored_are_the_ones_trained(
    bench: Bench, trainings: list[Training], scored: list[Tensor], pruned_at: str
) -> None:
    row, _ = run_cell(cell("spy", 0.2, pruned_at=pruned_at), bench)
    (seen,) = scored
    *before, (start, mask, steps, _) = trainings
    assert torch.equal(torch.cat([start.weights, start.rest]), seen)
    assert torch.equal(mask.keep, chosen(seen[: len(mask.keep)].abs(), mask.kept))
    initial = build("lenet-300-100", (1, 8, 8), 10, seed=0)
    parameters = torch.cat([initial.weights, initial.rest])
    if pruned_at == "init":
        assert before == []
        assert torch.equal(seen, parameters)
        assert steps == range(24)
    else:
        # The dense network was trained to step k, and the ticket goes on from there.
        ((first, whole, first_steps, dense),) = before
        assert whole.density == 1
        assert torch.equal(torch.cat([first.weights, first.rest]), parameters)
        assert torch.equal(torch.cat([dense.weights, dense.rest]), seen)
        assert not torch.equal(seen, parameters)
        assert first_steps == range(6)
        assert steps == range(6, 24)
    assert row["weights_sha256"] == hashlib.sha256(seen.numpy().tobytes()).hexdigest()


def test_only_the_ablation_draws_new_weights(
    bench: Bench, trainings: list[Training], scored: list[Tensor]
) -> None:
    rows = [run_cell(cell("spy", 0.2, ablation=a), bench)[0] for a in ("none", "reinitialise")]
    (first, mask, _, _), (second, same_mask, _, _) = trainings
    assert torch.equal(mask.keep, same_mask.keep)
    assert torch.equal(first.weights, scored[0][: mask.layout.total])
    assert (first.weights != second.weights).all()
    assert rows[0]["weights_sha256"] != rows[1]["weights_sha256"]


def test_every_level_starts_from_the_same_weights(digits: Data, tiny: Network) -> None:
    starts: list[Network] = []

    class Spying(Runner):
        def train(self, network: Network, mask: Mask) -> Network:
            starts.append(network)
            return super().train(network, mask)

    lent = Spying(digits, recipe(2, 0, 128), 0)
    before = torch.cat([tiny.weights, tiny.rest])
    iterative_magnitude(tiny, digits, 0.1, generator(0), runner=lent, pruning_rate=0.4)
    assert len(starts) == 5
    assert all(torch.equal(torch.cat([s.weights, s.rest]), before) for s in starts)


# Pruned weights that come back.


def test_pruned_weights_are_zero_after_every_step(digits: Data, tiny: Network) -> None:
    """With momentum and weight decay, and a gradient that is not zero there."""
    mask = Mask.top(tiny.layout, tiny.weights.abs(), 0.3)
    recorder = Recorder()
    decaying = recipe(5, 0, 128, weight_decay=0.01)
    trained = train(tiny, mask, digits, decaying, 0, range(10), recorder)
    (loop,) = recorder.loops
    path = recorder.trace(loop, "theta")[:, :436]
    assert path.shape == (10, 436)
    assert (path[:, ~mask.keep] == 0).all()
    assert (path[:, mask.keep] != 0).all()
    assert (trained.weights[~mask.keep] == 0).all()
    # The dense network would move them.
    whole = train(tiny, Mask.full(tiny.layout), digits, decaying, 0, range(10))
    assert (whole.weights[~mask.keep] != tiny.weights[~mask.keep]).all()


def test_masks_of_levels_lie_within_each_other(digits: Data, tiny: Network) -> None:
    masks: list[Mask] = []

    class Spying(Runner):
        def train(self, network: Network, mask: Mask) -> Network:
            masks.append(mask)
            return super().train(network, mask)

    lent = Spying(digits, recipe(2, 0, 64, lr=1.0), 0)
    found = iterative_magnitude(tiny, digits, 0.1, generator(0), runner=lent, pruning_rate=0.3)
    for before, after in pairwise([*masks, found.mask]):
        assert not (after.keep & ~before.keep).any()
        assert after.kept < before.kept


# SynFlow in half precision.


def test_synflow_is_not_run_in_half_precision(digits: Data) -> None:
    def deep(precision: Precision) -> Network:
        layers: list[nn.Module] = [nn.Flatten()]
        for _ in range(40):
            layers += [nn.Linear(64, 64, bias=False), nn.ReLU()]
        return Network(seeded(*layers, nn.Linear(64, 10)).float(), precision=precision)

    single, half = (
        synflow(deep(p), digits, 0.01, generator(0), rounds=5) for p in ("float32", "bfloat16")
    )
    assert scores_of(half.scores).dtype == torch.float64
    assert torch.equal(scores_of(half.scores), scores_of(single.scores))
    assert torch.equal(half.mask.keep, single.mask.keep)
    # The precision does change what a method sees that runs the network itself.
    exact, rough = (
        scores_of(snip(deep(p), digits, 0.01, generator(0)).scores) for p in ("float32", "bfloat16")
    )
    assert (exact - rough).norm() > 0.01 * exact.norm()


# Best-epoch test accuracy reported.


def test_the_last_epochs_accuracy_is_reported(
    bench: Bench, trainings: list[Training], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a learning rate that ruins the network in the end: the last epoch is not the best."""
    evaluated: list[Tensor] = []

    def spy(
        network: Network, data: Data, gates: Tensor | None = None, *, part_size: int
    ) -> Accuracy:
        assert len(data) == 360  # the test images
        assert part_size == 256
        evaluated.append(network.weights)
        return evaluate(network, data, gates, part_size=part_size)

    monkeypatch.setattr(pipeline, "evaluate", spy)
    ruinous = recipe(4, 2, 256, lr=0.05, milestones=(0.75,), gamma=400.0)
    row, _ = run_cell(cell("magnitude", 0.5, pruned_at="rewind", recipe=ruinous), bench)
    _, (start, mask, steps, trained) = trainings
    assert steps == range(12, 24)
    data, test = pipeline.load_task("digits", bench.data_root, bench.device)
    epochs = [train(start, mask, data, ruinous, 0, range(12, end)) for end in (12, 18, 24)]
    rewound, best, last = (percent_right(network, test) for network in epochs)
    assert rewound > last + 20
    assert best > last + 20
    assert float(row["accuracy_before_training"]) == pytest.approx(rewound, abs=1e-3)
    assert float(row["accuracy"]) == pytest.approx(last, abs=1e-3)
    assert torch.equal(trained.weights, epochs[2].weights)
    # Test images were looked at before the training and after its last step, never in between.
    assert len(evaluated) == 2
    assert torch.equal(evaluated[0], start.weights)
    assert torch.equal(evaluated[1], trained.weights)


# Layers silently emptied.


def test_a_row_says_how_many_layers_are_empty(bench: Bench) -> None:
    """Of eight weights left globally all are in the first layer, whose fan-in is smallest."""
    short = recipe(2, 0, 1437)
    rows = {d: run_cell(cell("magnitude", d, recipe=short), bench)[0] for d in (0.5, 8 / 50200)}
    initial = build("lenet-300-100", (1, 8, 8), 10, seed=0)
    for density, row in rows.items():
        keep = chosen(initial.weights.abs(), round(density * 50200))
        parts = torch.split(keep, [64 * 300, 300 * 100, 100 * 10])
        assert row["layers_emptied"] == sum(not part.any() for part in parts)
    assert [row["layers_emptied"] for row in rows.values()] == [0, 2]


def test_empty_layers_of_a_mask_are_counted(tiny: Network) -> None:
    counts = {}
    for name, keep in (
        ("none", torch.ones(436)),
        ("first", torch.cat([torch.zeros(36), torch.ones(400)])),
        ("both", torch.zeros(436)),
        ("almost", torch.cat([torch.zeros(35), torch.ones(1), torch.zeros(399), torch.ones(1)])),
    ):
        counts[name] = Mask(tiny.layout, keep.bool()).layers_emptied()
    assert counts == {"none": 0, "first": 1, "both": 2, "almost": 0}


def test_a_method_of_equal_layers_empties_none(digits: Data, tiny: Network) -> None:
    few = 4 / 436
    crowded = magnitude(tiny, digits, few, generator(0)).mask
    shared = magnitude(tiny, digits, few, generator(0), layers="erk").mask
    assert crowded.layers_emptied() == 1
    assert shared.layers_emptied() == 0
