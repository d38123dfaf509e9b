"""Edge-popup after an epsilon-perturbation: projected descent in a box, then edge-popup."""

from typing import Any

import pytest
import torch
from torch import nn

from baselines.edge_popup import edge_popup
from baselines.edge_popup_epsilon import edge_popup_epsilon
from lottery.core.errors import BadInput
from lottery.core.initialisation import Initialisation
from lottery.core.network import Network
from lottery.core.randomness import child, generator
from lottery.core.result import Result
from lottery.data import Images
from lottery.data.batches import Data
from lottery.models.zoo import build
from lottery.search.objectives import Batch, loss
from lottery.search.registry import methods
from tests.baselines.tools import Recorder, double_digits, runner, scores_of, seeded


def draw(
    network: Network, data: Data, density: float = 0.5, **options: Any
) -> tuple[Result, Recorder]:
    recorder = Recorder()
    options = {"perturbation_epochs": 3, "epochs": 2, **options}
    source = generator(0, "method")
    lent = runner(data, recorder)
    return edge_popup_epsilon(network, data, density, source, runner=lent, **options), recorder


@pytest.fixture
def lenet() -> Network:
    return build(
        "lenet-300-100", (1, 8, 8), 10, 0, initialisation=Initialisation("signed_constant")
    )


@pytest.mark.parametrize("epsilon", [0.003, 0.01, 0.2])
def test_no_weight_moves_further_than_epsilon(digits: Data, lenet: Network, epsilon: float) -> None:
    _, recorder = draw(lenet, digits, epsilon=epsilon, perturbation_lr=1.0)
    path = recorder.trace("perturbation", "weights")
    assert len(path) == 6
    moved = (path - lenet.weights).abs()
    assert moved.max() <= epsilon * (1 + 1e-4)
    # The bound is reached, on either side, and not by all.
    signed = path[-1] - lenet.weights
    assert signed.max().item() == pytest.approx(epsilon, rel=1e-3)
    assert signed.min().item() == pytest.approx(-epsilon, rel=1e-3)
    assert (moved[-1] < 0.5 * epsilon).any()


def test_the_perturbation_is_projected_sgd_on_the_dense_loss(digits_images: Images) -> None:
    data = double_digits(digits_images)
    network = Network(seeded(nn.Flatten(), nn.Linear(64, 10)))
    epsilon, lr = 0.02, 0.3
    options = {"epsilon": epsilon, "perturbation_lr": lr, "batch_size": 64}
    _, recorder = draw(network, data, **options)
    start = network.weights.view(10, 64)
    w, buffer = start.clone(), torch.zeros(10, 64, dtype=torch.float64)
    stream = data.stream(64, child(generator(0, "method"), "perturbation"))
    path = recorder.trace("perturbation", "weights")
    for i in range(12):
        x, y = stream[i]
        x = x.flatten(1)
        p = (x @ w.T + network.rest).softmax(1)
        p[torch.arange(64), y] -= 1
        buffer = 0.9 * buffer + p.T @ x / 64
        w = torch.minimum(torch.maximum(w - lr * buffer, start - epsilon), start + epsilon)
        torch.testing.assert_close(path[i], w.flatten(), rtol=1e-12, atol=1e-12)
    assert ((w - start).abs() > 0.99 * epsilon).any()
    assert ((w - start).abs() < 0.99 * epsilon).any()


def test_the_perturbation_lowers_the_dense_loss(digits: Data, lenet: Network) -> None:
    _, recorder = draw(lenet, digits, epsilon=0.02)
    perturbed = lenet.at(recorder.loops["perturbation"][-1]["weights"])
    batch = Batch(lenet, *digits.take(torch.arange(256)))
    ones = torch.ones_like(lenet.weights)
    assert loss(perturbed, ones, batch) < 0.7 * loss(lenet, ones, batch)


def test_edge_popup_then_runs_on_the_perturbed_weights(digits: Data, lenet: Network) -> None:
    found, recorder = draw(lenet, digits, 0.3)
    weights = recorder.loops["perturbation"][-1]["weights"]
    source, lent = generator(0, "method"), runner(digits)
    expected = edge_popup(lenet.at(weights), digits, 0.3, source, runner=lent, epochs=2)
    assert torch.equal(found.mask.keep, expected.mask.keep)
    assert torch.equal(scores_of(found.scores), scores_of(expected.scores))
    # And not what it would find on the initial weights.
    source = generator(0, "method")
    unperturbed = edge_popup(lenet, digits, 0.3, source, runner=runner(digits), epochs=2)
    assert not torch.equal(scores_of(found.scores), scores_of(unperturbed.scores))
    assert found.trained is not None
    assert torch.equal(found.trained.weights, weights * found.mask.keep)
    assert torch.equal(found.trained.rest, lenet.rest)


def test_the_given_network_is_left_alone(digits: Data, lenet: Network) -> None:
    weights, rest = lenet.weights.clone(), lenet.rest.clone()
    parameters = [p.detach().clone() for p in lenet.module.parameters()]
    found, _ = draw(lenet, digits, epsilon=0.5)
    assert found.trained is not None
    kept = found.mask.keep
    assert (found.trained.weights[kept] != weights[kept]).float().mean() > 0.9
    assert torch.equal(lenet.weights, weights)
    assert torch.equal(lenet.rest, rest)
    for parameter, before in zip(lenet.module.parameters(), parameters, strict=True):
        assert torch.equal(parameter, before)


def test_without_epsilon_it_is_edge_popup(digits: Data, lenet: Network) -> None:
    found, _ = draw(lenet, digits, 0.3, epsilon=0.0)
    source = generator(0, "method")
    expected = edge_popup(lenet, digits, 0.3, source, runner=runner(digits), epochs=2)
    assert torch.equal(found.mask.keep, expected.mask.keep)
    assert found.trained is not None
    assert torch.equal(found.trained.weights, lenet.weights * expected.mask.keep)


def test_it_brings_its_own_weights() -> None:
    method = methods["edge_popup_epsilon"]
    assert method.own_weights
    assert not method.strong
    assert method.pruned_at == "init"


@pytest.mark.parametrize("density", [0.0, 2.0])
def test_an_invalid_density(digits: Data, tiny: Network, density: float) -> None:
    with pytest.raises(BadInput, match=f"density {density} is outside"):
        draw(tiny, digits, density)
