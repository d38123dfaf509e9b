"""Sparse variational dropout, against numerical integration and its loss written out."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from baselines.sparse_vd import log_alpha, negative_kl, sparse_vd
from lottery.core.errors import BadInput
from lottery.core.network import Network
from lottery.core.randomness import generator
from lottery.core.result import Result
from lottery.data.batches import Data
from lottery.search.registry import methods
from tests.baselines.tools import Recorder, chosen, runner, scores_of

EULER = 0.5772156649015329


def true_negative_kl(log_a: float) -> float:
    """0.5 log alpha - E log|1 + sqrt(alpha) z| + C by the midpoint rule, z standard normal.

    C is chosen as in the paper, so that the limit of large alpha is zero: E log|z| =
    -(Euler's constant + log 2) / 2.
    """
    cells = 2_000_001  # odd: no midpoint falls on z = 0
    z = -12 + (np.arange(cells, dtype=np.float64) + 0.5) * (24 / cells)
    weight = np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi) * (24 / cells)
    noise = np.abs(1 + math.exp(log_a / 2) * z)
    expected = float((weight * np.log(np.maximum(noise, 1e-12))).sum())
    return 0.5 * log_a - expected - 0.5 * (EULER + math.log(2))


@pytest.mark.parametrize("log_a", [-8.0, -4.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 5.0, 8.0])
def test_the_approximation_is_as_good_as_the_paper_says(log_a: float) -> None:
    """Molchanov et al., Section 4: off by less than 0.009 over the full range of log alpha."""
    found = negative_kl(torch.tensor([log_a], dtype=torch.float64)).item()
    assert abs(found - true_negative_kl(log_a)) < 0.009


def approximation(log_a: float) -> float:
    """Eq. 14, as printed."""
    squashed = 1 / (1 + math.exp(-(1.87320 + 1.48695 * log_a)))
    return 0.63576 * squashed - 0.5 * math.log(1 + math.exp(-log_a)) - 0.63576


def test_the_approximation_is_the_papers() -> None:
    points = torch.linspace(-10, 10, 81, dtype=torch.float64)
    expected = [approximation(p) for p in points.tolist()]
    assert negative_kl(points).tolist() == pytest.approx(expected, rel=1e-9, abs=1e-12)
    # Noise is rewarded: the KL falls as alpha grows.
    assert (negative_kl(points).diff() > 0).all()


def test_log_alpha() -> None:
    theta = torch.tensor([0.5, -0.9, 1e-3], dtype=torch.float64)
    log_sigma2 = torch.tensor([-3.0, -10.0, -12.0], dtype=torch.float64)
    expected = [
        math.log(math.exp(s) / t**2)
        for s, t in zip(log_sigma2.tolist(), theta.tolist(), strict=True)
    ]
    assert log_alpha(theta, log_sigma2).tolist() == pytest.approx(expected, rel=1e-6)
    zero = torch.zeros(2, requires_grad=True)
    clamped = log_alpha(zero, torch.tensor([-10.0, -30.0]))
    assert clamped.tolist() == [10, pytest.approx(-30 + 16 * math.log(10), rel=1e-3)]
    assert torch.autograd.grad(clamped.sum(), zero)[0].isfinite().all()
    assert log_alpha(torch.tensor([100.0]), torch.tensor([-10.0])).item() == -10


class Blind(nn.Module):
    """20 outputs, of which the last 10 are thrown away: their 640 weights are of no use."""

    def __init__(self) -> None:
        super().__init__()
        draw = torch.Generator().manual_seed(0)
        self.layer = nn.Linear(64, 20)
        nn.init.normal_(self.layer.weight, std=0.2, generator=draw)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.layer(x.flatten(1))
        return output[:, :10]


def draw(
    network: Network, data: Data, density: float | None, **options: Any
) -> tuple[Result, Recorder]:
    recorder = Recorder()
    lent = runner(data, recorder)
    found = sparse_vd(network, data, density, generator(0), runner=lent, **options)
    return found, recorder


def last_log_alpha(recorder: Recorder) -> Tensor:
    """log(sigma^2 / theta^2) of the prunable weights at the end."""
    end = recorder.loops["search"][-1]
    sigma2 = end["log_sigma2"].double()
    return (sigma2 - end["theta"][: len(sigma2)].double().square().log()).clamp(-10, 10)


@pytest.mark.parametrize("warm_up", [0.0, 0.5])
def test_the_loss_is_cross_entropy_plus_kl_per_image(digits: Data, warm_up: float) -> None:
    """On weights that the cross-entropy does not see, the whole gradient is the KL's.

    Adam's running average shows it: a_t = 0.9 a_(t-1) + 0.1 g_t.
    """
    _, recorder = draw(Network(Blind()), digits, 0.5, epochs=4, warm_up=warm_up, lr=1e-2)
    states = recorder.loops["search"]
    before = {"theta": Network(Blind()).weights, "log_sigma2": torch.full((1280,), -10.0)}
    average = torch.zeros(640, dtype=torch.float64)
    for i, state in enumerate(states):
        share = min(1.0, i / len(states) / warm_up) if warm_up else 1.0
        theta, log_sigma2 = (before[name].double() for name in ("theta", "log_sigma2"))
        points = (log_sigma2 - theta[:1280].square().log())[640:]
        h = 1e-5
        slope = [(approximation(p + h) - approximation(p - h)) / (2 * h) for p in points.tolist()]
        gradient = -share * torch.tensor(slope, dtype=torch.float64) / 256
        average = 0.9 * average + 0.1 * gradient
        found = state["optimiser.1.exp_avg"][640:].double()
        torch.testing.assert_close(found, average, rtol=1e-3, atol=1e-9)
        before = state
    assert average.abs().min() > 1e-6


def test_noise_is_added_to_the_weights(digits: Data) -> None:
    """dL/dlog sigma^2 = dL/dw * sigma * noise / 2, with new normal noise at every step."""
    # A warm-up without end leaves out the KL term.
    _, recorder = draw(Network(Blind()), digits, 0.5, epochs=2, warm_up=1e12, lr=0.0)
    averages = [
        recorder.trace("search", f"optimiser.{k}.exp_avg")[:, :640].double() for k in (0, 1)
    ]
    zero = torch.zeros(1, 640, dtype=torch.float64)
    by_weight, by_noise = ((a - 0.9 * torch.cat([zero, a[:-1]])) / 0.1 for a in averages)
    noise = by_noise / by_weight / (0.5 * math.exp(-5))
    assert noise.shape == (4, 640)
    assert (noise.mean(1).abs() < 5 / math.sqrt(640)).all()
    assert ((noise.std(1) - 1).abs() < 5 / math.sqrt(2 * 640)).all()
    assert (torch.corrcoef(noise).fill_diagonal_(0).abs() < 5 / math.sqrt(640)).all()


@pytest.mark.parametrize("density", [0.5, 0.05])
def test_a_density_keeps_the_lowest_log_alpha(digits: Data, density: float) -> None:
    found, recorder = draw(Network(Blind()), digits, density, epochs=4)
    expected = last_log_alpha(recorder)
    assert torch.equal(found.mask.keep, chosen(-expected, round(density * 1280)))
    torch.testing.assert_close(scores_of(found.scores).double(), -expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("threshold", [3.0, 0.0])
def test_without_a_density_the_threshold_decides(digits: Data, threshold: float) -> None:
    options = {"epochs": 60, "lr": 0.05, "threshold": threshold}
    found, recorder = draw(Network(Blind()), digits, None, **options)
    expected = last_log_alpha(recorder) < threshold
    assert 0 < int(expected.sum()) < 1280
    assert torch.equal(found.mask.keep, expected)
    # What is of no use drowns in noise first.
    assert expected[640:].double().mean() < 0.5 * expected[:640].double().mean()


def test_the_ticket_brings_its_trained_weights(digits: Data, tiny: Network) -> None:
    weights, rest = tiny.weights.clone(), tiny.rest.clone()
    found, recorder = draw(tiny, digits, 0.3, epochs=3, lr=1e-2)
    end = recorder.loops["search"][-1]["theta"]
    assert found.trained is not None
    keep = found.mask.keep
    assert (found.trained.weights[~keep] == 0).all()
    assert torch.equal(found.trained.weights[keep], end[:436][keep])
    assert torch.equal(found.trained.rest, end[436:])
    assert (end[:436] != weights).all()
    assert torch.equal(tiny.weights, weights)
    assert torch.equal(tiny.rest, rest)
    assert methods["sparse_vd"].own_weights


def test_it_learns(digits: Data, tiny: Network) -> None:
    x, y = digits.take(torch.arange(256))
    found, _ = draw(tiny, digits, 0.9, epochs=30, lr=1e-2)
    assert found.trained is not None
    with torch.no_grad():
        before = (tiny(x).argmax(1) == y).float().mean()
        after = (found.trained(x).argmax(1) == y).float().mean()
    assert after > before + 0.3


def test_adams_rate_falls_linearly_to_zero(digits: Data) -> None:
    """A weight of constant gradient moves by Adam's rate: lr, 3/4 lr, 2/4 lr, 1/4 lr."""
    _, recorder = draw(Network(Blind()), digits, 0.5, epochs=2, warm_up=0.0, lr=1e-4)
    path = recorder.trace("search", "log_sigma2")[:, 640:].double()
    moves = torch.cat([torch.full((1, 640), -10.0), path]).diff(dim=0).mean(1)
    assert moves.tolist() == pytest.approx([1e-4 * (1 - i / 4) for i in range(4)], rel=0.05)


@pytest.mark.parametrize("density", [0.0, 1.5, 1e-4])
def test_an_invalid_density(digits: Data, tiny: Network, density: float) -> None:
    with pytest.raises(BadInput, match=f"density {density}"):
        draw(tiny, digits, density, epochs=1)
