"""How a density is shared out among layers, against hand-computed shares."""

import math
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from baselines.magnitude import magnitude
from baselines.random import random
from lottery.core.errors import BadInput
from lottery.core.layer_densities import erdos_renyi_kernel, keep_layerwise, layer_counts
from lottery.core.layout import Layout
from lottery.core.mask import Mask
from lottery.core.network import Network
from lottery.core.randomness import generator
from lottery.core.ticket import Ticket
from lottery.data.batches import Data
from tests.baselines.tools import chosen, scores_of

# A convolution of 288 weights, and a linear layer of 320.
TWO = Layout.of_shapes([("conv.weight", (8, 4, 3, 3)), ("linear.weight", (10, 32))])


def test_uniform_shares_are_alike() -> None:
    assert layer_counts(TWO, 0.25, "uniform") == [72, 80]
    # 0.1 of them: 28.8 and 32; 60.8 in all is 61.
    assert layer_counts(TWO, 0.1, "uniform") == [29, 32]
    # 31.68 and 35.2 make 66.88, which is 67: the larger remainder is rounded up.
    assert layer_counts(TWO, 0.11, "uniform") == [32, 35]
    # And 37.44 and 41.6 make 79.04.
    assert layer_counts(TWO, 0.13, "uniform") == [37, 42]


def test_erdos_renyi_kernel_by_hand() -> None:
    """Density ~ (n_in + n_out + 3 + 3) / size: the shares are 18 : 42, of 152 in all."""
    assert erdos_renyi_kernel(TWO, 0.25) == pytest.approx([152 * 18 / 60, 152 * 42 / 60])
    assert layer_counts(TWO, 0.25, "erk") == [46, 106]  # of 45.6 and 106.4


def test_erdos_renyi_kernel_fills_small_layers_and_shares_the_rest() -> None:
    layout = Layout.of_shapes([("a", (2, 3)), ("b", (20, 30))])
    # 303 weights in the proportion 5 : 50 would give the first 27.5 of its 6.
    assert erdos_renyi_kernel(layout, 0.5) == pytest.approx([6, 297])
    assert layer_counts(layout, 0.5, "erk") == [6, 297]


def test_a_layer_may_overflow_only_after_another_is_full() -> None:
    layout = Layout.of_shapes([("a", (2, 3)), ("b", (4, 5)), ("c", (20, 30))])
    density = 140 / 626
    # At first 140 / 64 a unit: 10.9 of 6, but 19.7 of 20. Without a: 134 / 59, which is 20.4.
    assert 140 / 64 * 9 < 20 < 134 / 59 * 9
    assert erdos_renyi_kernel(layout, density) == pytest.approx([6, 20, 114])


SHAPES = st.lists(
    st.one_of(
        st.tuples(st.integers(1, 12), st.integers(1, 12)),
        st.tuples(st.integers(1, 6), st.integers(1, 6), st.just(3), st.just(3)),
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=150, deadline=None)
@given(SHAPES, st.floats(1e-3, 1), st.sampled_from(["uniform", "erk"]))
def test_counts_fit_the_layers_and_add_up(
    shapes: list[tuple[int, ...]], density: float, layers: str
) -> None:
    layout = Layout.of_shapes((f"{i}", shape) for i, shape in enumerate(shapes))
    total = round(density * layout.total)
    if total == 0:
        with pytest.raises(BadInput, match="keeps none"):
            layer_counts(layout, density, layers)
        return
    counts = layer_counts(layout, density, layers)
    sizes = [math.prod(shape) for shape in shapes]
    assert sum(counts) == total
    assert all(0 <= n <= size for n, size in zip(counts, sizes, strict=True))
    if layers == "uniform":
        assert all(abs(n - density * size) < 1 for n, size in zip(counts, sizes, strict=True))


@settings(max_examples=150, deadline=None)
@given(SHAPES, st.floats(1e-3, 1))
def test_erdos_renyi_kernel_is_the_fair_share(
    shapes: list[tuple[int, ...]], density: float
) -> None:
    """It adds up, and every layer that is not full has the same number per unit of its shape."""
    layout = Layout.of_shapes((f"{i}", shape) for i, shape in enumerate(shapes))
    wanted = erdos_renyi_kernel(layout, density)
    sizes, units = [math.prod(s) for s in shapes], [sum(s) for s in shapes]
    assert sum(wanted) == pytest.approx(density * layout.total, rel=1e-9)
    rates = [w / u for w, u in zip(wanted, units, strict=True)]
    highest = max(rates)
    for w, size, rate in zip(wanted, sizes, rates, strict=True):
        assert w <= size * (1 + 1e-9)
        # One that gets less than the others per unit is full.
        assert rate == pytest.approx(highest, rel=1e-9) or w == pytest.approx(size, rel=1e-9)


@pytest.mark.parametrize(("layers", "counts"), [("uniform", [9, 100]), ("erk", [20, 89])])
def test_every_layer_keeps_its_highest_scores(
    digits: Data, tiny: Network, layers: str, counts: list[int]
) -> None:
    """Of 36 + 400 weights a quarter, 109; ERK shares them 4 + 1 + 3 + 3 : 10 + 40."""
    found = magnitude(tiny, digits, 0.25, generator(0), layers=layers)
    sizes = tiny.weights.abs()
    expected = torch.cat([chosen(sizes[:36], counts[0]), chosen(sizes[36:], counts[1])])
    assert torch.equal(found.mask.keep, expected)
    assert torch.equal(scores_of(found.scores), sizes)
    everywhere = magnitude(tiny, digits, 0.25, generator(0))
    assert torch.equal(everywhere.mask.keep, chosen(sizes, 109))
    assert not torch.equal(everywhere.mask.keep, expected)


def test_random_shares_too(digits: Data, tiny: Network) -> None:
    found = random(tiny, digits, 0.25, generator(0), layers="uniform")
    assert list(found.mask.kept_per_layer().values()) == [9, 100]
    other = random(tiny, digits, 0.25, generator(1), layers="uniform")
    assert not torch.equal(found.mask.keep, other.mask.keep)


def test_the_layers_of_a_ticket_are_taken(digits: Data, tiny: Network, tmp_path: Path) -> None:
    ticket = Mask.top(tiny.layout, tiny.weights.roll(11), 0.25)
    assert (
        ticket.kept_per_layer()
        != magnitude(tiny, digits, 0.25, generator(0), layers="uniform").mask.kept_per_layer()
    )
    path = tmp_path / "a.ticket"
    Ticket(ticket, seed=0).save(path)
    found = random(tiny, digits, 0.25, generator(0), layers=str(path))
    assert found.mask.kept_per_layer() == ticket.kept_per_layer()
    assert not torch.equal(found.mask.keep, ticket.keep)


def test_a_ticket_of_another_density_or_layout(tiny: Network, tmp_path: Path) -> None:
    path = tmp_path / "a.ticket"
    Ticket(Mask.top(tiny.layout, tiny.weights, 0.25), seed=0).save(path)
    with pytest.raises(BadInput, match="keeps 109 of 436 weights, 44 of 436 in layers like these"):
        keep_layerwise(tiny.layout, tiny.weights, 0.1, str(path))
    swapped = Layout.of_shapes([("0.weight", (36,)), ("5.weight", (400,))])
    with pytest.raises(BadInput, match="keeps 109 of 436 weights"):
        keep_layerwise(swapped, tiny.weights, 0.25, str(path))


def test_a_kind_that_is_none(tiny: Network, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="'unifrom' is none of global, uniform, erk and no ticket"):
        keep_layerwise(tiny.layout, tiny.weights, 0.25, "unifrom")
    damaged = tmp_path / "a.ticket"
    damaged.write_bytes(b"nothing")
    with pytest.raises(ValueError, match=r"a\.ticket cannot be read"):
        keep_layerwise(tiny.layout, tiny.weights, 0.25, str(damaged))


@pytest.mark.parametrize("layers", ["global", "uniform", "erk"])
@pytest.mark.parametrize("density", [0.0, -0.5, 1.01, math.nan, 1e-4])
def test_an_invalid_density(tiny: Network, layers: str, density: float) -> None:
    with pytest.raises(BadInput, match=f"density {density}"):
        keep_layerwise(tiny.layout, tiny.weights, density, layers)
