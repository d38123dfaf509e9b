"""What is prunable of ordinary networks, what is not, and why."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, prune

from lottery.core.errors import BadInput
from lottery.core.layout import Layout
from lottery.core.network import Network


def reasons(layout: Layout) -> dict[str, str]:
    return {item.name: item.reason for item in layout.left_out}


class Tied(nn.Module):
    """Two layers with one weight, an embedding with that of the head, a layer under two names."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(5, 4)
        self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 4)
        self.again = self.first
        self.second.weight = self.first.weight
        self.head = nn.Linear(4, 5, bias=False)
        self.head.weight = self.words.weight

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.again(self.second(self.first(self.words(x))))
        return self.head(x)  # type: ignore[no-any-return]


def test_a_tensor_that_layers_share_is_pruned_once() -> None:
    layout = Layout.prunable(Tied())
    assert layout.names == ("first.weight", "words.weight")
    assert reasons(layout) == {
        "second.weight": "the same tensor as first.weight",
        "head.weight": "the same tensor as words.weight",
        "first.bias": "a bias",
        "second.bias": "a bias",
    }


def test_a_shared_tensor_is_gated_wherever_it_is_used() -> None:
    network = Network(Tied())
    closed = torch.zeros(network.layout.total)
    x = torch.tensor([0, 3])
    assert network.run(x, network.weights, network.rest).abs().sum() > 0
    assert not network(x, closed).any(), "the head's weight is the embedding's"


def test_a_shared_tensor_may_be_kept_dense() -> None:
    layout = Layout.prunable(Tied(), keep_dense=["second"])
    assert layout.names == ("words.weight",)
    assert reasons(layout)["first.weight"] == "to be kept dense"


@pytest.mark.parametrize("widths", [{}, {"kdim": 3, "vdim": 5}])
def test_the_projections_of_attention_are_prunable(widths: dict[str, int]) -> None:
    module = nn.Sequential(nn.MultiheadAttention(4, 2, **widths))
    projections = {"0.in_proj_weight"}
    if widths:
        projections = {f"0.{part}_proj_weight" for part in "qkv"}
    layout = Layout.prunable(module)
    assert set(layout.names) == {*projections, "0.out_proj.weight"}
    assert set(reasons(layout)) == {"0.in_proj_bias", "0.out_proj.bias"}


def test_convolutions_of_every_kind() -> None:
    kinds: list[Any] = [nn.Conv1d, nn.Conv2d, nn.Conv3d]
    kinds += [nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d]
    layout = Layout.prunable(nn.Sequential(*(kind(2, 3, 1) for kind in kinds)))
    assert [len(entry.shape) for entry in layout.entries] == [3, 4, 5, 3, 4, 5]


def test_what_is_left_out_is_printed_with_the_reason() -> None:
    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.token = nn.Parameter(torch.zeros(1, 2))
            self.words = nn.Embedding(7, 5)
            self.memory = nn.LSTM(5, 2, bias=False)
            self.norm = nn.LayerNorm(2)
            self.fixed = nn.Linear(2, 2)
            self.head = nn.Linear(2, 3)
            self.fixed.requires_grad_(False)

    said = str(Layout.prunable(Own()))
    assert said.splitlines() == [
        "prunable: 6 numbers in 1 tensor",
        "  head.weight  3x2",
        "left dense: 106 numbers in 9 tensors",
        "  biases: 5 numbers in 2 tensors",
        "  scales of norms: 2 numbers in 1 tensor",
        "  fixed.weight  2x2: frozen (requires_grad is False)",
        "  token  1x2: of Own, which is neither a convolution nor a linear layer",
        "  words.weight  7x5: of Embedding, which is neither a convolution nor a linear layer",
        "  memory.weight_ih_l0  8x5: of a recurrent layer, LSTM",
        "  memory.weight_hh_l0  8x2: of a recurrent layer, LSTM",
        "  fixed.bias  2: frozen (requires_grad is False)",
    ]


def test_frozen_parameters_stay_the_modules() -> None:
    module = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    module[0].requires_grad_(False)
    network = Network(module)
    assert network.layout.names == ("2.weight",)
    assert network.rest_layout.names == ("2.bias",)
    x = torch.randn(5, 3)
    assert torch.equal(network(x), module(x))


def test_a_network_all_frozen_is_refused() -> None:
    module = nn.Sequential(nn.Linear(3, 4))
    module.requires_grad_(False)
    with pytest.raises(ValueError, match=r"no prunable weight .* that is not frozen"):
        Layout.prunable(module)


def old_weight_norm(layer: nn.Module) -> None:
    with pytest.warns(FutureWarning):
        nn.utils.weight_norm(layer)


def prune_all(layer: nn.Module) -> None:
    prune.identity(layer, "weight")  # type: ignore[no-untyped-call]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (parametrizations.weight_norm, "parametrisation of its weight: .*remove_parametrizations"),
        (parametrizations.spectral_norm, "parametrisation of its weight"),
        (old_weight_norm, "has weight_norm: torch.nn.utils.remove_weight_norm"),
        (nn.utils.spectral_norm, "has spectral_norm: torch.nn.utils.remove_spectral_norm"),
        (prune_all, "is pruned already: .*prune.remove"),
    ],
)
def test_weights_made_from_others_are_refused_by_name(
    change: Callable[[nn.Module], object], words: str
) -> None:
    module = nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 3))
    change(module[2])
    with pytest.raises(BadInput, match=rf"^2 .*{words}.*, or keep it dense with keep_dense"):
        Layout.prunable(module)
    dense = Layout.prunable(module, keep_dense=["2"])
    assert dense.names == ("0.weight",)
    x = torch.randn(2, 3)
    network = Network(module, dense)
    assert torch.allclose(network(x, training=False), module.eval()(x))
