"""The six objectives R of CTS (Section IV-C), each against its formula on an edited plain module.

The references run in float64 on copies of the module whose weights are multiplied in place; they
use neither Network nor lottery.search.objectives.
"""

import copy
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from lottery.core.choices import Precision
from lottery.core.network import Network
from lottery.models.zoo import build
from lottery.search.objectives import Batch, measure
from lottery.search.registry import objectives
from tests.conftest import tiny_module, vit

SIX = ("loss", "delta_loss", "grad_norm", "kl", "feature", "grad_match")
DISTANCES = ("delta_loss", "kl", "feature", "grad_match")  # zero where nothing is pruned
Array = NDArray[np.float64]
Reference = Callable[[nn.Module, Tensor, Tensor, Tensor], float]

X = torch.linspace(-2, 2, 6 * 64, dtype=torch.float64).reshape(6, 1, 8, 8).sin()
LABELS = torch.tensor([3, 1, 4, 1, 5, 9])
GATES = torch.linspace(0, 1, 436, dtype=torch.float64).roll(200)
BINARY = (GATES * 7 % 1 > 0.6).double()


def peaked() -> nn.Module:
    """The tiny convolutional network in float64, with outputs that are far from uniform."""
    module = tiny_module().double()
    with torch.no_grad():
        for layer in prunable(module):
            layer.weight.mul_(3)
    return module


def prunable(module: nn.Module) -> list[nn.Conv2d | nn.Linear]:
    return [m for m in module.modules() if isinstance(m, nn.Conv2d | nn.Linear)]


def edited(module: nn.Module, gates: Tensor) -> nn.Module:
    twin = copy.deepcopy(module)
    layers = prunable(twin)
    parts = torch.split(gates, [layer.weight.numel() for layer in layers])
    with torch.no_grad():
        for layer, part in zip(layers, parts, strict=True):
            layer.weight.mul_(part.view(layer.weight.shape))
    return twin


def log_probabilities(module: nn.Module, x: Tensor) -> Array:
    logits = module(x).detach().numpy().astype(np.float64)
    return np.asarray(logits - np.log(np.exp(logits).sum(1, keepdims=True)))


def gradients(
    module: nn.Module, gates: Tensor, x: Tensor, y: Tensor
) -> tuple[list[Array], list[Array]]:
    """Per layer, the gradient of L(gates * theta) by theta: the gates times the backward pass; and
    the gradients by all other parameters, biases and norms."""
    twin = edited(module, gates)
    F.cross_entropy(twin(x), y).backward()  # type: ignore[no-untyped-call]
    weights = [layer.weight for layer in prunable(twin)]
    parts = torch.split(gates, [w.numel() for w in weights])
    found = {id(p): p.grad for p in twin.parameters() if p.grad is not None}
    layers = [
        (found.pop(id(w)).flatten() * part).numpy() for w, part in zip(weights, parts, strict=True)
    ]
    return layers, [g.numpy() for g in found.values()]


def activations(module: nn.Module, x: Tensor) -> list[Array]:
    """What every activation layer puts out, and the softmax; a row for each image."""
    outputs: list[Array] = []
    twin = copy.deepcopy(module)
    for layer in twin.modules():
        if isinstance(layer, nn.ReLU | nn.GELU | nn.Tanh):
            layer.register_forward_hook(lambda m, i, out: outputs.append(out.detach().numpy()))
    softmax = np.exp(log_probabilities(twin, x))
    return [output.reshape(len(x), -1).astype(np.float64) for output in [*outputs, softmax]]


def distances(ticket: list[Array], parent: list[Array]) -> list[float]:
    """Layer by layer MSE(N(ticket), N(parent)), N of the last axis, with an unbiased variance."""

    def normalised(a: Array) -> Array:
        centred = a - a.mean(-1, keepdims=True)
        return np.asarray(centred / a.std(-1, ddof=1, keepdims=True))

    return [
        float(np.mean((normalised(t) - normalised(p)) ** 2))
        for t, p in zip(ticket, parent, strict=True)
    ]


def task_loss(module: nn.Module, x: Tensor, y: Tensor) -> float:
    return -float(log_probabilities(module, x)[np.arange(len(y)), y.numpy()].mean())


def loss(module: nn.Module, gates: Tensor, x: Tensor, y: Tensor) -> float:
    return task_loss(edited(module, gates), x, y)


def delta_loss(module: nn.Module, gates: Tensor, x: Tensor, y: Tensor) -> float:
    return abs(task_loss(edited(module, gates), x, y) / task_loss(module, x, y) - 1)


def grad_norm(module: nn.Module, gates: Tensor, x: Tensor, y: Tensor) -> float:
    layers, rest = gradients(module, gates, x, y)
    return -math.sqrt(sum(float((g**2).sum()) for g in [*layers, *rest]))


def kl(module: nn.Module, gates: Tensor, x: Tensor, y: Tensor) -> float:
    log_p, log_q = log_probabilities(edited(module, gates), x), log_probabilities(module, x)
    return float((np.exp(log_p) * (log_p - log_q)).sum(1).mean())


def feature(module: nn.Module, gates: Tensor, x: Tensor, y: Tensor) -> float:
    layers = distances(activations(edited(module, gates), x), activations(module, x))
    return sum(layers) / len(layers)


def grad_match(module: nn.Module, gates: Tensor, x: Tensor, y: Tensor) -> float:
    ticket, parent = (gradients(module, g, x, y)[0] for g in (gates, torch.ones_like(gates)))
    layers = distances(ticket, parent)
    return sum(layers) / len(layers)


REFERENCES: dict[str, Reference] = {
    "loss": loss,
    "delta_loss": delta_loss,
    "grad_norm": grad_norm,
    "kl": kl,
    "feature": feature,
    "grad_match": grad_match,
}


def measured(
    name: str, network: Network, gates: Tensor, x: Tensor = X, y: Tensor = LABELS
) -> Tensor:
    value: Tensor = objectives[name](network, gates, Batch(network, x, y))
    return value


def test_the_six_are_registered() -> None:
    assert sorted(REFERENCES) == sorted(SIX)
    assert set(SIX) <= set(objectives.names())


@pytest.mark.parametrize("gates", [GATES, BINARY, 1 + 0.06 * (9 * GATES).sin()])
@pytest.mark.parametrize("name", SIX)
def test_an_objective_is_its_formula(name: str, gates: Tensor) -> None:
    module = peaked()
    expected = REFERENCES[name](module, gates, X, LABELS)
    found = measured(name, Network(module), gates)
    assert found.shape == ()
    assert abs(expected) > 1e-4
    assert found.item() == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("name", DISTANCES)
def test_nothing_is_lost_where_nothing_is_pruned(name: str) -> None:
    network, ones = Network(peaked()), torch.ones(436, dtype=torch.float64, requires_grad=True)
    value = measured(name, network, ones)
    assert abs(value.item()) < 1e-12
    (gradient,) = torch.autograd.grad(value, ones)
    assert gradient.abs().max() < 1e-12
    assert measured(name, network, ones * GATES).item() > 1e-3


@pytest.mark.parametrize("name", ["loss", "grad_norm"])
def test_the_others_have_a_gradient_there(name: str) -> None:
    network, ones = Network(peaked()), torch.ones(436, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(measured(name, network, ones), ones)
    assert gradient.abs().max() > 1e-3


@pytest.mark.parametrize("name", SIX)
def test_the_gradient_is_the_slope(name: str) -> None:
    """By central differences of the reference, for the gates of highest and lowest gradient."""
    module = peaked()
    gates = GATES.clone().requires_grad_()
    value = measured(name, Network(module), gates)
    (gradient,) = torch.autograd.grad(value, gates)
    places = [*gradient.topk(3).indices.tolist(), *(-gradient).topk(3).indices.tolist()]
    h = 1e-5
    for place in places:
        step = torch.zeros_like(GATES)
        step[place] = h
        up, down = (REFERENCES[name](module, GATES + s, X, LABELS) for s in (step, -step))
        assert gradient[place].item() == pytest.approx((up - down) / (2 * h), rel=1e-4)


def test_delta_loss_counts_a_lower_loss_as_well() -> None:
    """Where pruning lowers the loss, it grows too."""
    network, module = Network(peaked()), peaked()
    better = []
    for seed in range(40):
        draw = torch.Generator().manual_seed(seed)
        gates = 1 + 0.3 * torch.randn(436, generator=draw, dtype=torch.float64)
        if loss(module, gates, X, LABELS) < loss(module, torch.ones_like(gates), X, LABELS):
            better.append(measured("delta_loss", network, gates).item())
    assert len(better) > 3
    assert min(better) > 0


def without_bias() -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return nn.Sequential(
            nn.Flatten(),
            nn.Linear(64, 12, bias=False),
            nn.Tanh(),
            Scaled(),
            nn.Linear(12, 10, bias=False),
        ).double()


class Scaled(nn.Module):
    """The identity, but the gradient that passes is multiplied."""

    factor = 1.0

    def forward(self, x: Tensor) -> Tensor:
        inflated = self.factor * x
        return inflated + (x - inflated).detach()


def test_images_are_normalised_one_by_one_and_layers_count_alike() -> None:
    """A factor of its own on each image's activations is no change; and a layer of 10 outputs
    weighs as much as one of 300."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        module = nn.Sequential(
            nn.Flatten(), nn.Linear(64, 300, bias=False), nn.ReLU(), nn.Linear(300, 10, bias=False)
        ).double()
    gates = torch.ones(64 * 300 + 3000, dtype=torch.float64)
    gates[: 64 * 300] = 3  # all outputs of the ReLU three times as large, and so the logits
    network = Network(module)
    inner, softmax = distances(activations(edited(module, gates), X), activations(module, X))
    assert inner < 1e-20
    assert softmax > 1e-3
    assert measured("feature", network, gates).item() == pytest.approx(softmax / 2, rel=1e-9)
    # Rows of the batch have nothing to do with each other, unlike where a norm mixes them.
    values = [
        measured("feature", network, gates.roll(9), X[i : i + 1], LABELS[i : i + 1]).item()
        for i in range(6)
    ]
    whole = measured("feature", network, gates.roll(9)).item()
    assert whole == pytest.approx(sum(values) / 6, rel=1e-9)


@pytest.mark.parametrize("kind", ["0.bias", "1.weight", "1.bias", "5.bias"])
def test_biases_and_norms_count_in_the_gradients_norm(kind: str) -> None:
    """Without one of them it would be another number."""
    module = peaked()
    layers, rest = gradients(module, GATES, X, LABELS)
    names = [name for name, _ in module.named_parameters() if name not in ("0.weight", "5.weight")]
    of_kind = dict(zip(names, rest, strict=True))[kind]
    found = measured("grad_norm", Network(module), GATES).item()
    without = found**2 - float((of_kind**2).sum())
    # A bias before a norm has no gradient.
    assert (kind == "0.bias") == (without == pytest.approx(found**2, rel=1e-9))
    assert found**2 == pytest.approx(sum(float((g**2).sum()) for g in [*layers, *rest]), rel=1e-9)


def test_a_layers_gradient_scale_does_not_count() -> None:
    module = without_bias()
    gates = torch.linspace(0, 1, 64 * 12 + 120, dtype=torch.float64).roll(300)
    values, norms = [], []
    for factor in (1.0, 50.0):
        next(m for m in module if isinstance(m, Scaled)).factor = factor  # type: ignore[attr-defined]
        values.append(measured("grad_match", Network(module), gates).item())
        norms.append(measured("grad_norm", Network(module), gates).item())
    assert values[0] > 1e-2
    assert values[1] == pytest.approx(values[0], rel=1e-9)
    assert abs(norms[1]) > 2 * abs(norms[0])


@pytest.mark.parametrize("name", SIX)
@pytest.mark.parametrize("gates", [torch.zeros(436), torch.ones(436), BINARY.float()])
def test_gradients_are_finite_at_extreme_gates(name: str, gates: Tensor) -> None:
    """All gates closed: layers put out constants, whose variance is zero."""
    variable = gates.clone().requires_grad_()
    network = Network(tiny_module())
    value = measured(name, network, variable, X.float())
    (gradient,) = torch.autograd.grad(value, variable)
    assert value.isfinite()
    assert gradient.isfinite().all()


def resnet20() -> nn.Module:
    return build("resnet20", (3, 32, 32), 10, seed=0).module


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("make", [resnet20, vit])
@pytest.mark.parametrize("name", SIX)
def test_any_model_at_any_precision(
    name: str, make: Callable[[], nn.Module], precision: Precision
) -> None:
    module = make()
    x = torch.linspace(-3, 3, 4 * 3 * 32 * 32).reshape(4, 3, 32, 32).sin()
    y = torch.tensor([0, 3, 9, 3])
    network = Network(module, precision=precision)
    draw = torch.Generator().manual_seed(0)
    gates = torch.rand(network.layout.total, generator=draw).requires_grad_()
    value = measured(name, network, gates, x, y)
    (gradient,) = torch.autograd.grad(value, gates)
    assert value.dtype == gradient.dtype == torch.float32
    assert gradient.isfinite().all()
    assert gradient.norm() > 0
    # Few weights only are without influence.
    assert (gradient == 0).float().mean() < 0.2
    # bfloat16 carries 8 bits through many layers.
    exact = REFERENCES[name](module.float(), gates.detach(), x, y)
    assert value.item() == pytest.approx(exact, rel=2e-4 if precision == "float32" else 0.1)


def test_what_the_dense_network_makes_of_a_batch_has_no_graph() -> None:
    batch = Batch(Network(peaked()), X, LABELS)
    parts = [batch.dense_logits, batch.dense_gradient, *batch.dense_activations]
    assert not any(part.requires_grad for part in parts)


def test_the_dense_network_runs_once_for_all_of_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once for its logits, once for its activations, and once for its gradient."""
    network, dense, gated = Network(peaked()), 0, 0
    run = Network.run

    def counting(self: Network, x: Tensor, weights: Tensor, *more: Any, **named: Any) -> Tensor:
        nonlocal dense, gated
        dense += (same := bool(torch.equal(weights, network.weights)))
        gated += not same
        return run(self, x, weights, *more, **named)

    one_by_one = {name: measured(name, network, GATES).item() for name in SIX}
    one_by_one["feature"] *= 2  # a sum over the ReLU and the softmax
    monkeypatch.setattr(Network, "run", counting)
    monkeypatch.setattr(objectives, "_found", {name: objectives[name] for name in SIX})
    assert measure(network, GATES, [(X, LABELS), (X, LABELS)]) == pytest.approx(one_by_one)
    assert (dense, gated) == (2 * 3, 2 * len(SIX))


def test_measured_values_are_means_over_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two batches of different images, sizes and values; each counts as much. Activations'
    distances are summed over layers, as the paper plots them."""
    monkeypatch.setattr(objectives, "_found", {name: objectives[name] for name in SIX})
    module = peaked()
    other = X.flip(0)[:4].cos() + 0.3 * X[:4]
    batches = [(X, LABELS), (other, LABELS[2:])]
    found = measure(Network(module), GATES, batches)
    assert set(found) == set(SIX)
    for name, value in found.items():
        one, two = (REFERENCES[name](module, GATES, x, y) for x, y in batches)
        layers = 2 if name == "feature" else 1
        assert abs(one - two) > 1e-3 * abs(one)
        assert value == pytest.approx(layers * (one + two) / 2, rel=1e-9)
