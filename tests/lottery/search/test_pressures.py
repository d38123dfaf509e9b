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
UNUSED = torch.tensor(math.nan)  # a norm that plays no part


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
    pressure = GradBalance.to(kappa, CPU, slack=1, eta=eta, by_part=False)
    pressure.strength = pressure.strength.double()
    lam = 0.0
    for logits, objective in steps:
        alpha = torch.sigmoid(torch.tensor(logits, dtype=torch.float64))
        found = pressure.gradient(
            alpha, alpha * (1 - alpha), torch.tensor(objective, dtype=torch.float64), UNUSED
        )
        expected, lam = algorithm_2(logits, objective, kappa, eta, lam)
        assert pressure.strength.item() == pytest.approx(lam, rel=1e-9, abs=1e-300)
        assert found.tolist() == pytest.approx(expected, rel=1e-9, abs=1e-300)


def constant(alpha: float, g: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Ten gates: P(gate != 0), its derivative 0.1, the objective's gradient and its norm."""
    gradient = torch.full((10,), g)
    return torch.full((10,), alpha), torch.full((10,), 0.1), gradient, gradient.norm()


@given(
    st.lists(st.tuples(LOGITS, st.lists(LOGITS, min_size=4, max_size=4)), min_size=1, max_size=6),
    st.booleans(),
)
@settings(max_examples=50, deadline=None)
def test_gradbalances_target_is_the_parts_mean_norm_or_the_means_norm(
    steps: list[tuple[list[float], list[list[float]]]], by_part: bool
) -> None:
    """Four parts' gradients: each part's target, averaged; or one target from the average."""
    pressure = GradBalance.to(0.5, CPU, slack=1, eta=0.7, by_part=by_part)
    pressure.strength = pressure.strength.double()
    lam = 0.0
    for logits, parts in steps:
        alpha = torch.sigmoid(torch.tensor(logits, dtype=torch.float64))
        mean = [sum(column) / 4 for column in zip(*parts, strict=True)]
        norms = torch.tensor([norm(part) for part in parts], dtype=torch.float64)
        g = torch.tensor(mean, dtype=torch.float64)
        pressure.gradient(alpha, alpha * (1 - alpha), g, norms.mean())
        if by_part:
            ends = [algorithm_2(logits, part, 0.5, 0.7, lam)[1] for part in parts]
            lam = sum(ends) / 4
        else:
            lam = algorithm_2(logits, mean, 0.5, 0.7, lam)[1]
        assert pressure.strength.item() == pytest.approx(lam, rel=1e-9, abs=1e-300)


def test_gradbalance_goes_by_part_unless_told_otherwise() -> None:
    """Two parts that pull in opposite directions: their mean is nothing, their norms are not."""
    keep, slope, nothing = torch.full((10,), 0.5), torch.full((10,), 0.1), torch.zeros(10)
    for options, expected in (({}, 0.1 * 40), ({"by_part": False}, 0.0)):
        pressure = GradBalance.to(0.2, CPU, slack=1, eta=0.9, **options)
        pressure.gradient(keep, slope, nothing, torch.tensor(2 * math.sqrt(10)))
        assert pressure.strength.item() == pytest.approx(expected)


def test_lagranges_step_falls_with_the_searchs_rate() -> None:
    pressure = Lagrange(0.2, CPU, lr=0.5)
    steps = []
    for factor in (1.0, 0.1, 0.1, 1.0):
        before = pressure.strength.item()
        pressure.set_rate(factor)
        pressure.gradient(*constant(0.3, 1.0))
        steps.append(pressure.strength.item() - before)
    # The constraint is 0.3 / 0.2 - 1.
    assert steps == pytest.approx([0.25, 0.025, 0.025, 0.25])


def test_gradbalance_has_no_rate() -> None:
    one, other = (GradBalance.to(0.2, CPU, slack=1, eta=0.9) for _ in range(2))
    other.set_rate(0.1)
    for pressure in (one, other):
        pressure.gradient(*constant(0.5, 1.0))
    assert one.strength == other.strength


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
    pressure = Lagrange(kappa, CPU, lr=0.125)  # which float32 has exactly
    pressure.strength = pressure.strength.double()
    lam = 0.0
    for logits in steps:
        variable = torch.tensor(logits, dtype=torch.float64, requires_grad=True)
        alpha = torch.sigmoid(variable)
        constraint = alpha.sum() / (kappa * 4) - 1
        (slope,) = torch.autograd.grad(constraint, variable, retain_graph=True)
        found = pressure.gradient(
            alpha.detach(), (alpha * (1 - alpha)).detach(), torch.full((4,), 7.0), UNUSED
        )
        assert found.tolist() == pytest.approx((lam * slope).tolist(), rel=1e-9, abs=1e-300)
        lam += 0.125 * constraint.item()
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
    found = pressure.gradient(
        torch.ones(10), torch.zeros(10), torch.ones(10), torch.tensor(math.sqrt(10))
    )
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
        pressure.add_to(found, GaussianHardSigmoid(sigma), mu.detach(), UNUSED)
        assert (found - 5).tolist() == pytest.approx(expected.tolist(), rel=1e-6, abs=1e-12)
        assert pressure.strength.item() == pytest.approx(lam)


def test_unknown_reductions_are_refused() -> None:
    with pytest.raises(ValueError, match="unknown pressure_reduction 'sum': valid are mean"):
        ExpectedL0(LAYOUT, 0.1, "sum", CPU)
