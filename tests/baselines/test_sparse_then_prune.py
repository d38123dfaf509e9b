"""Sparse then prune: its steps written out, its penalties, and nothing that comes back."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from baselines.sparse_then_prune import attention, attention_of, l1
from lottery.core.errors import BadInput, UnknownName
from lottery.core.network import Network
from lottery.core.randomness import child, generator
from lottery.core.result import Result
from lottery.data import Images
from lottery.data.batches import Data
from lottery.models.zoo import build
from lottery.search.registry import methods
from tests.baselines.tools import Recorder, chosen, double_digits, runner, scores_of, seeded
from tests.conftest import vit


def draw(
    network: Network, data: Data, density: float = 0.5, **options: Any
) -> tuple[Result, Recorder]:
    recorder = Recorder()
    options = {"epochs": 2, "fine_tuning_epochs": 2, **options}
    method = methods["sparse_then_prune"]
    found = method.draw(
        network, data, density, generator(0), runner=runner(data, recorder), **options
    )
    return found, recorder


def test_both_trainings_written_out(digits_images: Images) -> None:
    """SGD with momentum, decay, l1 and a cosine; then without l1 under the mask, lower down."""
    data = double_digits(digits_images)
    network = Network(seeded(nn.Flatten(), nn.Linear(64, 10)))
    options = {"lr": 0.1, "weight_decay": 0.01, "strength": 1e-3, "fine_tuning_lr": 0.05}
    found, recorder = draw(network, data, 0.4, **options)
    w, b = network.weights.view(10, 64).clone(), network.rest.clone()
    keep = torch.ones(10, 64).double()
    for loop, rate, strength in (("penalised", 0.1, 1e-3), ("fine-tuning", 0.05, 0.0)):
        stream = data.stream(128, child(generator(0), loop))
        momentum = [torch.zeros_like(w), torch.zeros_like(b)]
        for i in range(4):
            x, y = stream[i]
            x = x.flatten(1)
            p = (x @ w.T + b).softmax(1)
            p[torch.arange(128), y] -= 1
            by_weight = p.T @ x / 128 + strength * w.sign()
            for m, gradient, value in ((momentum[0], by_weight, w), (momentum[1], p.mean(0), b)):
                mask = keep if value is w else 1.0
                m.mul_(0.9).add_(gradient * mask + 0.01 * value)
                value -= rate * 0.5 * (1 + math.cos(math.pi * i / 4)) * m
            state = recorder.loops[loop][i]["theta"]
            torch.testing.assert_close(state, torch.cat([w.flatten(), b]), rtol=1e-9, atol=1e-12)
        if loop == "penalised":
            kept = chosen(w.flatten().abs(), 256)
            torch.testing.assert_close(scores_of(found.scores), w.flatten().abs())
            keep = kept.view(10, 64).double()
            w *= keep
    assert torch.equal(found.mask.keep, kept)
    assert found.trained is not None
    assert (found.trained.weights[~kept] == 0).all()
    torch.testing.assert_close(found.trained.weights, w.flatten())


def test_l1_makes_weights_small(digits: Data) -> None:
    network = build("lenet-300-100", (1, 8, 8), 10, 0)
    with l1(network) as penalty:
        assert penalty(network.weights).item() == pytest.approx(
            network.weights.double().abs().sum().item(), rel=1e-5
        )
    options = {"epochs": 10, "lr": 0.05}
    small, plain = (
        scores_of(draw(network, digits, strength=s, **options)[0].scores) for s in (1e-2, 0.0)
    )
    assert (small < 1e-2).float().mean() > 2 * (plain < 1e-2).float().mean()


def attention_seen(module: nn.Module, x: Tensor) -> Tensor:
    """The last block's attention as timm itself works it out, unfused."""
    block: Any = list(module.blocks)[-1].attn  # type: ignore[arg-type]
    seen: list[Tensor] = []
    block.fused_attn = False
    hook = block.attn_drop.register_forward_hook(lambda layer, inputs, out: seen.append(inputs[0]))
    module(x)
    hook.remove()
    return seen[0]


def test_the_attention_is_timms_own() -> None:
    module = vit().eval()
    x = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    network = Network(module)
    expected = attention_seen(module, x)
    block: Any = list(module.blocks)[-1].attn  # type: ignore[arg-type]
    seen: list[Tensor] = []
    hook = block.qkv.register_forward_hook(lambda layer, inputs, out: seen.append(out))
    module(x)
    hook.remove()
    found = attention_of(block, seen[0])
    assert found.shape == expected.shape
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
    with attention(network) as penalty:
        network(x)
        wanted = torch.log(1 + expected**2).mean()
        torch.testing.assert_close(penalty(network.weights), wanted, rtol=1e-5, atol=1e-7)
    assert not block.qkv._forward_hooks


def test_the_penalty_on_attention_spreads_it(digits: Data) -> None:
    """The mean of log(1 + a^2) is least where all tokens are attended to alike."""
    network = build("vit_mini", (1, 8, 8), 10, 0)
    views = network.layout.views(network.weights)
    views["blocks.3.attn.qkv.weight"].mul_(4)  # so that there is something to spread
    x, _ = digits.take(torch.arange(64))
    options = {"penalty": "attention", "epochs": 5, "fine_tuning_epochs": 1, "lr": 0.02}
    values = []
    for strength in (0.0, 10.0):
        found, _ = draw(network, digits, 0.9, strength=strength, **options)
        assert found.trained is not None
        with attention(network) as penalty, torch.no_grad():
            found.trained(x)
            values.append(penalty(found.trained.weights).item())
    assert values[1] < 0.95 * values[0]


def test_a_network_without_attention_is_refused(digits: Data, tiny: Network) -> None:
    with pytest.raises(BadInput, match="needs a vision transformer of timm; try l1"):
        draw(tiny, digits, penalty="attention")


def test_bad_options(digits: Data, tiny: Network) -> None:
    with pytest.raises(UnknownName, match="unknown penalty 'l2'"):
        draw(tiny, digits, penalty="l2")
    with pytest.raises(BadInput, match=r"density 2\.0 is outside"):
        draw(tiny, digits, 2.0)


def test_it_brings_its_own_weights() -> None:
    assert methods["sparse_then_prune"].own_weights
    assert methods["sparse_then_prune"].sets_density
