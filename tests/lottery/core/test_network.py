"""Running a module under gates: the same numbers as editing its weights, the module untouched."""

import copy
from collections.abc import Callable

import pytest
import timm
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lottery.core.layout import Layout
from lottery.core.network import Network
from lottery.models.zoo import build
from tests.conftest import tiny_module

X = torch.linspace(-2, 2, 6 * 64).reshape(6, 1, 8, 8).sin()
LABELS = torch.arange(6)
GATES = torch.linspace(0, 1, 436).roll(100)


def weights_of(module: nn.Module) -> list[Tensor]:
    """The prunable tensors, found without the code under test."""
    return [m.weight for m in module.modules() if isinstance(m, nn.Conv2d | nn.Linear)]


def edited(module: nn.Module, gates: Tensor) -> nn.Module:
    """A copy of a module whose prunable weights are multiplied by gates in place."""
    twin = copy.deepcopy(module)
    weights = weights_of(twin)
    with torch.no_grad():
        for weight, part in zip(
            weights, torch.split(gates, [w.numel() for w in weights]), strict=True
        ):
            weight.mul_(part.reshape(weight.shape))
    return twin


def parameters(module: nn.Module) -> Tensor:
    return torch.cat([p.detach().flatten() for p in module.parameters()])


def test_weights_and_rest_are_the_modules_parameters() -> None:
    module = tiny_module()
    network = Network(module)
    expected = torch.cat([w.detach().flatten() for w in weights_of(module)])
    assert torch.equal(network.weights, expected)
    others = [module[0].bias, module[1].weight, module[1].bias, module[5].bias]  # type: ignore[index]
    assert torch.equal(network.rest, torch.cat([p.detach() for p in others]))
    assert not network.weights.requires_grad
    assert not network.rest.requires_grad
    assert len(network.weights) + len(network.rest) == parameters(module).numel()


def test_without_gates_or_under_ones_it_is_the_module() -> None:
    module = tiny_module()
    expected = module(X)
    network = Network(module)
    torch.testing.assert_close(network(X), expected)
    assert torch.equal(network(X, torch.ones(436)), network(X))


@pytest.mark.parametrize("gates", [GATES, GATES.round(), torch.zeros(436)])
def test_gates_are_as_good_as_edited_weights(gates: Tensor) -> None:
    module = tiny_module()
    expected = edited(module, gates)(X)
    assert not torch.allclose(expected, module(X))
    torch.testing.assert_close(Network(module)(X, gates), expected)
    network = Network(edited(module, gates))
    assert torch.equal(Network(module)(X, gates), network(X))


def test_a_run_takes_its_parameters_from_its_arguments() -> None:
    one, other = Network(tiny_module(1)), Network(tiny_module(2))
    logits = one.run(X, other.weights, other.rest)
    assert torch.equal(logits, other(X))
    assert not torch.allclose(logits, one(X))


def test_the_module_is_neither_written_nor_read_again() -> None:
    module = nn.Sequential(nn.Flatten(), nn.Linear(64, 10, bias=False))
    network = Network(module)
    before = parameters(module)
    torch.autograd.backward(network(X, torch.zeros(640).requires_grad_()).sum())
    assert torch.equal(parameters(module), before)
    assert all(p.grad is None for p in module.parameters())
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.fill_(3)
    # Also where the flat vector is made of a single tensor, it is a copy.
    assert torch.equal(network.weights, before)
    torch.testing.assert_close(network(X), X.flatten(1) @ before.reshape(10, 64).T)


def test_the_flat_vectors_are_not_written_either() -> None:
    network = Network(tiny_module())
    weights, rest = network.weights.clone(), network.rest.clone()
    torch.autograd.backward(network(X, GATES.clone().requires_grad_()).sum())
    assert torch.equal(network.weights, weights)
    assert torch.equal(network.rest, rest)


def test_at_gives_other_parameters_and_leaves_the_first_alone() -> None:
    network = Network(tiny_module(1))
    other = Network(tiny_module(2))
    before = network(X)
    twin = network.at(other.weights.clone().requires_grad_(), other.rest)
    assert torch.equal(twin(X), other(X))
    assert not twin.weights.requires_grad
    assert torch.equal(network(X), before)
    assert not torch.allclose(before, other(X))
    half = network.at(other.weights)
    assert torch.equal(half.rest, network.rest)
    assert torch.equal(half.weights, other.weights)


def test_the_gates_gradient_is_weight_times_the_weights_gradient() -> None:
    module = tiny_module().double()
    x, gates = X.double(), GATES.double().requires_grad_()
    loss = F.cross_entropy(Network(module)(x, gates), LABELS)
    (found,) = torch.autograd.grad(loss, gates)

    twin = edited(module, gates.detach())
    loss = F.cross_entropy(twin(x), LABELS)
    gradients = torch.autograd.grad(loss, weights_of(twin))
    expected = [
        (w * gradient).flatten() for w, gradient in zip(weights_of(module), gradients, strict=True)
    ]
    assert found.dtype == torch.float64
    assert found.abs().max() > 1e-3
    torch.testing.assert_close(found, torch.cat(expected).detach(), rtol=1e-9, atol=1e-12)


def test_dropout_follows_the_pass_and_not_the_last_one() -> None:
    module = nn.Sequential(nn.Flatten(), nn.Linear(64, 10), nn.Dropout(0.5))
    expected = copy.deepcopy(module).eval()(X)
    network = Network(module)
    twin = network.at(network.weights)  # shares the module
    for _ in range(2):
        dropped = network(X)
        assert (dropped == 0).float().mean() > 0.1
        torch.testing.assert_close(twin(X, training=False), expected)
        torch.testing.assert_close(network(X, training=False), expected)
    assert not torch.equal(network(X), network(X))


def test_norms_use_the_batch_in_both_modes() -> None:
    network = Network(tiny_module())
    assert torch.equal(network(X), network(X, training=False))
    assert not torch.allclose(network(X)[:3], network(X[:3]))


@pytest.mark.parametrize(
    "norm", [nn.BatchNorm2d(4), nn.InstanceNorm2d(4, track_running_stats=True)]
)
def test_running_statistics_are_refused(norm: nn.Module) -> None:
    module = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Sequential(norm))
    with pytest.raises(ValueError, match=r"1\.0 keeps running statistics"):
        Network(module)


def test_unknown_precision_is_refused() -> None:
    with pytest.raises(ValueError, match="precision 'float16'"):
        Network(tiny_module(), precision="float16")  # type: ignore[arg-type]


def test_bfloat16_is_close_and_returns_float32() -> None:
    network = Network(tiny_module(), precision="bfloat16")
    gates = GATES.clone().requires_grad_()
    logits, expected = network(X, gates), Network(tiny_module())(X, GATES)
    assert logits.dtype == torch.float32
    assert network.weights.dtype == torch.float32
    # bfloat16 has 8 bits: the passes differ, and by about that much.
    error = (logits - expected).norm() / expected.norm()
    assert 1e-4 < error < 2e-2
    (gradient,) = torch.autograd.grad(F.cross_entropy(logits, LABELS), gates)
    assert gradient.dtype == torch.float32
    with torch.no_grad():
        assert torch.equal(network(X, GATES), logits)


def test_a_layer_kept_dense_is_not_gated() -> None:
    module = tiny_module()
    network = Network(module, Layout.prunable(module, keep_dense=["5"]))
    assert network.layout.total == 36
    assert network.rest_layout.names == ("0.bias", "1.weight", "1.bias", "5.weight", "5.bias")
    gates = torch.cat([torch.zeros(36), torch.ones(400)])
    torch.testing.assert_close(network(X, torch.zeros(36)), edited(module, gates)(X))


def vit() -> Network:
    """timm's ViT-tiny as it comes, but for its size."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module: nn.Module = timm.create_model(
            "vit_tiny_patch16_224", img_size=8, patch_size=4, depth=2, num_classes=10
        )
    return Network(module)


def resnet50() -> Network:
    return build("resnet50", (3, 8, 8), 10, seed=0)


@pytest.mark.parametrize("make", [vit, resnet50])
def test_a_network_of_another_library_works_as_it_is(make: Callable[[], Network]) -> None:
    network = make()
    module, total = network.module, network.layout.total
    kind, before = type(module), parameters(module)
    assert kind.__module__.startswith(("timm.", "torchvision."))
    assert total == sum(w.numel() for w in weights_of(module))
    x = torch.linspace(-1, 1, 2 * 3 * 8 * 8).reshape(2, 3, 8, 8).cos()
    gates = torch.linspace(0, 1, total).requires_grad_()
    logits = network(x, gates)
    assert torch.isfinite(torch.autograd.grad(logits.sum(), gates)[0]).all()
    assert type(module) is kind
    assert torch.equal(parameters(module), before)
    torch.testing.assert_close(logits, edited(module, gates.detach())(x))


def test_prunable_weights_of_a_vision_transformer() -> None:
    layout = vit().layout
    block = 192 * 3 * 192 + 192 * 192 + 192 * 768 + 768 * 192  # qkv, projection, two of the MLP
    assert layout.total == 3 * 4 * 4 * 192 + 2 * block + 192 * 10
    assert len(layout.names) == 1 + 2 * 4 + 1
    assert "pos_embed" not in layout.names


def test_without_autocast_an_outer_one_plays_no_part() -> None:
    network = Network(tiny_module())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = network(X, GATES)
    assert torch.equal(inside, network(X, GATES))


def test_activations_are_what_activation_layers_put_out_and_the_softmax() -> None:
    """A layer that is called twice puts out twice; other layers are left out."""

    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.relu, self.last = nn.ReLU(), nn.Tanh()
            self.first, self.second = nn.Linear(64, 12), nn.Linear(12, 10)

        def forward(self, x: Tensor) -> Tensor:
            inner = self.relu(self.first(x.flatten(1)))
            return self.last(self.second(self.relu(inner - 0.1)))  # type: ignore[no-any-return]

    module = Twice()
    gates = torch.linspace(0, 1, 64 * 12 + 120)
    w, v = torch.split(gates, [64 * 12, 120])
    inner = (X.flatten(1) @ (module.first.weight * w.view(12, 64)).T + module.first.bias).relu()
    again = (inner - 0.1).relu()
    logits = (again @ (module.second.weight * v.view(10, 12)).T + module.second.bias).tanh()
    network = Network(module)
    found = network.activations(X, gates)
    expected = [inner, again, logits, logits.exp() / logits.exp().sum(1, keepdim=True)]
    assert len(found) == 4
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other)
    torch.testing.assert_close(network.activations(X)[2], module(X))


def test_calls_are_in_order_and_leave_no_hook() -> None:
    module = tiny_module()
    network = Network(module)
    layers = [module[5], module[0]]  # type: ignore[index]
    calls, logits = network.calls(layers, X, GATES)
    assert [layer for layer, _ in calls] == [module[0], module[5]]  # type: ignore[index]
    assert torch.equal(calls[1][1], logits)
    with pytest.raises(RuntimeError):
        network.calls(layers, torch.zeros(1, 7, 8, 8))
    assert not any(layer._forward_hooks for layer in module.modules())


def test_a_network_without_activation_layers_says_so() -> None:
    network = Network(nn.Sequential(nn.Flatten(), nn.Linear(64, 10)))
    with pytest.raises(ValueError, match=r"Sequential has no activation layer \(ReLU, "):
        network.activations(X)


def test_in_another_precision_it_is_the_same_network() -> None:
    fast = Network(tiny_module(), precision="bfloat16")
    exact = fast.in_precision("float32")
    assert torch.equal(exact(X, GATES), Network(tiny_module())(X, GATES))
    assert not torch.equal(fast(X, GATES), exact(X, GATES))
    assert (fast.precision, exact.precision) == ("bfloat16", "float32")
    assert exact.weights is fast.weights
