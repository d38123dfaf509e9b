"""Effective parameters, against paths that are followed one by one."""

import itertools

import pytest
import timm
import torch
from torch import Tensor, nn

from lottery.core.layout import Layout
from lottery.core.mask import Mask
from lottery.core.network import Network
from lottery.models.paths import effective
from lottery.models.zoo import build
from tests.conftest import vit


def mlp(*sizes: int) -> Network:
    layers: list[nn.Module] = [nn.Flatten()]
    for inputs, outputs in itertools.pairwise(sizes):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return Network(nn.Sequential(*layers[:-1]))


def by_paths(mask: Mask, sizes: tuple[int, ...]) -> Tensor:
    """Weights of a multilayer perceptron on a path, by walking every path."""
    matrices = list(mask.layout.views(mask.keep).values())
    found = [torch.zeros_like(matrix) for matrix in matrices]
    for path in itertools.product(*(range(size) for size in sizes)):
        edges = list(itertools.pairwise(path))
        if all(matrix[j, i] for matrix, (i, j) in zip(matrices, edges, strict=True)):
            for matrix, (i, j) in zip(found, edges, strict=True):
                matrix[j, i] = True
    return torch.cat([matrix.flatten() for matrix in found])


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("density", [0.1, 0.3, 0.6])
def test_a_perceptrons_paths(seed: int, density: float) -> None:
    sizes = (4, 6, 5, 3)
    network = mlp(*sizes)
    scores = torch.rand(network.layout.total, generator=torch.Generator().manual_seed(seed))
    mask = Mask.top(network.layout, scores, density)
    assert torch.equal(effective(network, mask, (1, 2, 2)).keep, by_paths(mask, sizes))


def full(network: Network) -> Tensor:
    return torch.ones(network.layout.total, dtype=torch.bool)


@pytest.mark.parametrize("name", ["resnet20", "lenet-300-100"])
def test_of_a_full_mask_everything_counts(name: str) -> None:
    network = build(name, (1, 8, 8), 10, 0)
    mask = Mask.full(network.layout)
    assert effective(network, mask, (1, 8, 8)).kept == network.layout.total


def test_taps_that_only_see_padding_are_on_no_path() -> None:
    network = Network(nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.Flatten(), nn.Linear(2, 2)))
    found = effective(network, Mask.full(network.layout), (1, 1, 1))
    assert found.kept_per_layer() == {"0.weight": 2, "2.weight": 4}


def test_an_emptied_layer_cuts_all_but_the_shortcut() -> None:
    network = build("resnet20", (1, 8, 8), 10, 0)
    layout = network.layout
    keep = full(network)
    entry = next(e for e in layout.entries if e.name == "blocks.1.conv1.weight")
    keep[entry.span] = False
    found = effective(network, Mask(layout, keep), (1, 8, 8)).kept_per_layer()
    assert found["blocks.1.conv2.weight"] == 0, "what comes after it has no input left"
    assert found["blocks.0.conv1.weight"] == 16 * 16 * 9
    assert found["blocks.2.conv1.weight"] == 16 * 16 * 9


def test_a_channel_without_a_way_out_takes_its_inputs_with_it() -> None:
    network = Network(
        nn.Sequential(
            nn.Conv2d(1, 3, 3, padding=1),
            nn.BatchNorm2d(3, track_running_stats=False),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(3 * 4, 2),
        )
    )
    keep = full(network)
    network.layout.views(keep)["5.weight"][:, 4:8] = False  # the second channel's four pixels
    found = effective(network, Mask(network.layout, keep), (1, 4, 4))
    views = found.layout.views(found.keep)
    assert [bool(view.all()) for view in views["0.weight"]] == [True, False, True]
    assert not views["0.weight"][1].any()


def test_the_network_and_its_weights_play_no_part() -> None:
    network = mlp(4, 3, 2)
    before = network.weights.clone()
    zero = network.at(torch.zeros_like(network.weights))
    mask = Mask.full(network.layout)
    assert effective(zero, mask, (1, 2, 2)).kept == network.layout.total
    assert torch.equal(network.weights, before)


def test_a_transformers_queries_need_their_keys() -> None:
    network = Network(vit())
    mask = Mask.full(network.layout)
    assert effective(network, mask, (3, 32, 32)).kept == network.layout.total
    keep = full(network)
    width = 192
    network.layout.views(keep)["blocks.0.attn.qkv.weight"][width : 2 * width] = False  # the keys
    found = effective(network, Mask(network.layout, keep), (3, 32, 32))
    qkv = network.layout.views(found.keep)["blocks.0.attn.qkv.weight"]
    assert not qkv[: 2 * width].any()
    assert qkv[2 * width :].all()


def test_deep_attention_does_not_saturate_and_no_block_is_dropped() -> None:
    with torch.random.fork_rng(devices=[]):
        module = timm.create_model(
            "swin_tiny_patch4_window7_224",
            img_size=32,
            window_size=2,
            embed_dim=16,
            depths=(2, 10),
            num_heads=(2, 4),
            num_classes=10,
            drop_path_rate=0.5,
        )
    network = Network(module)
    found = effective(network, Mask.full(network.layout), (3, 32, 32))
    assert found.kept == network.layout.total


def test_layouts_without_some_layers() -> None:
    module = nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.Linear(3, 2))
    network = Network(module, Layout.prunable(module, keep_dense=["2"]))
    assert effective(network, Mask.full(network.layout), (1, 2, 2)).kept == 12
