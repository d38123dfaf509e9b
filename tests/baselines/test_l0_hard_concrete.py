"""Hard concrete gates and their search, against sampling, quadrature and the paper's formulas."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from baselines.l0_hard_concrete import l0_hard_concrete
from lottery.core.errors import BadInput, UnknownName
from lottery.core.mask import Mask
from lottery.core.network import Network
from lottery.core.randomness import generator
from lottery.core.result import Result
from lottery.data.batches import Data
from lottery.search.objectives import Batch, loss
from lottery.search.relaxations import HardConcrete
from tests.baselines.tools import Recorder, chosen, runner, scores_of

SAMPLES = 200_000
LOW, HIGH = -0.1, 1.1
VALUES = [-4.0, -1.0, 0.0, 0.7, 3.0]
TAUS = [2 / 3, 0.3]


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def p_open(parameter: float, tau: float) -> float:
    """Louizos et al., Eq. 12."""
    return sigmoid(parameter - tau * math.log(-LOW / HIGH))


def sampled(parameter: float, tau: float) -> tuple[Tensor, Tensor]:
    """Many gates, and each one's derivative by its parameter."""
    variable = torch.full((SAMPLES,), parameter, dtype=torch.float64, requires_grad=True)
    gates = HardConcrete(tau).sample(variable, generator(0, "gates"))
    (gradient,) = torch.autograd.grad(gates.sum(), variable)
    return gates.detach(), gradient


@pytest.mark.parametrize("tau", TAUS)
@pytest.mark.parametrize("parameter", VALUES)
def test_gates_are_open_and_wide_open_as_often_as_they_say(parameter: float, tau: float) -> None:
    gates, _ = sampled(parameter, tau)
    assert gates.min() >= 0
    assert gates.max() <= 1
    p = p_open(parameter, tau)
    error = 5 * math.sqrt(p * (1 - p) / SAMPLES)
    assert abs((gates != 0).double().mean().item() - p) < error
    keep, _ = HardConcrete(tau).keep(torch.tensor([parameter], dtype=torch.float64))
    assert keep.item() == pytest.approx(p, rel=1e-12)
    # By symmetry a gate is 1 as often as one of the opposite parameter is 0.
    assert abs((gates == 1).double().mean().item() - (1 - p_open(-parameter, tau))) < 5 * math.sqrt(
        0.25 / SAMPLES
    )


@pytest.mark.parametrize("tau", TAUS)
@pytest.mark.parametrize("parameter", VALUES)
def test_gates_have_their_distribution(parameter: float, tau: float) -> None:
    """min(1, max(0, sigmoid((log u - log(1 - u) + log alpha) / tau) * 1.2 - 0.1)), Eqs. 10, 11."""
    u: NDArray[np.float64] = (np.arange(400_000) + 0.5) / 400_000
    s = 1 / (1 + np.exp(-(np.log(u) - np.log(1 - u) + parameter) / tau))
    expected = np.clip(s * (HIGH - LOW) + LOW, 0, 1)
    gates, gradient = sampled(parameter, tau)
    for power in (1, 2):
        spread = 5 * float((gates**power).std()) / math.sqrt(SAMPLES)
        assert spread > 0
        assert abs((gates**power).mean().item() - (expected**power).mean()) < spread
    # The clip passes no gradient.
    inside = (gates > 0) & (gates < 1)
    assert torch.equal(gradient != 0, inside)
    share = (gates - LOW) / (HIGH - LOW)
    slope = (HIGH - LOW) * share * (1 - share) / tau
    torch.testing.assert_close(gradient[inside], slope[inside])


@pytest.mark.parametrize("tau", TAUS)
def test_the_derivative_of_the_open_probability(tau: float) -> None:
    parameter = torch.linspace(-6, 6, 61, dtype=torch.float64)
    keep, slope = HardConcrete(tau).keep(parameter)
    assert keep.tolist() == pytest.approx([p_open(p, tau) for p in parameter.tolist()], rel=1e-12)
    h = 1e-5
    differences = [(p_open(p + h, tau) - p_open(p - h, tau)) / (2 * h) for p in parameter.tolist()]
    assert slope.tolist() == pytest.approx(differences, rel=1e-6)


def test_the_gate_without_noise() -> None:
    """Eq. 13, for tau plays no part in it."""
    parameter = torch.linspace(-6, 6, 121, dtype=torch.float64)
    expected = [min(1.0, max(0.0, sigmoid(p) * (HIGH - LOW) + LOW)) for p in parameter.tolist()]
    assert {0.0, 1.0} < set(expected)
    for tau in TAUS:
        assert HardConcrete(tau).mean_gate(parameter).tolist() == pytest.approx(expected, abs=1e-12)


def test_other_stretches() -> None:
    relaxation = HardConcrete(0.5, low=-0.3, high=1.2)
    keep, _ = relaxation.keep(torch.tensor([0.4]))
    assert keep.item() == pytest.approx(sigmoid(0.4 - 0.5 * math.log(0.3 / 1.2)))
    middle = relaxation.mean_gate(torch.tensor([0.0]))
    assert middle.item() == pytest.approx(0.5 * 1.5 - 0.3)


def draw(
    network: Network, data: Data, density: float = 0.3, epochs: int = 1, **options: Any
) -> tuple[Result, Recorder]:
    recorder = Recorder()
    source = generator(0, "method", "l0")
    lent = runner(data, recorder, epochs)
    return l0_hard_concrete(network, data, density, source, runner=lent, **options), recorder


@pytest.mark.parametrize("density", [0.9, 0.3, 0.01])
def test_gates_start_open_with_the_probability_asked_for(
    digits: Data, tiny: Network, density: float
) -> None:
    found, _ = draw(tiny, digits, density, lr=0.0)
    for parameter in set(scores_of(found.scores).tolist()):
        assert p_open(parameter, 2 / 3) == pytest.approx(density, rel=1e-5)


def test_the_mask_and_the_soft_gates_are_those_of_the_scores(digits: Data, tiny: Network) -> None:
    found, recorder = draw(tiny, digits, epochs=3)
    scores = scores_of(found.scores)
    assert torch.equal(scores, recorder.trace("search", "parameter")[-1])
    assert torch.equal(found.mask.keep, chosen(scores, round(0.3 * 436)))
    expected = [min(1.0, max(0.0, sigmoid(s) * 1.2 - 0.1)) for s in scores.tolist()]
    assert scores_of(found.soft_gates).tolist() == pytest.approx(expected, abs=1e-6)
    assert found.trained is None
    assert len(set(scores.tolist())) > 300


def test_a_given_lambda_stays(digits: Data, tiny: Network) -> None:
    found, recorder = draw(tiny, digits, lam=0.7, epochs=2)
    assert recorder.trace("search", "strength").tolist() == pytest.approx([0.7] * 4)
    assert [row["strength"] for row in found.log] == pytest.approx([0.7] * 2)


def test_without_a_lambda_it_is_balanced(digits: Data) -> None:
    """No pressure until the expected density is 1.1 times the one asked for, then some."""
    options: dict[str, Any] = {"epochs": 20, "lr": 0.3}
    found, recorder = draw(Network(Blind()), digits, 0.3, **options)
    strengths = recorder.trace("search", "strength")
    parameters = recorder.trace("search", "parameter")
    densities = [sum(p_open(q, 2 / 3) for q in row.tolist()) / 1280 for row in parameters[:-1]]
    over = [density > 1.1 * 0.3 for density in densities]
    assert 5 < over.index(True) < len(over) - 5
    # The strength of a step is set by the density that the step before left.
    assert strengths[: over.index(True) + 1].tolist() == [0.0] * (over.index(True) + 1)
    assert strengths[over.index(True) + 1] > 0
    unpressed, _ = draw(Network(Blind()), digits, 0.3, lam=1e-9, **options)
    assert unpressed.log[-1]["expected_density"] > 1.1 * 0.3
    assert found.log[-1]["expected_density"] < 1.1 * 0.3


@pytest.mark.parametrize("lam", [0.5, 40.0])
def test_a_fixed_lambda_multiplies_the_mean_open_probability(digits: Data, lam: float) -> None:
    """On gates that the loss does not see, the whole gradient is lam / d * dP/dparameter."""
    network = Network(Blind())
    found, recorder = draw(network, digits, 0.3, lam=lam, lr=0.1)
    first = recorder.loops["search"][0]
    # After its first step, Adam's average holds a tenth of the gradient.
    gradient = first["optimiser.0.exp_avg"][640:] * 10
    p = 0.3
    assert gradient.tolist() == pytest.approx([lam / 1280 * p * (1 - p)] * 640, rel=1e-4)
    assert scores_of(found.scores)[640:].max() < scores_of(found.scores)[:640].max()


class Blind(nn.Module):
    """20 outputs, of which the last 10 are thrown away: their 640 weights are of no use."""

    def __init__(self) -> None:
        super().__init__()
        draw = torch.Generator().manual_seed(0)
        self.layer = nn.Linear(64, 20, bias=False)
        nn.init.normal_(self.layer.weight, std=0.2, generator=draw)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.layer(x.flatten(1))
        return output[:, :10]


def test_more_pressure_closes_more_gates(digits: Data, tiny: Network) -> None:
    ends = [
        draw(tiny, digits, lam=lam, epochs=8)[0].log[-1]["expected_density"]
        for lam in (1e-3, 1.0, 10.0)
    ]
    assert ends == sorted(ends, reverse=True)
    assert ends[0] > ends[-1] + 0.1


def test_the_ticket_keeps_what_is_of_use(digits: Data) -> None:
    network = Network(Blind())
    found, _ = draw(network, digits, 0.2, epochs=20)
    assert found.mask.keep[640:].sum() < 0.15 * found.mask.kept
    batch = Batch(network, *digits.take(torch.arange(256)))
    found_loss = loss(network, found.mask.keep.float(), batch)
    for seed in range(5):
        scores = torch.rand(1280, generator=generator(seed))
        at_random = Mask.top(network.layout, scores, 0.2).keep.float()
        assert found_loss < loss(network, at_random, batch) - 0.3


@pytest.mark.parametrize("lam", [-1e-9, math.nan, math.inf, -math.inf])
def test_a_lambda_that_is_none(digits: Data, tiny: Network, lam: float) -> None:
    with pytest.raises(BadInput, match=f"lam must be at least 0 and finite, got {lam}"):
        draw(tiny, digits, lam=lam)


def test_an_unknown_length(digits: Data, tiny: Network) -> None:
    with pytest.raises(UnknownName, match="unknown search 'quik': did you mean quick"):
        draw(tiny, digits, search="quik")


def test_a_search_is_as_long_as_it_says(digits: Data, tiny: Network) -> None:
    for search, epochs in (("full", 16), ("half", 8), ("quick", 2)):
        found, _ = draw(tiny, digits, search=search, epochs=16)
        assert len(found.log) == epochs
