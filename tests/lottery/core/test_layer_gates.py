"""Gates drawn tensor by tensor: the same gradient as autograd's, in less memory."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from lottery.core.layer_gates import LayerGates
from lottery.core.network import Network
from lottery.core.randomness import generator
from lottery.data.batches import Data
from tests.conftest import vit


def hard_gates(network: Network) -> tuple[Tensor, Tensor]:
    """Parameter and noise, shape (d,): gates that are closed, between and fully open."""
    d = network.layout.total
    return torch.linspace(-0.5, 1.5, d), torch.randn(d, generator=generator(0)) * 0.5


def by_autograd(network: Network, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    parameter, noise = hard_gates(network)
    parameter.requires_grad_()
    value = F.cross_entropy(network(x, (parameter + noise).clamp(0, 1)), y)
    (gradient,) = torch.autograd.grad(value, parameter)
    return value.detach(), gradient


def by_layer(network: Network, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    parameter, noise = hard_gates(network)
    parts = iter(network.layout.views(noise).values())

    def sample(gates: Tensor, mean: Tensor) -> None:
        gates.copy_((mean + next(parts).flatten()).clamp(0, 1))

    gates = LayerGates(network.layout, network.weights)
    value = F.cross_entropy(network(x, gates.draw(sample, parameter)), y)
    return value.detach(), gates.gradient(value)


@pytest.mark.parametrize("kind", ["convolutional", "transformer"])
def test_value_and_gradient_are_autograds(kind: str, tiny: Network, digits: Data) -> None:
    if kind == "convolutional":
        network, (x, y) = tiny, digits.take(torch.arange(32))
    else:
        network = Network(vit())
        x, y = torch.randn(4, 3, 32, 32, generator=generator(1)), torch.arange(4)
    (value, gradient), (expected, expected_gradient) = (
        by_layer(network, x, y),
        by_autograd(network, x, y),
    )
    assert value == expected
    torch.testing.assert_close(gradient, expected_gradient)
    between = expected_gradient != 0
    assert 0.2 < between.float().mean() < 0.8, "all three kinds of gates are there"


def test_bfloat16_tells_gates_apart_as_float32_does(tiny: Network, digits: Data) -> None:
    x, y = digits.take(torch.arange(32))
    low = Network(tiny.module, precision="bfloat16")
    gradient, expected = by_layer(low, x, y)[1], by_autograd(low, x, y)[1]
    assert torch.equal(gradient != 0, expected != 0)
    torch.testing.assert_close(gradient, expected, rtol=0.05, atol=1e-4)


def test_the_weights_stay_and_the_gates_can_be_drawn_again(tiny: Network, digits: Data) -> None:
    x, y = digits.take(torch.arange(32))
    before = tiny.weights.clone()
    gates = LayerGates(tiny.layout, tiny.weights)
    found = []
    for _ in range(2):
        gates.draw(lambda part, mean: part.copy_(mean), torch.full_like(before, 0.5))
        found.append(gates.gradient(F.cross_entropy(tiny(x, gates), y)).clone())
    assert torch.equal(*found)
    assert torch.equal(tiny.weights, before)


MANY_LAYERS = """
import torch
from torch import nn
from benchmarks.throughput.roofline import peak_memory
from lottery.data.batches import Data, Normalisation
from lottery.search.crbg import crbg
from lottery.data import DATASETS, Images
from lottery.core.network import Network
from lottery.core.randomness import generator
from lottery.training.recipe import Recipe
from lottery.training.runner import Runner
images = Images(torch.randint(256, (4, 8, 8, 1), dtype=torch.uint8), torch.arange(4))
data = Data(images, DATASETS["digits"], Normalisation.of(images))
layers = [nn.Linear(1000, 1000, bias=False) for _ in range(24)]
network = Network(nn.Sequential(nn.Flatten(), nn.Linear(64, 1000), *layers, nn.Linear(1000, 10)))
def search(network):
    runner = Runner(data, Recipe(), 0)
    crbg(network, data, None, generator(0), runner=runner, epochs=3, batch_size=4)
search(Network(nn.Sequential(nn.Flatten(), nn.Linear(64, 10))))  # what torch itself loads
before = peak_memory(network.device)
search(network)
print((peak_memory(network.device) - before) / (4 * network.layout.total))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux says the peak")
def test_a_search_needs_four_copies_of_the_weights() -> None:
    """The gates' parameter, Adam's two moments and one more; the rest is one layer's (a 24th)."""
    # What is freed goes back to the system at once, so that the peak is of what is in use.
    environment = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "1000000", "PYTHONPATH": os.getcwd()}
    done = subprocess.run(
        [sys.executable, "-c", MANY_LAYERS],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    assert 3.9 < float(done.stdout) < 4.9
