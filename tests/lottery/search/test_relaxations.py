"""Relaxed gates, against quadrature, sampling and plain sorting."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from lottery.core.layout import Layout
from lottery.core.randomness import generator
from lottery.search.relaxations import (
    Concrete,
    GaussianHardSigmoid,
    HardConcrete,
    Relaxation,
    StraightThroughRounding,
    StraightThroughTopK,
)

SAMPLES = 100_000
MIDPOINTS = (np.arange(200_000) + 0.5) / 200_000  # of [0, 1], for quadrature


def sigmoid(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1 / (1 + np.exp(-x))


def sampled(relaxation: Relaxation, value: float) -> tuple[Tensor, Tensor]:
    """Many gates of one parameter, and each gate's derivative by its parameter."""
    parameter = torch.full((SAMPLES,), value, dtype=torch.float64, requires_grad=True)
    gates = relaxation.sample(parameter, generator(0, "gates"))
    (gradient,) = torch.autograd.grad(gates.sum(), parameter)
    return gates.detach(), gradient


def assert_mean(values: Tensor, expected: float) -> None:
    """The mean is the expected one but for chance: 5 standard errors."""
    error = values.std().item() / math.sqrt(len(values))
    assert 0 < error < 0.01
    assert abs(values.mean().item() - expected) < 5 * error


@pytest.mark.parametrize("logit", [-3.0, 0.0, 1.5])
@pytest.mark.parametrize("tau", [2 / 3, 0.3, 2.0])
def test_concrete_gates_have_their_distribution(logit: float, tau: float) -> None:
    """Eq. 8 of CTS: sigmoid((logit + noise) / tau), by quadrature over the logistic noise."""
    noise = np.log(MIDPOINTS) - np.log1p(-MIDPOINTS)
    expected = sigmoid((logit + noise) / tau)
    relaxation = Concrete(tau, noise_alone=False)
    gates, gradient = sampled(relaxation, logit)
    assert_mean(gates, expected.mean())
    assert_mean(gates**2, (expected**2).mean())
    # By the reparameterisation, the mean's derivative is the mean of the derivatives (Eq. 9).
    slope = expected * (1 - expected) / tau
    assert_mean(gradient, slope.mean())
    torch.testing.assert_close(gradient, gates * (1 - gates) / tau)
    # A gate is above one half as often as the Bernoulli variable that it relaxes is 1.
    assert_mean((gates > 0.5).double(), 1 / (1 + math.exp(-logit)))
    assert_is_without_noise(relaxation, gates, logit, 1 / (1 + math.exp(-logit / tau)))


def assert_is_without_noise(
    relaxation: Concrete, gates: Tensor, logit: float, expected: float
) -> None:
    """The mean gate is the expected one, and what the gates are where the noise is at its median:
    as many are higher as lower."""
    mean = relaxation.mean_gate(torch.tensor([logit], dtype=torch.float64, requires_grad=True))
    assert not mean.requires_grad
    assert mean.item() == pytest.approx(expected, rel=1e-12)
    assert_mean((gates > mean).double(), 0.5)


@pytest.mark.parametrize("logit", [-3.0, 0.0, 1.5])
@pytest.mark.parametrize("tau", [2 / 3, 0.4, 2.0])
def test_tau_divides_the_noise_alone(logit: float, tau: float) -> None:
    """By default, sigmoid(logit + noise / tau): the gates of Eq. 8 at tau times the logit."""
    noise = np.log(MIDPOINTS) - np.log1p(-MIDPOINTS)
    gates, gradient = sampled(Concrete(tau), logit)
    assert_mean(gates, sigmoid(logit + noise / tau).mean())
    torch.testing.assert_close(gradient, gates * (1 - gates))
    assert_mean((gates > 0.5).double(), 1 / (1 + math.exp(-tau * logit)))
    assert_is_without_noise(Concrete(tau), gates, logit, 1 / (1 + math.exp(-logit)))
    parameter = torch.tensor([logit])
    assert Concrete(tau, noise_alone=False).keep(parameter) == Concrete(tau).keep(parameter)


@pytest.mark.parametrize("noise_alone", [True, False])
def test_concrete_gates_are_finite_in_float32(noise_alone: bool) -> None:
    parameter = torch.linspace(-90, 90, 100_001, requires_grad=True)
    gates = Concrete(noise_alone=noise_alone).sample(parameter, generator(0))
    (gradient,) = torch.autograd.grad(gates.sum(), parameter)
    assert gates.dtype == torch.float32
    assert torch.isfinite(gates).all()
    assert torch.isfinite(gradient).all()
    assert (gates.min().item(), gates.max().item()) == (0, 1)


def normal_cdf(z: float) -> float:
    return 0.5 * math.erfc(-z / math.sqrt(2))


@pytest.mark.parametrize("mu", [-1.0, -0.2, 0.5, 1.3])
@pytest.mark.parametrize("sigma", [0.5, 0.1, 2.0])
def test_gaussian_gates_have_their_distribution(mu: float, sigma: float) -> None:
    """CRBG Section III: max(0, min(1, mu + noise)), by quadrature over the Gaussian noise."""
    gates, gradient = sampled(GaussianHardSigmoid(sigma), mu)
    assert ((gates >= 0) & (gates <= 1)).all()
    noise = np.linspace(-8, 8, 400_001)
    weight = np.exp(-(noise**2) / 2) / np.exp(-(noise**2) / 2).sum()
    expected = np.clip(mu + sigma * noise, 0, 1)
    assert abs(gates.mean().item() - (weight * expected).sum()) < 5 * 0.5 / math.sqrt(SAMPLES)
    spread = (weight * expected**2).sum()
    assert abs((gates**2).mean().item() - spread) < 5 * 0.5 / math.sqrt(SAMPLES)
    # The gradient of the clamp is zero outside [0, 1].
    assert torch.equal(gradient, ((gates > 0) & (gates < 1)).double())


@pytest.mark.parametrize("mu", [-1.0, -0.2, 0.0, 0.5])
@pytest.mark.parametrize("sigma", [0.5, 1.0])
def test_gaussian_gates_are_open_as_often_as_they_say(mu: float, sigma: float) -> None:
    gates, _ = sampled(GaussianHardSigmoid(sigma), mu)
    open_share = (gates != 0).double()
    keep, _ = GaussianHardSigmoid(sigma).keep(torch.tensor([mu], dtype=torch.float64))
    assert_mean(open_share, normal_cdf(mu / sigma))
    assert_mean(open_share, keep.item())


@pytest.mark.parametrize("logit", [-2.0, 0.0, 1.0])
@pytest.mark.parametrize("tau", [2 / 3, 1.5])
def test_hard_concrete_gates_have_their_distribution(logit: float, tau: float) -> None:
    """Louizos et al. 2018, Eqs. 10 and 11: stretched to (-0.1, 1.1), clipped to [0, 1]."""
    noise = np.log(MIDPOINTS) - np.log1p(-MIDPOINTS)
    expected = np.clip(1.2 * sigmoid((logit + noise) / tau) - 0.1, 0, 1)
    relaxation = HardConcrete(tau)
    gates, _ = sampled(relaxation, logit)
    assert_mean(gates, expected.mean())
    assert_mean(gates**2, (expected**2).mean())
    # P(gate != 0), by counting and by Eq. 12: sigmoid(logit - tau log(0.1 / 1.1)).
    keep, _ = relaxation.keep(torch.tensor([logit], dtype=torch.float64))
    assert_mean((gates != 0).double(), (expected != 0).mean())
    assert keep.item() == pytest.approx(1 / (1 + math.exp(-logit - tau * math.log(11))))
    noiseless = min(1, max(0, 1.2 / (1 + math.exp(-logit)) - 0.1))
    assert relaxation.mean_gate(torch.tensor(logit)).item() == pytest.approx(noiseless)


PARAMETER = torch.linspace(-4, 4, 41, dtype=torch.float64)


def test_concretes_keep_is_the_sigmoid() -> None:
    keep, slope = Concrete(0.3).keep(PARAMETER)
    expected = [1 / (1 + math.exp(-p)) for p in PARAMETER.tolist()]
    assert keep.tolist() == pytest.approx(expected, rel=1e-12)
    h = 1e-5
    slopes = [
        (1 / (1 + math.exp(-p - h)) - 1 / (1 + math.exp(-p + h))) / (2 * h)
        for p in PARAMETER.tolist()
    ]
    assert slope.tolist() == pytest.approx(slopes, rel=1e-6)
    variable = PARAMETER.clone().requires_grad_()
    (exact,) = torch.autograd.grad(torch.sigmoid(variable).sum(), variable)
    torch.testing.assert_close(slope, exact)


@pytest.mark.parametrize("tau", [2 / 3, 1.5])
def test_hard_concretes_slope_is_the_derivative(tau: float) -> None:
    _, slope = HardConcrete(tau).keep(PARAMETER)
    variable = PARAMETER.clone().requires_grad_()
    (exact,) = torch.autograd.grad(torch.sigmoid(variable + tau * math.log(11)).sum(), variable)
    torch.testing.assert_close(slope, exact)


@pytest.mark.parametrize("sigma", [0.5, 2.0])
def test_gaussians_keep_is_the_normal_cdf(sigma: float) -> None:
    keep, slope = GaussianHardSigmoid(sigma).keep(PARAMETER)
    expected = [normal_cdf(p / sigma) for p in PARAMETER.tolist()]
    assert keep.tolist() == pytest.approx(expected, rel=1e-9)
    h = 1e-5
    slopes = [
        (normal_cdf((p + h) / sigma) - normal_cdf((p - h) / sigma)) / (2 * h)
        for p in PARAMETER.tolist()
    ]
    assert slope.tolist() == pytest.approx(slopes, rel=1e-5, abs=1e-10)
    variable = PARAMETER.clone().requires_grad_()
    cdf = 0.5 * (1 + torch.erf(variable / (sigma * math.sqrt(2))))
    (exact,) = torch.autograd.grad(cdf.sum(), variable)
    torch.testing.assert_close(slope, exact)


LAYOUT = Layout.of_shapes([("a", (5,)), ("b", (1, 4)), ("c", (3,))])


def test_keep_has_no_graph() -> None:
    parameter = torch.linspace(-1, 1, 12).requires_grad_()
    alive = torch.ones(12)
    straight = (StraightThroughTopK(LAYOUT, 0.5), StraightThroughRounding(alive))
    for relaxation in (Concrete(), GaussianHardSigmoid(), HardConcrete(), *straight):
        for part in relaxation.keep(parameter):
            assert part.shape == (12,)
            assert not part.requires_grad


def test_gates_depend_on_the_generator_alone() -> None:
    parameter = torch.linspace(-1, 1, 12)
    for relaxation in (Concrete(), GaussianHardSigmoid(), HardConcrete()):
        torch.manual_seed(0)
        one = relaxation.sample(parameter, generator(0))
        torch.manual_seed(1)
        assert torch.equal(relaxation.sample(parameter, generator(0)), one)
        assert not torch.equal(relaxation.sample(parameter, generator(1)), one)


@given(st.lists(st.floats(-4, 4, width=32), min_size=12, max_size=12), st.floats(0.1, 1))
@settings(max_examples=150, deadline=None)
def test_straight_through_is_the_mask_with_the_scores_gradient(
    scores: list[float], density: float
) -> None:
    parameter = torch.tensor(scores, requires_grad=True)
    relaxation = StraightThroughTopK(LAYOUT, density)
    gates = relaxation.sample(parameter, generator(0))
    expected: list[float] = []
    for start, end in ((0, 5), (5, 9), (9, 12)):
        order = sorted(range(start, end), key=lambda i: (-abs(scores[i]), i))
        chosen = order[: max(1, round(density * (end - start)))]
        expected += [float(i in chosen) for i in range(start, end)]
    assert gates.tolist() == expected

    upstream = torch.linspace(-2, 3, 12)
    (gradient,) = torch.autograd.grad((gates * upstream).sum(), parameter)
    signs = [(score > 0) - (score < 0) for score in scores]
    assert gradient.tolist() == [s * u for s, u in zip(signs, upstream.tolist(), strict=True)]

    keep, slope = relaxation.keep(parameter)
    assert keep.tolist() == expected
    assert not slope.any()


def test_straight_through_over_all_layers_together() -> None:
    scores = torch.tensor([5.0, -6, 0, 0, 1, *[2.0, 0, 0, 0], *[-3.0, 0, 4]])
    gates = StraightThroughTopK(LAYOUT, 1 / 3, per_layer=False).sample(scores, generator(0))
    assert gates.nonzero().flatten().tolist() == [0, 1, 9, 11]


@given(st.lists(st.floats(0, 1, width=32) | st.just(0.5), min_size=6, max_size=6))
@settings(max_examples=100, deadline=None)
def test_rounding_is_exact_and_lets_the_gradient_through(scores: list[float]) -> None:
    alive = torch.tensor([1.0, 1, 1, 0, 1, 0])
    relaxation = StraightThroughRounding(alive)
    parameter = torch.tensor(scores, requires_grad=True)
    gates = relaxation.sample(parameter, generator(0))
    expected = [float(s >= 0.5 and i not in (3, 5)) for i, s in enumerate(scores)]
    assert gates.tolist() == expected
    upstream = torch.tensor([1.0, -2, 3, 4, 5, 6])
    (gradient,) = torch.autograd.grad((gates * upstream).sum(), parameter)
    assert gradient.tolist() == [1, -2, 3, 0, 5, 0]
    keep, slope = relaxation.keep(parameter)
    assert keep.tolist() == expected
    assert not slope.any()
