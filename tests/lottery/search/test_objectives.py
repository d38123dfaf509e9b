"""The objectives of CTS, against their formulas in numpy."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor, nn

from lottery.core.errors import UnknownName
from lottery.core.network import Network
from lottery.search.objectives import Batch, kl, loss
from lottery.search.registry import objectives
from tests.conftest import tiny_module

X = torch.linspace(-2, 2, 6 * 64).reshape(6, 1, 8, 8).sin()
LABELS = torch.tensor([3, 1, 4, 1, 5, 9])
GATES = torch.linspace(0, 1, 436).roll(200)


def probabilities(logits: Tensor) -> NDArray[np.float64]:
    exponentials = np.exp(logits.detach().double().numpy())
    return np.asarray(exponentials / exponentials.sum(1, keepdims=True))


def divergence(p: NDArray[np.float64], q: NDArray[np.float64]) -> float:
    """D(p || q) of the rows, their mean."""
    return float((p * np.log(p / q)).sum(1).mean())


@pytest.fixture
def peaked() -> Network:
    """A network whose outputs are far from uniform, so that the two directions differ."""
    network = Network(tiny_module())
    return network.at(network.weights * 4)


def test_loss_is_the_gated_networks_cross_entropy(peaked: Network) -> None:
    gated = probabilities(peaked(X, GATES))
    expected = -np.log(gated[np.arange(6), LABELS.numpy()]).mean()
    assert loss(peaked, GATES, Batch(peaked, X, LABELS)).item() == pytest.approx(expected, rel=1e-5)


def test_kl_is_of_the_gated_network_from_the_dense_one(peaked: Network) -> None:
    gated, dense = probabilities(peaked(X, GATES)), probabilities(peaked(X))
    reverse, forward = divergence(gated, dense), divergence(dense, gated)
    assert abs(reverse - forward) > 0.05 * reverse
    assert kl(peaked, GATES, Batch(peaked, X, LABELS)).item() == pytest.approx(reverse, rel=1e-5)


def test_kl_does_not_see_the_labels(peaked: Network) -> None:
    batches = (Batch(peaked, X, labels) for labels in (LABELS, LABELS.flip(0)))
    assert torch.equal(*(kl(peaked, GATES, batch) for batch in batches))


def test_kl_is_zero_under_ones_and_its_gradient_too(peaked: Network) -> None:
    ones = torch.ones(436, requires_grad=True)
    value = kl(peaked, ones, Batch(peaked, X, LABELS))
    assert abs(value.item()) < 1e-6
    (gradient,) = torch.autograd.grad(value, ones)
    assert gradient.abs().max() < 1e-5
    (elsewhere,) = torch.autograd.grad(kl(peaked, ones * GATES, Batch(peaked, X, LABELS)), ones)
    assert elsewhere.abs().max() > 1e-3


@given(st.lists(st.floats(0, 1, width=32), min_size=8, max_size=8))
@settings(max_examples=30, deadline=None)
def test_kl_is_never_negative(values: list[float]) -> None:
    network = Network(tiny_module())
    gates = torch.tensor(values).repeat(55)[:436]
    assert kl(network, gates, Batch(network, X, LABELS)).item() > -1e-6


def test_no_gradient_flows_into_the_dense_pass() -> None:
    """With weights that ask for a gradient, KL gives them that of the gated pass alone."""
    network = Network(nn.Sequential(nn.Flatten(), nn.Linear(64, 10, bias=False)))
    w = network.weights.mul(3).requires_grad_()
    gates = torch.linspace(0, 1, 640).roll(100)
    network.weights = w
    (found,) = torch.autograd.grad(kl(network, gates, Batch(network, X, LABELS)), w)

    def term(gated: Tensor, dense: Tensor) -> Tensor:
        log_p = (X.flatten(1) @ gated.view(10, 64).T).log_softmax(1)
        log_q = (X.flatten(1) @ dense.view(10, 64).T).log_softmax(1)
        return (log_p.exp() * (log_p - log_q)).sum(1).mean()

    (expected,) = torch.autograd.grad(term(w * gates, w.detach()), w)
    (with_both,) = torch.autograd.grad(term(w * gates, w), w)
    assert not torch.allclose(expected, with_both, atol=1e-3)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("objective", [loss, kl])
def test_objectives_are_scalars_that_gates_can_be_learnt_from(
    peaked: Network, objective: Callable[..., Tensor]
) -> None:
    gates = GATES.double().requires_grad_()
    network = Network(tiny_module().double())
    batch = Batch(network, X.double(), LABELS)
    value = objective(network, gates, batch)
    assert value.shape == ()
    (gradient,) = torch.autograd.grad(value, gates)
    # Against central differences, for the gates whose gradient is largest.
    for place in gradient.abs().topk(4).indices.tolist():
        h = torch.zeros(436, dtype=torch.float64)
        h[place] = 1e-5
        with torch.no_grad():
            up = objective(network, gates + h, batch)
            down = objective(network, gates - h, batch)
        assert gradient[place].item() == pytest.approx((up - down).item() / 2e-5, rel=1e-4)


def test_objectives_are_registered_by_name() -> None:
    assert objectives["loss"] is loss
    assert objectives["kl"] is kl
    with pytest.raises(UnknownName, match="unknown objective 'kll': did you mean kl"):
        objectives["kll"]
