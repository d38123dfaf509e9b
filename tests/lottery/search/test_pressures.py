"""Sparsity pressures, against the papers' formulas."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lottery.core.layout import Layout
from lottery.search.pressures import ExpectedL0, GradBalance, Lagrange
from lottery.search.relaxations import GaussianHardSigmoid

CPU = torch.device("cpu")


def norm(values: list[float]) -> float:
    return math.sqrt(sum(value**2 for value in values))


def algorithm_2(
    logits: list[float], objective: list[float], kappa: float, eta: float, lam: float
) -> tuple[list[float], float]:
    """Lines 3 to 9 of CTS's Algorithm 2 in Python's numbers.

    Returns:
        lambda * g_sparsity, which line 10 adds to the objective's gradient; lambda.
    """
    d = len(logits)
    alpha = [1 / (1 + math.exp(-logit)) for logit in logits]
    sparsity = sum(alpha) / (kappa * d) - 1
    g_sparsity = [a * (1 - a) / (kappa * d) for a in alpha]
    target = norm(objective) / norm(g_sparsity) if sparsity > 0 else 0.0
    lam = eta * lam + (1 - eta) * target
    return [lam * g for g in g_sparsity], lam


LOGITS = st.lists(st.floats(-5, 5, width=32), min_size=4, max_size=4)


@given(
    st.lists(st.tuples(LOGITS, LOGITS), min_size=1, max_size=6),
    st.sampled_from([0.05, 0.5, 1.0]),
    st.sampled_from([0.0, 0.7, 0.99]),
)
@settings(max_examples=150, deadline=None)
def test_gradbalance_is_algorithm_2(
    steps: list[tuple[list[float], list[float]]], kappa: float, eta: float
) -> None:
    pressure = GradBalance.to(kappa, CPU, slack=1, eta=eta)
    pressure.strength = pressure.strength.double()
    lam = 0.0
    for logits, objective in steps:
        alpha = torch.sigmoid(torch.tensor(logits, dtype=torch.float64))
        found = pressure.gradient(
            alpha, alpha * (1 - alpha), torch.tensor(objective, dtype=torch.float64)
        )
        expected, lam = algorithm_2(logits, objective, kappa, eta, lam)
        assert pressure.strength.item() == pytest.approx(lam, rel=1e-9, abs=1e-300)
        assert found.tolist() == pytest.approx(expected, rel=1e-9, abs=1e-300)


def constant(alpha: float, g: float) -> tuple[Tensor, Tensor, Tensor]:
    """Ten gates: P(gate != 0), its derivative 0.1, the objective's gradient."""
    return torch.full((10,), alpha), torch.full((10,), 0.1), torch.full((10,), g)


def test_gradbalance_by_hand() -> None:
    """kappa_eff = 0.2: the constraint's gradient is 0.1 / (0.2 * 10) = 0.05 for every gate."""
    pressure = GradBalance.to(0.2, CPU, slack=1, eta=0.9)
    assert pressure.strength.item() == 0
    # Too dense. With lambda = 2 / 0.05 = 40 the two gradients have one norm: 0.9 * 0 + 0.1 * 40.
    assert pressure.gradient(*constant(0.5, -2.0)).tolist() == pytest.approx([0.2] * 10)
    assert pressure.strength.item() == pytest.approx(4)
    # Too dense, objective's gradient halved: 0.9 * 4 + 0.1 * 20 = 5.6.
    assert pressure.gradient(*constant(0.21, 1.0)).tolist() == pytest.approx([0.28] * 10)
    assert pressure.strength.item() == pytest.approx(5.6)
    # Sparse enough: the target is 0, and lambda dies away: 5.04, 4.536.
    assert pressure.gradient(*constant(0.19, 9.0)).tolist() == pytest.approx([0.252] * 10)
    pressure.gradient(*constant(0.01, 9.0))
    assert pressure.strength.item() == pytest.approx(4.536)


def test_gradbalance_that_starts_satisfied_does_not_press() -> None:
    pressure = GradBalance.to(0.2, CPU, slack=1, eta=0.9)
    assert not pressure.gradient(*constant(0.1, 1.0)).any()
    assert pressure.strength.item() == 0
    # 0.9 * 0 + 0.1 * 20.
    pressure.gradient(*constant(0.5, 1.0))
    assert pressure.strength.item() == pytest.approx(2)


def test_gradbalance_updates_its_strength_in_place() -> None:
    """A resumed search writes into the same tensor."""
    pressure = GradBalance.to(0.2, CPU, slack=1, eta=0.9)
    strength = pressure.strength
    pressure.gradient(*constant(0.5, 1.0))
    assert pressure.strength is strength
    strength.fill_(7.0)
    pressure.gradient(*constant(0.1, 1.0))
    assert strength.item() == pytest.approx(6.3)


@given(st.lists(LOGITS, min_size=1, max_size=6), st.sampled_from([0.05, 0.5, 1.0]))
@settings(max_examples=50, deadline=None)
def test_lagrange_is_algorithm_1(steps: list[list[float]], kappa: float) -> None:
    """d/d alpha_logit of lambda * (sum alpha / (kappa d) - 1); lambda climbs by its own."""
    pressure = Lagrange(kappa, CPU, lr=0.1)
    pressure.strength = pressure.strength.double()
    lam = 0.0
    for logits in steps:
        variable = torch.tensor(logits, dtype=torch.float64, requires_grad=True)
        alpha = torch.sigmoid(variable)
        constraint = alpha.sum() / (kappa * 4) - 1
        (slope,) = torch.autograd.grad(constraint, variable, retain_graph=True)
        found = pressure.gradient(
            alpha.detach(), (alpha * (1 - alpha)).detach(), torch.full((4,), 7.0)
        )
        assert found.tolist() == pytest.approx((lam * slope).tolist(), rel=1e-9, abs=1e-300)
        lam += 0.1 * constraint.item()
        assert pressure.strength.item() == pytest.approx(lam, rel=1e-9, abs=1e-12)


def test_lagrange_updates_its_strength_in_place_and_may_pull() -> None:
    pressure = Lagrange(0.2, CPU, lr=0.5)
    strength = pressure.strength
    assert not pressure.gradient(*constant(0.1, 1.0)).any()
    assert pressure.strength is strength
    # Sparser than asked for: 0.5 * (0.1 / 0.2 - 1) = -0.25, which opens gates.
    assert strength.item() == pytest.approx(-0.25)
    assert pressure.gradient(*constant(0.1, 1.0)).tolist() == pytest.approx([-0.25 * 0.05] * 10)


def test_gradbalance_with_saturated_gates_is_finite() -> None:
    pressure = GradBalance.to(0.2, CPU, slack=1, eta=0.9)
    found = pressure.gradient(torch.ones(10), torch.zeros(10), torch.ones(10))
    assert not found.any()
    assert torch.isfinite(pressure.strength)


LAYOUT = Layout.of_shapes([("a", (2, 3)), ("b", (4,)), ("c", (1, 1))])


@given(
    st.lists(st.floats(-2, 2, width=32), min_size=11, max_size=11),
    st.sampled_from([0.05, 0.1, 3.0]),
    st.sampled_from([0.5, 1.0]),
)
@settings(max_examples=50, deadline=None)
def test_expected_l0_is_the_gradient_of_the_mean(
    means: list[float], lam: float, sigma: float
) -> None:
    """lambda * mean Phi(mu / sigma), and lambda * the sum of the layers' means, by autograd."""
    mu = torch.tensor(means, dtype=torch.float64, requires_grad=True)
    phi = 0.5 * (1 + torch.erf(mu / (sigma * math.sqrt(2))))
    terms = {
        "mean": lam * phi.mean(),
        "sum_of_layer_means": lam * (phi[:6].mean() + phi[6:10].mean() + phi[10]),
    }
    for reduction, term in terms.items():
        (expected,) = torch.autograd.grad(term, mu, retain_graph=True)
        pressure = ExpectedL0(LAYOUT, lam, reduction, CPU)
        found = torch.full((11,), 5.0, dtype=torch.float64)
        pressure.add_to(found, GaussianHardSigmoid(sigma), mu.detach())
        assert (found - 5).tolist() == pytest.approx(expected.tolist(), rel=1e-6, abs=1e-12)
        assert pressure.strength.item() == pytest.approx(lam)


def test_unknown_reductions_are_refused() -> None:
    with pytest.raises(ValueError, match="unknown pressure_reduction 'sum': valid are mean"):
        ExpectedL0(LAYOUT, 0.1, "sum", CPU)
