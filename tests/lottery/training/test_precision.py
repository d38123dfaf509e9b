"""The fast mode (bfloat16 autocast, channels last) against plain eager float32 on NCHW images."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import baselines  # noqa: F401  (registers them)
from lottery.core.choices import Precision
from lottery.core.network import Network
from lottery.core.randomness import generator
from lottery.core.result import Result
from lottery.data import DATASETS, Images
from lottery.data.batches import Data, Normalisation
from lottery.models.zoo import build
from lottery.search.objectives import Batch, kl
from lottery.search.registry import methods
from lottery.training.recipe import Recipe
from lottery.training.runner import Runner

DIGITS = DATASETS["digits"]


def network(model: str, precision: Precision) -> Network:
    return build(model, DIGITS.shape, DIGITS.classes, 0, precision=precision)


def plain_gradient(at: Network, x: Tensor, y: Tensor, gates: Tensor) -> Tensor:
    """The loss's gradient by the gates, by nothing but the module itself in float32."""
    parameters = {**at.layout.views(at.weights), **at.rest_layout.views(at.rest)}
    at.module.load_state_dict({name: p.clone() for name, p in parameters.items()})
    scale = at.layout.views(gates)
    for name, parameter in at.module.named_parameters():
        parameter.requires_grad_()
        if name in scale:
            parameter.data *= scale[name]
    F.cross_entropy(at.module(x.contiguous()), y).backward()  # type: ignore[no-untyped-call]
    found = {name: p.grad for name, p in at.module.named_parameters() if p.grad is not None}
    return at.layout.flatten(found) * at.weights


def cosine(a: Tensor, b: Tensor) -> float:
    return float(F.cosine_similarity(a.flatten(), b.flatten(), dim=0))


@pytest.mark.parametrize("model", ["lenet-300-100", "resnet20"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_one_step_agrees_with_the_plain_module(
    digits: Data, model: str, precision: Precision
) -> None:
    x, y = digits.balanced(8, generator(0, "batch"))
    fast = network(model, precision)
    gates = torch.rand(fast.layout.total, generator=generator(0, "gates")).requires_grad_()
    value = F.cross_entropy(fast(x, gates), y)
    (gradient,) = torch.autograd.grad(value, gates)
    plain = plain_gradient(network(model, "float32"), x, y, gates.detach())
    exact = precision == "float32"
    assert cosine(gradient, plain) > (1 - 1e-5 if exact else 0.9)
    assert float(gradient.norm() / plain.norm()) == pytest.approx(1, abs=1e-4 if exact else 0.1)


def test_parameters_and_norms_stay_float32_in_the_fast_mode(digits: Data) -> None:
    fast = network("resnet20", "bfloat16")
    seen: list[torch.dtype] = []
    for layer in fast.module.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.register_forward_hook(lambda m, inputs, output: seen.append(output.dtype))
    x, y = digits.balanced(2, generator(0, "batch"))
    gates = torch.ones(fast.layout.total, requires_grad=True)
    (gradient,) = torch.autograd.grad(kl(fast, gates, Batch(fast, x, y)), gates)
    assert gradient.dtype == fast.weights.dtype == fast.rest.dtype == torch.float32
    assert set(seen) == {torch.bfloat16}, "activations are half the bytes"


def test_a_fast_search_finds_much_the_same_ticket(digits_images: Images) -> None:
    """Of a method that searches in the network's own precision; CTS does so in float32."""
    density = 0.05
    digits = Data(digits_images, DIGITS, Normalisation.of(digits_images))
    recipe = Recipe(epochs=4, rewind_epochs=0, batch_size=128, replicas=1, gradient="mean_clipped")

    def search(name: str, precision: Precision) -> Tensor:
        draw, at = methods[name].draw, network("resnet20", precision)
        runner = Runner(digits, recipe, 0)
        found: Result = draw(at, digits, density, generator(0, "search"), runner=runner)
        return found.mask.keep

    plain, fast = (search("l0_hard_concrete", p) for p in ("float32", "bfloat16"))
    overlap = float((plain & fast).sum() / plain.sum())
    assert overlap < 1
    assert overlap > 4 * density, "chance is the density"
