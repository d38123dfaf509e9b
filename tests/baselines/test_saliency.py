"""Saliency of the six objectives at a noisy overlay, against finite differences."""

import math
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from baselines.saliency import saliency
from baselines.snip import snip
from lottery.core.errors import UnknownName
from lottery.core.network import Network
from lottery.core.randomness import generator
from lottery.core.result import Result
from lottery.data import Images
from lottery.data.batches import Data
from lottery.search.objectives import Batch
from lottery.search.registry import methods, objectives
from tests.baselines.tools import chosen, double_digits, noise_data, scores_of, seeded

SIX = ("loss", "delta_loss", "grad_norm", "kl", "feature", "grad_match")
NOISY = ("delta_loss", "kl", "feature", "grad_match")
D = 18 + 80


def network() -> Network:
    return Network(
        seeded(
            nn.Conv2d(1, 2, 3),
            nn.BatchNorm2d(2, track_running_stats=False),
            nn.Tanh(),
            nn.AvgPool2d(3),
            nn.Flatten(),
            nn.Linear(8, 10),
        )
    )


@pytest.fixture
def data(digits_images: Images) -> Data:
    return double_digits(digits_images)


@pytest.fixture
def overlays() -> Iterator[list[Tensor]]:
    """The gates at which any objective is evaluated."""
    seen: list[Tensor] = []

    def spying(original: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def spy(network: Network, gates: Tensor, batch: Batch) -> Tensor:
            seen.append(gates.detach().clone())
            return original(network, gates, batch)

        return spy

    with objectives.temporarily({name: spying(objectives[name]) for name in SIX}):
        yield seen


def draw(given: Network, data: Data, objective: str, **options: Any) -> Result:
    options = {"samples_per_class": 2, **options}
    return saliency(given, data, 0.3, generator(7), objective=objective, **options)


@pytest.mark.parametrize("name", SIX)
def test_a_score_is_the_slope_of_the_objective_at_the_overlay(
    name: str, data: Data, overlays: list[Tensor]
) -> None:
    given, objective = network(), objectives[name]
    found = draw(given, data, name)
    batch = Batch(given, *data.balanced(2, generator(7)))
    (overlay,) = overlays
    slopes, h = torch.zeros(D, dtype=torch.float64), 1e-5
    for j in range(D):
        step = torch.zeros(D, dtype=torch.float64)
        step[j] = h
        up, down = (objective(given, overlay + s, batch).item() for s in (step, -step))
        slopes[j] = (up - down) / (2 * h)
    expected = slopes.abs()
    assert expected.max() > 1e-4
    assert (slopes < 0).any()
    tolerance = 1e-4 * expected.max().item()
    torch.testing.assert_close(
        scores_of(found.scores).double(), expected, rtol=1e-4, atol=tolerance
    )
    assert torch.equal(found.mask.keep, chosen(scores_of(found.scores), round(0.3 * D)))


@pytest.mark.parametrize("name", ["loss", "grad_norm"])
def test_objectives_with_a_gradient_at_ones_need_no_noise(
    name: str, data: Data, overlays: list[Tensor]
) -> None:
    draw(network(), data, name)
    assert [overlay.tolist() for overlay in overlays] == [[1.0] * D]


@pytest.mark.parametrize("sigma", [0.06, 0.5])
@pytest.mark.parametrize("name", NOISY)
def test_the_others_are_disturbed(
    name: str, sigma: float, digits: Data, overlays: list[Tensor]
) -> None:
    given = Network(seeded(nn.Flatten(), nn.Linear(64, 40), nn.Tanh(), nn.Linear(40, 10)).float())
    draw(given, digits, name, sigma=sigma)
    (overlay,) = overlays
    noise = (overlay - 1) / sigma
    error = 5 / math.sqrt(len(noise))
    assert abs(noise.mean()) < error
    assert abs(noise.std() - 1) < error
    # Normal: 4.6% are further out than two standard deviations.
    assert abs((noise.abs() > 2).float().mean() - 0.0455) < 5 * math.sqrt(0.0455 / len(noise))
    assert methods["saliency"].options["sigma"] == 0.06


@pytest.mark.parametrize("name", NOISY)
def test_without_noise_they_could_not_tell_weights_apart(name: str, data: Data) -> None:
    """Why the paper disturbs the overlay."""
    blind = scores_of(draw(network(), data, name, sigma=0.0).scores)
    seeing = scores_of(draw(network(), data, name).scores)
    assert blind.max() < 1e-6 * seeing.max()


@pytest.mark.parametrize("rounds", [1, 3])
def test_saliency_of_the_loss_is_snip(digits: Data, tiny: Network, rounds: int) -> None:
    options = {"samples_per_class": 5, "rounds": rounds}
    expected = snip(tiny, digits, 0.2, generator(3), **options)
    found = saliency(tiny, digits, 0.2, generator(3), objective="loss", **options)
    assert torch.equal(found.mask.keep, expected.mask.keep)
    torch.testing.assert_close(scores_of(found.scores), scores_of(expected.scores))
    others = [
        saliency(tiny, digits, 0.2, generator(3), objective=name, **options).mask.keep
        for name in SIX[1:]
    ]
    assert not any(torch.equal(other, expected.mask.keep) for other in others)


def test_what_a_round_prunes_stays_closed(data: Data, overlays: list[Tensor]) -> None:
    found = draw(network(), data, "kl", rounds=4)
    closed = [overlay == 0 for overlay in overlays]
    counts = [int(c.sum()) for c in closed]
    assert counts == [0, *(D - round(0.3 ** (r / 4) * D) for r in (1, 2, 3))]
    for before, after in pairwise(closed):
        assert not (before & ~after).any()
    assert not (closed[-1] & found.mask.keep).any()
    # The noise is drawn once.
    kept = ~closed[-1]
    assert all(torch.equal(overlay[kept], overlays[0][kept]) for overlay in overlays)


def test_an_unknown_objective(digits: Data, tiny: Network) -> None:
    with pytest.raises(UnknownName, match="unknown objective 'los': did you mean loss"):
        saliency(tiny, digits, 0.5, generator(0), objective="los")


def test_infinite_weights_are_named() -> None:
    given = Network(nn.Sequential(nn.Flatten(), nn.Linear(12, 2)))
    given.weights[3] = torch.inf
    with pytest.raises(ValueError, match=r"of 24 scores of layer 1\.weight are not finite"):
        saliency(given, noise_data((3, 2, 2)), 0.5, generator(0), samples_per_class=1)


def test_a_class_with_too_few_images(digits: Data, tiny: Network) -> None:
    with pytest.raises(ValueError, match=r"class 0 of digits has \d+ images, 300 are needed"):
        saliency(tiny, digits, 0.5, generator(0), samples_per_class=300)
