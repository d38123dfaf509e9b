"""SynFlow's networks: norms of every kind only scale, or are refused by name."""

from collections.abc import Callable

import pytest
import torch
from timm.layers.norm import GroupNorm1, LayerNorm2d, RmsNorm
from timm.layers.norm_act import BatchNormAct2d
from torch import Tensor, nn
from torchvision.models.convnext import LayerNorm2d as TorchvisionLayerNorm2d
from torchvision.ops import FrozenBatchNorm2d

from lottery.core.errors import BadInput
from lottery.core.mask import Mask
from lottery.core.network import Network
from lottery.core.statistics import take_out, tracking
from lottery.models.paths import absolute_twin, effective

IMAGE, TOKENS, VECTOR = (1, 4, 3, 3), (1, 3, 4), (1, 4)
# A norm, the shape of its input with the channels last or second, and where its scale belongs.
NORMS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...], tuple[int, ...]]] = {
    "BatchNorm1d": (lambda: nn.BatchNorm1d(4), VECTOR, (4,)),
    "BatchNorm1d of sequences": (lambda: nn.BatchNorm1d(4), (1, 4, 3), (4, 1)),
    "BatchNorm2d": (lambda: nn.BatchNorm2d(4), IMAGE, (4, 1, 1)),
    "BatchNorm3d": (lambda: nn.BatchNorm3d(4), (1, 4, 2, 2, 2), (4, 1, 1, 1)),
    "GroupNorm": (lambda: nn.GroupNorm(2, 4), IMAGE, (4, 1, 1)),
    "InstanceNorm2d": (lambda: nn.InstanceNorm2d(4, affine=True), IMAGE, (4, 1, 1)),
    "LayerNorm": (lambda: nn.LayerNorm(4), TOKENS, (4,)),
    "LayerNorm of two dimensions": (lambda: nn.LayerNorm((3, 4)), TOKENS, (3, 4)),
    "RMSNorm": (lambda: nn.RMSNorm(4), TOKENS, (4,)),
    "timm's LayerNorm2d": (lambda: LayerNorm2d(4), IMAGE, (4, 1, 1)),
    "timm's GroupNorm1": (lambda: GroupNorm1(4), IMAGE, (4, 1, 1)),
    "timm's RmsNorm": (lambda: RmsNorm(4), TOKENS, (4,)),
    "timm's BatchNormAct2d": (lambda: BatchNormAct2d(4), IMAGE, (4, 1, 1)),
    "torchvision's LayerNorm2d": (lambda: TorchvisionLayerNorm2d(4), IMAGE, (4, 1, 1)),
}


class WithNorm(nn.Module):
    """A norm, and a weight that is prunable behind it."""

    def __init__(self, norm: nn.Module, size: int) -> None:
        super().__init__()
        self.norm, self.head = norm, nn.Linear(size, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.norm(x).flatten(1))  # type: ignore[no-any-return]


def network_with(name: str) -> tuple[Network, Tensor, tuple[int, ...]]:
    make, shape, place = NORMS[name]
    norm = make()
    take_out(tracking(norm).values())
    draw = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in norm.parameters():
            parameter.normal_(generator=draw)
    x = torch.rand(shape, generator=draw, dtype=torch.float64)
    return Network(WithNorm(norm, x[0].numel())), x, place


@pytest.mark.parametrize("name", NORMS)
def test_a_norm_only_scales_and_shifts(name: str) -> None:
    network, x, place = network_with(name)
    twin = absolute_twin(network)
    rest = {n: t.abs().double() for n, t in network.rest_layout.views(network.rest).items()}
    plain = x * rest["norm.weight"].view(place)
    if "norm.bias" in rest:
        plain = plain + rest["norm.bias"].view(place)
    weight = network.weights.abs().double().view(2, -1)
    expected = plain.flatten(1) @ weight.T + rest["head.bias"]
    assert torch.allclose(twin(x), expected)


@pytest.mark.parametrize("name", NORMS)
def test_a_norm_passes_paths_on(name: str) -> None:
    network, x, _ = network_with(name)
    full = Mask.full(network.layout)
    if x.dim() == 4:
        assert effective(network, full, (4, 3, 3)).kept == network.layout.total


def test_dropout_plays_no_part() -> None:
    network = Network(nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5), nn.Linear(4, 2)))
    twin, x = absolute_twin(network), torch.ones(1, 4, dtype=torch.float64)
    assert torch.equal(twin(x), twin(x))
    gates = torch.ones(network.layout.total, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(twin(x, gates).sum(), gates)
    assert (gradient > 0).all()


def test_frozen_parameters_are_absolute_too() -> None:
    first, last = nn.Linear(4, 4), nn.Linear(4, 2)
    first.requires_grad_(False)
    before = first.weight.clone()
    twin = absolute_twin(Network(nn.Sequential(first, last)))
    x = torch.ones(1, 4, dtype=torch.float64)
    hidden = x @ before.double().abs().T + first.bias.double().abs()
    expected = hidden @ last.weight.double().abs().T + last.bias.double().abs()
    assert torch.allclose(twin(x), expected)
    assert torch.equal(first.weight, before)


class ByHand(nn.Module):
    """What many a repository has in place of a norm of torch."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(4))

    def forward(self, x: Tensor) -> Tensor:
        return x / x.square().mean(-1, keepdim=True).sqrt() * self.weight


class RMSNormByHand(ByHand):
    pass


@pytest.mark.parametrize("norm", [RMSNormByHand(), nn.LocalResponseNorm(2), FrozenBatchNorm2d(4)])
def test_other_norms_are_refused_by_name(norm: nn.Module) -> None:
    network = Network(nn.Sequential(nn.Conv2d(2, 4, 1), norm, nn.Flatten(), nn.Linear(64, 2)))
    ones = torch.ones(1, 2, 4, 4, dtype=torch.float64)
    with pytest.raises(BadInput, match=rf"^1 \({type(norm).__name__}\) normalises by means"):
        absolute_twin(network)(ones)
    with pytest.raises(BadInput, match="cannot be taken out"):
        effective(network, Mask.full(network.layout), (2, 4, 4))


def test_a_pooling_function_passes_every_input_on() -> None:
    class Pooled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.head = nn.Conv2d(1, 2, 1), nn.Linear(8, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(torch.nn.functional.max_pool2d(self.conv(x), 2).flatten(1))  # type: ignore[no-any-return]

    network = Network(Pooled())
    found = effective(network, Mask.full(network.layout), (1, 4, 4))
    assert found.kept == network.layout.total
