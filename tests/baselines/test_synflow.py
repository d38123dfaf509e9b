"""SynFlow, against its closed form, its conservation laws and a forward pass written out."""

import copy
from itertools import pairwise
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from baselines.synflow import synflow
from lottery.core.layout import Layout
from lottery.core.network import Network
from lottery.core.randomness import generator
from lottery.data.batches import Data
from lottery.models.zoo import MODELS, VGG16, build
from lottery.search.registry import methods
from tests.baselines.tools import chosen, connected, noise_data, scores_of, seeded


class NarrowVGG16(VGG16):
    """VGG-16 with an eighth of the channels: the same depth, and as little redundancy."""

    STAGES = ((8, 8), (16, 16), (32, 32, 32), (64, 64, 64), (64, 64, 64))


def draw(network: Network, data: Data, density: float = 0.5, **options: Any) -> tuple[Tensor, Any]:
    """The scores in float64, and the whole result."""
    found = synflow(network, data, density, generator(0), **options)
    return scores_of(found.scores).double(), found


def chain(sizes: list[int], *, activation: bool = True, seed: int = 0) -> Network:
    """A chain of linear layers without biases, on 64 inputs."""
    layers: list[nn.Module] = [nn.Flatten()]
    for inputs, outputs in pairwise(sizes):
        layers += [nn.Linear(inputs, outputs, bias=False)]
        layers += [nn.ReLU()] if activation else []
    return Network(seeded(*layers, seed=seed))


def closed_form(network: Network, keep: Tensor | None = None) -> list[Tensor]:
    """The score of weight (i, j) of a chain: what flows into j, times it, times what leaves i."""
    flat = network.weights if keep is None else network.weights * keep
    weights = [w.abs() for w in network.layout.views(flat).values()]
    scores = []
    for place, weight in enumerate(weights):
        arriving = torch.ones(weights[0].shape[1], dtype=torch.float64)
        for before in weights[:place]:
            arriving = before @ arriving
        leaving = torch.ones(weights[-1].shape[0], dtype=torch.float64)
        for after in reversed(weights[place + 1 :]):
            leaving = leaving @ after
        scores.append(leaving[:, None] * weight * arriving)
    return scores


@pytest.mark.parametrize("activation", [True, False])
def test_a_chain_has_the_closed_form(digits: Data, activation: bool) -> None:
    network = chain([64, 7, 5, 10], activation=activation)
    scores, found = draw(network, digits, rounds=1)
    expected = torch.cat([s.flatten() for s in closed_form(network)])
    torch.testing.assert_close(scores, expected, rtol=1e-6, atol=0)
    assert torch.equal(found.mask.keep, chosen(expected, round(0.5 * len(expected))))


def test_rounds_prune_exponentially_and_score_anew(digits: Data) -> None:
    network = chain([64, 12, 8, 10])
    d = network.layout.total
    keep = torch.ones(d, dtype=torch.bool)
    for r in range(1, 6):
        before = keep
        scores = torch.cat([s.flatten() for s in closed_form(network, keep.double())])
        keep = chosen(scores, round(0.03 ** (r / 5) * d), among=keep)
    found_scores, found = draw(network, digits, 0.03, rounds=5)
    assert torch.equal(found.mask.keep, keep)
    assert torch.equal(found_scores >= 5 * d, before)  # scored in all five rounds
    assert found_scores[keep].min() > found_scores[~keep].max()
    assert not torch.equal(draw(network, digits, 0.03, rounds=1)[1].mask.keep, keep)
    assert methods["synflow"].options["rounds"] == 100


@settings(max_examples=10, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=4), st.integers(0, 1000))
def test_what_flows_into_a_hidden_unit_flows_out(hidden: list[int], seed: int) -> None:
    """Conservation (Theorems 1 and 2), and every layer's total is the whole flow R."""
    network = chain([64, *hidden, 10], seed=seed)
    scores, _ = draw(network, noise_data((1, 8, 8)), 1.0, rounds=1)
    layers = list(network.layout.views(scores).values())
    for before, after in pairwise(layers):
        torch.testing.assert_close(before.sum(1), after.sum(0), rtol=1e-5, atol=0)
    x = torch.ones(64, dtype=torch.float64)
    for weight in network.layout.views(network.weights.abs()).values():
        x = weight @ x
    for layer in layers:
        assert layer.sum().item() == pytest.approx(x.sum().item(), rel=1e-5)


def convolutional(*, bias: bool) -> nn.Sequential:
    return seeded(
        nn.Conv2d(1, 4, 3, padding=1, bias=bias),
        nn.BatchNorm2d(4, track_running_stats=False),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 5, 3, stride=2, padding=1, groups=1, bias=bias),
        nn.BatchNorm2d(5, track_running_stats=False),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(20, 10, bias=bias),
    )


def flow(network: Network, weights: Tensor) -> Tensor:
    """R of `convolutional`, written out: absolute values throughout, norms only scale and shift."""
    rest = {n: p.abs() for n, p in network.rest_layout.views(network.rest).items()}
    w = {n: p.abs() for n, p in network.layout.views(weights).items()}

    def scaled(x: Tensor, norm: str) -> Tensor:
        scale, shift = rest[f"{norm}.weight"], rest[f"{norm}.bias"]
        return x * scale[:, None, None] + shift[:, None, None]

    x = torch.ones(1, 1, 8, 8, dtype=torch.float64)
    x = F.conv2d(x, w["0.weight"], rest.get("0.bias"), padding=1)
    x = F.max_pool2d(scaled(x, "1"), 2)
    x = F.conv2d(x, w["4.weight"], rest.get("4.bias"), stride=2, padding=1)
    x = scaled(x, "5").flatten(1)
    return F.linear(x, w["8.weight"], rest.get("8.bias")).sum()


@pytest.mark.parametrize("bias", [True, False])
def test_norms_only_scale_and_every_parameter_is_absolute(digits: Data, bias: bool) -> None:
    network = Network(convolutional(bias=bias))
    assert (network.rest < 0).any()
    theta = network.weights.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(flow(network, theta), theta)
    scores, _ = draw(network, digits, rounds=1)
    torch.testing.assert_close(scores, (gradient * theta).detach(), rtol=1e-6, atol=0)
    assert (scores > 0).all()


def test_convolutions_conserve_the_flow_per_channel(digits: Data) -> None:
    network = Network(convolutional(bias=False))
    network.rest.mul_(torch.tensor([1.0] * 4 + [0.0] * 4 + [1.0] * 5 + [0.0] * 5))  # no shifts
    scores, _ = draw(network, digits, rounds=1)
    first, second, last = network.layout.views(scores).values()
    torch.testing.assert_close(first.sum((1, 2, 3)), second.sum((0, 2, 3)), rtol=1e-6, atol=0)
    into_classifier = last.view(10, 5, 4).sum((0, 2))
    torch.testing.assert_close(second.sum((1, 2, 3)), into_classifier, rtol=1e-6, atol=0)
    totals = [layer.sum().item() for layer in (first, second, last)]
    assert totals == pytest.approx([flow(network, network.weights).item()] * 3, rel=1e-6)


def test_layer_norms_only_scale_too(digits: Data) -> None:
    module = seeded(nn.Flatten(), nn.Linear(64, 6), nn.LayerNorm(6), nn.Linear(6, 10))
    network = Network(module)
    bias1, scale, shift, bias2 = (p.abs() for p in torch.split(network.rest, [6, 6, 6, 10]))
    theta = network.weights.clone().requires_grad_()
    first, second = torch.split(theta.abs(), [384, 60])
    hidden = (first.view(6, 64).sum(1) + bias1) * scale + shift
    (gradient,) = torch.autograd.grad((second.view(10, 6) @ hidden + bias2).sum(), theta)
    scores, _ = draw(network, digits, rounds=1)
    torch.testing.assert_close(scores, (gradient * theta).detach(), rtol=1e-6, atol=0)


def test_norms_without_parameters_vanish(digits: Data) -> None:
    norm = nn.BatchNorm2d(3, affine=False, track_running_stats=False)
    layers = [nn.Conv2d(1, 3, 3, bias=False), nn.Flatten(), nn.Linear(108, 10, bias=False)]
    plain = Network(seeded(*copy.deepcopy(layers)))
    normed = Network(seeded(layers[0], norm, *layers[1:]))
    assert torch.equal(plain.weights, normed.weights)
    expected, _ = draw(plain, digits, rounds=1)
    assert torch.equal(draw(normed, digits, rounds=1)[0], expected)


def test_no_data_is_looked_at(digits: Data, tiny: Network) -> None:
    before = digits.drawn
    scores, _ = draw(tiny, digits, rounds=3)
    assert digits.drawn == before
    assert torch.equal(draw(tiny, noise_data((1, 8, 8)), rounds=3)[0], scores)


def test_a_flow_beyond_float32_is_no_problem(digits: Data) -> None:
    network = chain([64] * 50 + [10])
    single = Network(network.module.float())
    x = torch.ones(1, 64)
    for weight in single.layout.views(single.weights.abs()).values():
        x = x @ weight.T
    assert x.isinf().all()
    single_scores, single_found = draw(single, digits, 0.05, rounds=4)
    assert single_scores[single_found.mask.keep].isfinite().all()
    # The scores are those of the same weights in float64.
    exact = single.at(single.weights.double(), single.rest.double())
    scores = torch.cat([s.flatten() for s in closed_form(exact)])
    assert scores.max() > torch.finfo(torch.float32).max
    found = synflow(single, digits, 0.05, generator(0), rounds=1)
    assert scores_of(found.scores).dtype == torch.float64
    torch.testing.assert_close(scores_of(found.scores), scores, rtol=1e-9, atol=0)
    assert torch.equal(found.mask.keep, chosen(scores, round(0.05 * len(scores))))


def test_a_flow_beyond_float64_is_refused(digits: Data) -> None:
    network = chain([64, 8, 10])
    network.weights.mul_(1e160)
    with pytest.raises(ValueError, match=r"512 of 512 scores of layer 1\.weight are not finite"):
        synflow(network, digits, 0.5, generator(0), rounds=2)


def resnet20() -> Network:
    return build("resnet20", (1, 8, 8), 10, seed=0)


def narrow_vgg16() -> Network:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = NarrowVGG16((1, 8, 8), 10)
    return Network(module, Layout.prunable(module, MODELS["vgg16"].keep_dense))


def is_connected(network: Network, keep: Tensor) -> bool:
    """Whether input and output are connected; layers outside the layout count as whole."""
    module = copy.deepcopy(network.module)
    if isinstance(module, VGG16):
        module.add_module("classifier", nn.Identity())
    return connected(module, network, keep, torch.ones(1, 1, 8, 8))


def test_the_connection_check_can_fail() -> None:
    network = narrow_vgg16()
    assert is_connected(network, torch.ones(network.layout.total, dtype=torch.bool))
    for name in (network.layout.names[0], network.layout.names[7]):
        cut = torch.ones(network.layout.total, dtype=torch.bool)
        network.layout.views(cut)[name].fill_(False)
        assert not is_connected(network, cut)


@pytest.mark.parametrize("make", [resnet20, narrow_vgg16])
@pytest.mark.parametrize("density", [0.01, 0.002])
def test_a_hundred_rounds_cut_nothing_off(make: Any, density: float, digits: Data) -> None:
    network = make()
    scores, found = draw(network, digits, density)
    kept = scores[found.mask.keep]
    assert len(kept) == round(density * network.layout.total)
    assert kept.isfinite().all()
    assert (kept > 0).all()
    assert is_connected(network, found.mask.keep)
    # Without rounds there would be nothing left of it.
    if make is narrow_vgg16:
        assert not is_connected(network, draw(network, digits, density, rounds=1)[1].mask.keep)
        assert found.mask.layers_emptied() == 0


def test_the_whole_vgg16(digits: Data) -> None:
    """At full width, and so few rounds that it takes seconds: a hundred take a minute or two."""
    network = build("vgg16", (1, 8, 8), 10, seed=0)
    scores, found = draw(network, digits, 0.002, rounds=4)
    assert found.mask.kept == round(0.002 * network.layout.total)
    assert scores[found.mask.keep].isfinite().all()
    assert found.mask.layers_emptied() == 0
    assert is_connected(network, found.mask.keep)
