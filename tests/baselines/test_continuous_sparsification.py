"""Continuous sparsification, against its algorithm written out in plain float64 steps."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from baselines.continuous_sparsification import continuous_sparsification, gate
from lottery.core.errors import UnknownName
from lottery.core.network import Network
from lottery.core.randomness import child, generator
from lottery.core.result import Result
from lottery.data import Images
from lottery.data.batches import Data
from lottery.search.objectives import Batch, loss
from lottery.search.registry import methods
from tests.baselines.tools import Recorder, chosen, double_digits, runner, scores_of, seeded

D = 640  # prunable weights


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def linear() -> Network:
    """One linear layer with biases."""
    return Network(seeded(nn.Flatten(), nn.Linear(64, 10)))


@pytest.fixture
def data(digits_images: Images) -> Data:
    return double_digits(digits_images)


def draw(
    network: Network, data: Data, density: float = 0.3, **options: Any
) -> tuple[Result, Recorder]:
    recorder = Recorder()
    options = {"epochs": 3, "rounds": 2, "batch_size": 64, **options}
    source = generator(0, "method")
    lent = runner(data, recorder)
    found = continuous_sparsification(network, data, density, source, runner=lent, **options)
    return found, recorder


@pytest.mark.parametrize("s0", [-0.3, 0.0, 0.2])
def test_gates_start_at_one_and_end_as_a_step(s0: float) -> None:
    start = torch.full((4,), s0, dtype=torch.float64)
    assert gate(start, 1.0, s0).tolist() == pytest.approx([1] * 4, rel=1e-6)
    s = torch.tensor([-0.5, -0.01, 0.01, 0.5], dtype=torch.float64)
    for hardness in (1.0, 14.1):
        expected = [sigmoid(hardness * v) / sigmoid(s0) for v in s.tolist()]
        assert gate(s, hardness, s0).tolist() == pytest.approx(expected, rel=1e-6)
    opened = 1 / sigmoid(s0)
    step = [0, 0, opened, opened]
    assert gate(s, 1e5, s0).tolist() == pytest.approx(step, rel=1e-6, abs=1e-12)


def test_the_defaults_are_the_authors() -> None:
    """85 epochs a round, beta up to 200; the weights are not rewound between rounds."""
    assert methods["continuous_sparsification"].options == {
        "use": "ticket",
        "rewind": False,
        "s0": 0.0,
        "lam": 1e-8,
        "beta": 200.0,
        "rounds": 3,
        "epochs": 85,
        "lr": 0.1,
        "weight_decay": 1e-4,
        "batch_size": 128,
    }


def written_out(
    network: Network,
    data: Data,
    *,
    s0: float = 0.0,
    lam: float = 1e-8,
    beta: float = 200.0,
    rounds: int = 2,
    epochs: int = 3,
    lr: float = 0.1,
    weight_decay: float = 1e-4,
    rewind: bool = False,
) -> list[tuple[Tensor, Tensor]]:
    """(s, weights and biases) after every step of a linear layer, 64 images each."""
    theta0 = torch.cat([network.weights, network.rest])
    theta, s = theta0.clone(), torch.full((D,), s0, dtype=torch.float64)
    stream = data.stream(64, child(generator(0, "method"), "order"))
    steps = epochs * 4
    path = []
    for i in range(rounds * steps):
        t = i % steps
        if t == 0 and i > 0:
            s = (beta * s).where(beta * s < s0, s0)
            theta = theta0.clone() if rewind else theta
        if i == 0 or (t == 0 and rewind):
            momentum_theta, momentum_s = torch.zeros_like(theta), torch.zeros_like(s)
        b = beta ** (t / steps)
        x, y = stream[i]
        x = x.flatten(1)
        w, bias = theta[:D].view(10, 64), theta[D:]
        opened = 1 / (1 + torch.exp(-b * s))
        g = opened.view(10, 64) / sigmoid(s0)
        p = (x @ (w * g).T + bias).softmax(1)
        p[torch.arange(64), y] -= 1
        by_effective = p.T @ x / 64
        by_theta = torch.cat([(by_effective * g).flatten(), p.mean(0)])
        slope = b * opened * (1 - opened)
        # lam multiplies the sum of the gates, which are scaled too.
        by_s = ((by_effective * w).flatten() + lam) * slope / sigmoid(s0)
        by_theta = by_theta + weight_decay * theta
        momentum_theta, momentum_s = 0.9 * momentum_theta + by_theta, 0.9 * momentum_s + by_s
        rate = lr if t < steps * 2 / 3 else lr / 10 if t < steps * 5 / 6 else lr / 100
        # Nesterov's: the gradient, and what the momentum will be worth after the next step.
        theta = theta - rate * (by_theta + 0.9 * momentum_theta)
        s = s - rate * (by_s + 0.9 * momentum_s)
        path.append((s, theta))
    return path


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"s0": 0.2, "lam": 1e-3, "beta": 30.0},
        {"s0": -0.1, "rounds": 3, "epochs": 2, "lr": 0.4, "weight_decay": 0.05},
        {"s0": 0.1, "lam": 1e-4, "rounds": 2, "lr": 0.2, "rewind": True},
    ],
    ids=str,
)
def test_it_is_the_algorithm_step_by_step(data: Data, options: dict[str, Any]) -> None:
    """Learning rates, hardening, penalty, momentum, decay; and what happens between rounds."""
    network = linear()
    found, recorder = draw(network, data, **options)
    path = written_out(network, data, **options)
    assert len(path) == len(recorder.loops["search"])
    for state, (s, theta) in zip(recorder.loops["search"], path, strict=True):
        # sigmoid(s0) is a float32 in the code, and every round multiplies s by beta.
        torch.testing.assert_close(state["s"], s, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(state["theta"], theta, rtol=1e-4, atol=1e-5)
    assert torch.equal(found.mask.keep, chosen(scores_of(found.scores), round(0.3 * D)))
    torch.testing.assert_close(scores_of(found.scores), path[-1][0], rtol=1e-4, atol=1e-5)
    # Gates moved, both ways.
    s0 = options.get("s0", 0.0)
    assert (path[11][0] > s0 + 1e-3).any()
    assert (path[11][0] < s0 - 1e-3).any()


@pytest.mark.parametrize("options", [{}, {"rewind": False}, {"rewind": True}], ids=str)
def test_between_rounds_gates_start_anew_and_weights_go_on(
    data: Data, options: dict[str, Any]
) -> None:
    """An open gate starts at s0 again, a closed one stays closed; weights go back only if asked."""
    network = linear()
    _, recorder = draw(network, data, lr=0.3, rounds=2, **options)
    begin = torch.cat([network.weights, network.rest])
    ends, firsts = recorder.loops["search"][11], recorder.loops["search"][12]
    assert (ends["theta"] - begin).abs().max() > 0.1
    # A round's first step is short: the place it starts from is the nearer one.
    back = (firsts["theta"] - begin).norm() < (firsts["theta"] - ends["theta"]).norm()
    assert back == options.get("rewind", False)
    assert min((firsts["theta"] - place).abs().max() for place in (begin, ends["theta"])) < 0.2
    suppressed, opened = ends["s"] < -0.05, ends["s"] > 0
    assert suppressed.sum() > 10
    assert opened.sum() > 10
    assert (firsts["s"][suppressed] < 200 * -0.05 / 2).all()
    assert (firsts["s"][opened].abs() < 0.3).all()  # a step away, momentum included
    last = recorder.loops["search"][-1]["s"]
    assert (last[suppressed] < -1).all()
    assert gate(last[suppressed], 1.0, 0.0).max() < 0.02
    torch.testing.assert_close(last[suppressed], 200 * ends["s"][suppressed], rtol=1e-2, atol=0)
    assert (last[opened] > 0).any()


def test_what_was_suppressed_is_pruned_in_the_end(data: Data) -> None:
    found, recorder = draw(linear(), data, density=0.2, lr=0.3, rounds=3)
    first = recorder.loops["search"][11]["s"]
    second = recorder.loops["search"][23]["s"]
    assert not found.mask.keep[(first < -0.05) | (second < -0.05)].any()


def test_a_ticket_lies_over_the_weights_it_was_given(data: Data) -> None:
    network = linear()
    before = network.weights.clone()
    found, _ = draw(network, data)
    assert found.trained is None
    assert found.soft_gates is None
    assert torch.equal(network.weights, before)


@pytest.mark.parametrize("s0", [-0.3, 0.0, 0.5])
def test_pruning_keeps_the_weights_of_the_last_round(data: Data, s0: float) -> None:
    """They were trained under gates that open to 1 / sigmoid(s0), so that factor stays."""
    network = linear()
    found, recorder = draw(network, data, use="pruning", s0=s0)
    theta = recorder.loops["search"][-1]["theta"]
    keep = found.mask.keep
    assert found.trained is not None
    assert (found.trained.weights[~keep] == 0).all()
    expected = theta[:D][keep] / sigmoid(s0)
    torch.testing.assert_close(found.trained.weights[keep], expected, rtol=1e-6, atol=0)
    assert torch.equal(found.trained.rest, theta[D:])
    ticket, _ = draw(network, data, use="ticket", s0=s0)
    assert torch.equal(ticket.mask.keep, keep)


def test_pruning_gives_the_network_that_was_trained(data: Data) -> None:
    """Where the gates have hardened and the density is their own, the outputs are those of the
    last step: much closer than those without the factor."""
    network = linear()
    options: dict[str, Any] = {"use": "pruning", "epochs": 12, "rounds": 1, "lr": 0.2}
    _, recorder = draw(network, data, **options)
    end = recorder.loops["search"][-1]
    own = (end["s"] > 0).double().mean().item()
    assert 0.1 < own < 0.9
    found, _ = draw(network, data, own, **options)
    assert found.trained is not None
    x, y = data.take(torch.arange(256))
    soft = network.run(x, end["theta"][:D] * gate(end["s"], 200.0, 0.0), end["theta"][D:])
    error = (found.trained(x) - soft).norm() / soft.norm()
    halved = network.run(x, found.trained.weights / 2, found.trained.rest)
    assert error < 0.2
    assert (halved - soft).norm() / soft.norm() > 0.4
    everything = torch.ones(D, dtype=torch.float64)
    batch = Batch(network, x, y)
    assert loss(found.trained, everything, batch) < 0.5 * loss(network, everything, batch)


def test_a_higher_start_is_denser(data: Data) -> None:
    """The paper's own mask, s > 0, where s0 sets the density."""
    shares = []
    for s0 in (-0.1, 0.0, 0.1):
        found, _ = draw(linear(), data, s0=s0, rounds=1)
        shares.append((scores_of(found.scores) > 0).double().mean().item())
    assert shares == sorted(shares)
    assert shares[0] < shares[2] - 0.1


def test_an_unknown_use(digits: Data, tiny: Network) -> None:
    with pytest.raises(UnknownName, match="unknown use 'tickt': did you mean ticket"):
        draw(tiny, digits, use="tickt")
