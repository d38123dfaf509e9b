"""Gem-Miner, against its algorithm written out."""

import math
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import baselines  # noqa: F401  (registers them)
from baselines.gem_miner import gem_miner
from lottery.core.errors import BadInput
from lottery.core.network import Network
from lottery.core.randomness import generator
from lottery.core.result import Result
from lottery.data import Images
from lottery.data.batches import Data
from lottery.search.registry import methods
from lottery.search.relaxations import StraightThroughRounding
from tests.baselines.tools import Recorder, chosen, double_digits, runner, scores_of, seeded
from tests.conftest import RecordedData, first


def draw(
    network: Network, data: Data, density: float = 0.1, **options: Any
) -> tuple[Result, Recorder]:
    recorder = Recorder()
    options = {"epochs": 6, "freeze_every": 2, **options}
    source = generator(0, "method")
    found = gem_miner(network, data, density, source, runner=runner(data, recorder), **options)
    return found, recorder


def test_scores_are_rounded_and_the_frozen_are_closed() -> None:
    scores = torch.tensor([0.0, 0.49, 0.5, 0.51, 1.0, 1.0], requires_grad=True)
    alive = torch.tensor([1.0, 1.0, 1.0, 1.0, 1.0, 0.0])
    relaxation = StraightThroughRounding(alive)
    gates = relaxation.sample(scores, generator(0))
    assert gates.tolist() == [0, 0, 1, 1, 1, 0]
    weight = torch.tensor([2.0, -3.0, 5.0, 7.0, 11.0, 13.0])
    (gradient,) = torch.autograd.grad((weight * gates).sum(), scores)
    assert gradient.tolist() == [2, -3, 5, 7, 11, 0]  # straight through, not into the frozen
    keep, slope = relaxation.keep(scores)
    assert keep.tolist() == [0, 0, 1, 1, 1, 0]
    assert slope.tolist() == [0] * 6
    alive[1:4] = 0  # changed in place, as the method does
    assert relaxation.sample(scores, generator(0)).tolist() == [0, 0, 0, 0, 1, 0]


# After which epochs a freezing comes, by (epochs, freeze_every).
FREEZINGS = {
    (6, 2): [3, 5],
    (7, 3): [4, 7],
    (5, 1): [2, 3, 4, 5],
    (12, 5): [6, 11],
    (4, 10): [4],  # shorter than a period: once, at the end
    (5, 5): [5],
    (2, 1): [2],
    (1, 1): [1],
}


@pytest.mark.parametrize(("epochs", "every"), list(FREEZINGS))
@pytest.mark.parametrize("density", [0.1, 1 / 436, 1.0])
def test_freezing_follows_its_schedule(
    digits: Data, tiny: Network, density: float, epochs: int, every: int
) -> None:
    """Freezing j of n leaves density^(j / n) of the weights, and none comes back."""
    options = {"epochs": epochs, "freeze_every": every}
    found, recorder = draw(tiny, digits, density, **options)
    alive = recorder.trace("search", "alive").bool()
    when = FREEZINGS[epochs, every]
    expected, left = [], 436
    for epoch in range(1, epochs + 1):
        expected.append(left)  # during the epoch; a batch of two
        if epoch in when:
            left = round(density ** ((when.index(epoch) + 1) / len(when)) * 436)
        expected.append(left)
    assert alive.sum(1).tolist() == expected
    assert not (alive[1:] & ~alive[:-1]).any()
    assert torch.equal(found.mask.keep, alive[-1])
    assert found.mask.kept == round(density * 436)


def test_the_papers_search_has_29_freezings_and_ends_with_four_epochs_of_search(
    digits_images: Images,
) -> None:
    """After epochs 6, 11, ..., 146 of 150, to density^(j / 29): one step an epoch shows it."""
    data = double_digits(digits_images, 16)
    network = Network(seeded(nn.Flatten(), nn.Linear(64, 10)))
    recorder = Recorder()
    lent = runner(data, recorder)
    found = gem_miner(network, data, 0.0144, generator(0, "method"), runner=lent)
    counts = recorder.trace("search", "alive").sum(1).long().tolist()
    assert len(counts) == 150
    changes = [e for e, (one, next_) in enumerate(pairwise([640, *counts]), 1) if one != next_]
    assert changes == list(range(6, 147, 5))
    assert len(changes) == 29
    left = [counts[epoch - 1] for epoch in changes]
    assert left == [round(0.0144 ** (j / 29) * 640) for j in range(1, 30)]
    assert found.mask.kept == round(0.0144 * 640)


@pytest.mark.parametrize("name", ["edge_popup", "gem_miner"])
def test_searches_of_scores_see_augmented_images(
    digits_images: Images, tiny: Network, name: str
) -> None:
    """As in their authors' code: crops of mirrored padding, flipped at random, anew each epoch."""
    data = RecordedData(first(digits_images, 60))
    data.dataset = replace(data.dataset, crop_padding=2, flip=True)
    plain = data.images.numpy()
    seen: list[tuple[list[int], Tensor]] = []
    finish = data.finish

    def spy(pixels: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
        seen.append((index.tolist(), pixels))
        return finish(pixels, index)

    data.finish = spy  # type: ignore[method-assign]
    source, draw_it = generator(0, "method"), methods[name].draw
    draw_it(tiny, data, 0.3, source, runner=runner(data), epochs=2, batch_size=60)
    assert len(seen) == 2
    changed = 0
    crops: dict[int, list[bytes]] = {}
    for index, pixels in seen:
        for place, crop in zip(index, pixels.numpy(), strict=True):
            padded = np.pad(plain[place], ((2, 2), (2, 2), (0, 0)), mode="reflect")
            allowed = [padded[i : i + 8, j : j + 8] for i in range(5) for j in range(5)]
            allowed += [image[:, ::-1] for image in allowed]
            assert any(np.array_equal(crop, image) for image in allowed)
            changed += not np.array_equal(crop, plain[place])
            crops.setdefault(place, []).append(crop.tobytes())
    assert changed > 0.9 * 2 * 60
    assert sum(one != other for one, other in crops.values()) > 0.9 * 60


def test_the_lowest_scores_of_those_left_are_frozen(digits: Data, tiny: Network) -> None:
    """And no other, even where a frozen score is higher than one that has fallen since."""
    options = {"epochs": 9, "freeze_every": 1, "lr": 30.0, "lam": 0.0}
    _, recorder = draw(tiny, digits, 0.05, **options)
    before, overtaken = torch.ones(436, dtype=torch.bool), 0
    for state in recorder.loops["search"][1::2]:
        alive, scores = state["alive"].bool(), state["parameter"]
        count = int(alive.sum())
        assert torch.equal(alive, chosen(scores, count, among=before))
        overtaken += not torch.equal(alive, chosen(scores, count))
        before = alive
    assert overtaken > 2


def test_scores_stay_within_bounds_at_every_step(digits: Data, tiny: Network) -> None:
    """Algorithm 1 projects after every step, not only before freezing."""
    _, recorder = draw(tiny, digits, lr=20.0)
    scores = recorder.trace("search", "parameter")
    assert scores.min() == 0
    assert scores.max() == 1
    assert ((scores > 0) & (scores < 1)).any()
    within_an_epoch = scores[0::2]
    assert (within_an_epoch == 0).any()
    assert (within_an_epoch == 1).any()


def written_out(
    network: Network, data: Data, scores: Tensor, options: dict[str, Any]
) -> tuple[Tensor, Tensor]:
    """Scores in the order of freezing and what is not frozen after the search, for one linear
    layer on batches of 64."""
    density, epochs = 0.1, options["epochs"]
    when = FREEZINGS[epochs, options["freeze_every"]]
    lr, momentum, lam = options["lr"], options["momentum"], options["lam"]
    scores, d = scores.double(), 640
    buffer, alive = torch.zeros_like(scores), torch.ones(d, dtype=torch.bool)
    order = torch.zeros_like(scores)
    stream = data.stream(64, generator(0, "method"))
    w, bias = network.weights.view(10, 64), network.rest
    for t in range(epochs * 4):
        x, y = stream[t]
        x = x.flatten(1)
        gates = (scores >= 0.5).double() * alive
        p = (x @ (w * gates.view(10, 64)).T + bias).softmax(1)
        p[torch.arange(64), y] -= 1
        gradient = ((p.T @ x / 64) * w).flatten() * alive + 2 * lam * scores
        buffer = momentum * buffer + gradient
        rate = lr * (1 + math.cos(math.pi * t / (epochs * 4))) / 2
        scores = (scores - rate * buffer).clamp(0, 1)
        epoch = (t + 1) // 4
        if (t + 1) % 4 == 0 and epoch in when:
            order = torch.where(alive, 2 * epoch + scores, order)
            share = (when.index(epoch) + 1) / len(when)
            alive = chosen(scores, round(density**share * d), among=alive)
    return order, alive


@pytest.mark.parametrize(
    "options",
    [
        {"epochs": 6, "freeze_every": 2, "lr": 0.5, "momentum": 0.9, "lam": 1e-4},
        {"epochs": 5, "freeze_every": 1, "lr": 4.0, "momentum": 0.5, "lam": 0.02},
    ],
    ids=str,
)
def test_it_is_the_algorithm_step_by_step(digits_images: Images, options: dict[str, Any]) -> None:
    data = double_digits(digits_images)
    network = Network(seeded(nn.Flatten(), nn.Linear(64, 10)))
    start, _ = draw(network, data, 1.0, lr=0.0, lam=0.0, epochs=1)
    found, _ = draw(network, data, 0.1, batch_size=64, **options)
    first = scores_of(start.scores) - 2  # ranked in the first and only epoch
    order, alive = written_out(network, data, first, options)
    assert torch.equal(found.mask.keep, alive)
    # Scores are float32 in the code.
    torch.testing.assert_close(scores_of(found.scores), order, rtol=1e-4, atol=1e-4)
    assert order[alive].min() > order[~alive].max()


def test_scores_start_uniform_in_the_unit_interval(digits: Data, tiny: Network) -> None:
    found, _ = draw(tiny, digits, 1.0, lr=0.0, lam=0.0, epochs=1)
    start = scores_of(found.scores) - 2  # ranked in the first and only epoch
    assert start.min() >= 0
    assert start.max() <= 1
    assert abs(start.mean() - 0.5) < 5 / math.sqrt(12 * 436)
    assert abs(start.std() - 1 / math.sqrt(12)) < 0.05


def test_the_penalty_pulls_every_score_down(digits: Data, tiny: Network) -> None:
    ends = [
        draw(tiny, digits, 1.0, lam=lam, lr=0.1)[1].trace("search", "parameter")[-1].mean().item()
        for lam in (0.0, 0.1, 1.0)
    ]
    assert ends == sorted(ends, reverse=True)
    assert ends[2] < 0.6 * ends[0]


def test_the_network_is_frozen_and_the_ticket_is_trained_later(digits: Data, tiny: Network) -> None:
    before = tiny.weights.clone()
    found, _ = draw(tiny, digits)
    assert found.trained is None
    assert torch.equal(tiny.weights, before)
    method = methods["gem_miner"]
    assert method.pruned_at == "init"
    assert not method.strong
    # Section 4: 150 epochs, frozen every 5; lambda as tuned at 1.44%.
    assert method.options["epochs"] == 150
    assert method.options["freeze_every"] == 5
    assert method.options["lam"] == 1e-4


@pytest.mark.parametrize("density", [0.0, 1.2, -0.1, 1e-4, math.nan])
def test_an_invalid_density(digits: Data, tiny: Network, density: float) -> None:
    with pytest.raises(BadInput, match=f"density {density}"):
        draw(tiny, digits, density, epochs=1)
