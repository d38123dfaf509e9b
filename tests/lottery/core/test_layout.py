"""What is prunable, and the flat vector that it is laid out in."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from lottery.core.layout import Entry, Layout

SHAPES = st.lists(
    st.lists(st.integers(1, 4), min_size=1, max_size=4).map(tuple), min_size=1, max_size=5
)


class Branches(nn.Module):
    """Layers of many kinds, registered in an order that is not the order of use."""

    def __init__(self) -> None:
        super().__init__()
        self.last = nn.Linear(5, 2)
        self.norm = nn.BatchNorm2d(3)
        self.block = nn.Sequential(nn.Conv2d(1, 3, (2, 1)), nn.LayerNorm(3), nn.Conv1d(2, 2, 1))
        self.up = nn.ConvTranspose2d(3, 3, 2)
        self.words = nn.Embedding(7, 5)
        self.first = nn.Conv2d(4, 6, 3, groups=2, bias=False)
        self.token = nn.Parameter(torch.zeros(3, 3))


def test_every_convolution_and_linear_weight_in_the_modules_order() -> None:
    layout = Layout.prunable(Branches())
    assert layout.entries == (
        Entry("last.weight", (2, 5), 0),
        Entry("block.0.weight", (3, 1, 2, 1), 10),
        Entry("block.2.weight", (2, 2, 1), 16),
        Entry("up.weight", (3, 3, 2, 2), 20),
        Entry("first.weight", (6, 2, 3, 3), 56),
    )
    assert layout.layer_names == ("last", "block.0", "block.2", "up", "first")
    assert layout.total == 10 + 6 + 4 + 36 + 108
    assert [entry.span for entry in layout.entries][-2:] == [slice(20, 56), slice(56, 164)]


def test_a_module_that_is_itself_a_layer() -> None:
    assert Layout.prunable(nn.Linear(3, 2)).entries == (Entry("weight", (2, 3), 0),)


def test_subclasses_of_the_layers_are_prunable() -> None:
    class Mine(nn.Linear):
        pass

    assert Layout.prunable(nn.Sequential(Mine(3, 2))).names == ("0.weight",)


def test_keep_dense_leaves_a_layer_out() -> None:
    layout = Layout.prunable(Branches(), keep_dense=["last", "up"])
    assert layout.entries == (
        Entry("block.0.weight", (3, 1, 2, 1), 0),
        Entry("block.2.weight", (2, 2, 1), 6),
        Entry("first.weight", (6, 2, 3, 3), 10),
    )


def test_keep_dense_leaves_out_all_that_is_in_a_module() -> None:
    layout = Layout.prunable(Branches(), keep_dense=["block"])
    assert layout.names == ("last.weight", "up.weight", "first.weight")


@pytest.mark.parametrize("name", ["norm", "bloc", "lost", "last.weight", ""])
def test_keep_dense_must_name_a_prunable_layer(name: str) -> None:
    with pytest.raises(ValueError, match=f"keep_dense names '{name}'"):
        Layout.prunable(Branches(), keep_dense=[name])


@pytest.mark.parametrize(
    "module", [nn.Sequential(), nn.Sequential(nn.ReLU(), nn.BatchNorm2d(2)), nn.LSTM(1, 1)]
)
def test_nothing_prunable_is_an_error(module: nn.Module) -> None:
    with pytest.raises(ValueError, match=f"{type(module).__name__} has no prunable weight"):
        Layout.prunable(module)


def test_nothing_left_prunable_is_an_error() -> None:
    with pytest.raises(ValueError, match="no prunable weight"):
        Layout.prunable(nn.Sequential(nn.Linear(2, 2)), keep_dense=["0"])


def test_views_are_the_parts_of_the_flat_vector() -> None:
    layout = Layout.of_shapes([("a", (2, 2)), ("b", (3,)), ("c", (1, 2))])
    flat = torch.arange(9.0)
    views = layout.views(flat)
    assert list(views) == ["a", "b", "c"]
    assert views["a"].tolist() == [[0, 1], [2, 3]]
    assert views["b"].tolist() == [4, 5, 6]
    assert views["c"].tolist() == [[7, 8]]
    views["b"][1] = -1
    assert flat[5] == -1


@given(SHAPES)
@settings(max_examples=30, deadline=None)
def test_flatten_undoes_views(shapes: list[tuple[int, ...]]) -> None:
    layout = Layout.of_shapes((str(i), shape) for i, shape in enumerate(shapes))
    assert layout.total == sum(math.prod(shape) for shape in shapes)
    flat = torch.arange(layout.total)
    views = layout.views(flat)
    assert [tuple(view.shape) for view in views.values()] == shapes
    # The mapping's own order plays no part.
    assert torch.equal(layout.flatten(dict(reversed(views.items()))), flat)


@given(SHAPES)
@settings(max_examples=20, deadline=None)
def test_gradients_flow_through_views_and_flatten(shapes: list[tuple[int, ...]]) -> None:
    layout = Layout.of_shapes((str(i), shape) for i, shape in enumerate(shapes))
    flat = torch.ones(layout.total, requires_grad=True)
    views = layout.views(flat)
    weighted = [(i + 1) * view.sum() for i, view in enumerate(views.values())]
    (gradient,) = torch.autograd.grad(torch.stack(weighted).sum(), flat)
    expected = [i + 1.0 for i, shape in enumerate(shapes) for _ in range(math.prod(shape))]
    assert gradient.tolist() == expected

    parts = {name: view.detach().clone().requires_grad_() for name, view in views.items()}
    factors = torch.arange(float(layout.total))
    gradients = torch.autograd.grad((layout.flatten(parts) * factors).sum(), [*parts.values()])
    assert torch.cat([g.flatten() for g in gradients]).tolist() == factors.tolist()


@pytest.mark.parametrize("shape", [(4,), (6,), (5, 1), ()])
def test_views_of_a_wrong_vector_are_refused(shape: tuple[int, ...]) -> None:
    layout = Layout.of_shapes([("a", (5,))])
    with pytest.raises(ValueError, match="expected a flat vector of 5"):
        layout.views(torch.zeros(shape))


def test_an_empty_layout_is_an_empty_vector() -> None:
    layout = Layout.of_shapes([])
    assert layout.total == 0
    assert layout.flatten({}).shape == (0,)
    assert layout.views(torch.empty(0)) == {}


def test_fan_in() -> None:
    layout = Layout.prunable(Branches())
    fan_ins = {name: layout.fan_in(name) for name in layout.names}
    del fan_ins["up.weight"], fan_ins["block.2.weight"]
    assert fan_ins == {"last.weight": 5, "block.0.weight": 2, "first.weight": 18}
