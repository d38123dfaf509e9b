"""The sanity checks' ablations: what each changes, and what it leaves."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lottery.core.ablations import ABLATIONS, ablate
from lottery.core.errors import BadInput, UnknownName
from lottery.core.layout import Layout
from lottery.core.mask import Mask
from lottery.core.network import Network
from lottery.core.randomness import generator
from lottery.core.ticket import Ticket
from tests.conftest import tiny_module

LAYOUT = Layout.of_shapes([("a", (3, 7)), ("b", (40,)), ("c", (5, 1))])  # 66 weights


def ticket_of(scores: Tensor, density: float, layout: Layout = LAYOUT) -> Ticket:
    mask = Mask.top(layout, scores, density)
    weights = torch.linspace(-1, 1, layout.total)
    return Ticket(mask, 5, weights, torch.ones(2), scores, {"method": "made up"})


def no_network(seed: int) -> Network:
    raise AssertionError("a new network was asked for")


def apply(
    name: str, ticket: Ticket, seed: int = 0, fresh: Callable[[int], Network] = no_network
) -> Ticket:
    return ablate(name, ticket, generator(seed, "shuffle"), fresh)


@pytest.fixture
def ticket() -> Ticket:
    return ticket_of(torch.rand(66, generator=generator(0)), 0.4)


def same_weights(one: Ticket, other: Ticket) -> bool:
    return (
        one.weights is other.weights
        and one.rest is other.rest
        and (one.seed, one.provenance) == (other.seed, other.provenance)
    )


def test_none_is_the_identity(ticket: Ticket) -> None:
    assert apply("none", ticket) is ticket


def test_a_shuffle_keeps_each_layers_count_and_moves_the_weights(ticket: Ticket) -> None:
    before = ticket.mask.keep.clone()
    masks = set()
    for seed in range(10):
        shuffled = apply("shuffle_layerwise", ticket, seed)
        assert shuffled.mask.layout == LAYOUT
        assert shuffled.mask.kept_per_layer() == ticket.mask.kept_per_layer()
        assert same_weights(shuffled, ticket)
        assert shuffled.scores is None
        # About half of the kept weights of a layer of 40 are others than before.
        moved = shuffled.mask.keep[21:61] & ~before[21:61]
        assert moved.sum() > 3
        assert apply("shuffle_layerwise", ticket, seed).mask.sha256 == shuffled.mask.sha256
        masks.add(shuffled.mask.sha256)
    assert torch.equal(ticket.mask.keep, before)
    assert len(masks - {ticket.mask.sha256}) == 10


def test_every_place_of_a_layer_is_reached_by_a_shuffle() -> None:
    """One kept weight in layer b: it goes everywhere there, and nowhere else."""
    scores = torch.zeros(66)
    scores[30] = 1
    ticket = ticket_of(scores, 1 / 66)
    reached = {
        int(apply("shuffle_layerwise", ticket, seed).mask.keep.nonzero()) for seed in range(400)
    }
    assert reached == set(range(21, 61))


def test_layers_are_shuffled_differently() -> None:
    layout = Layout.of_shapes([("a", (50,)), ("b", (50,))])
    ticket = ticket_of(torch.arange(100.0).remainder(50), 0.5, layout)
    first, second = apply("shuffle_layerwise", ticket).mask.keep.view(2, 50)
    assert not torch.equal(first, second)


def test_a_shuffle_does_not_depend_on_what_its_generator_drew(ticket: Ticket) -> None:
    used = generator(0, "shuffle")
    torch.rand(5, generator=used)
    assert (
        ablate("shuffle_layerwise", ticket, used, no_network).mask.sha256
        == apply("shuffle_layerwise", ticket).mask.sha256
    )


def test_reinitialising_changes_the_weights_and_not_the_mask() -> None:
    network, other = Network(tiny_module(0)), Network(tiny_module(1))
    mask = Mask.top(network.layout, network.weights.abs(), 0.3)
    ticket = Ticket(mask, 5, network.weights, network.rest, network.weights.abs())
    calls = []

    def fresh(seed: int) -> Network:
        calls.append(seed)
        return other

    found = apply("reinitialise", ticket, fresh=fresh)
    assert calls == [found.seed]
    assert found.seed != ticket.seed
    assert found.mask is mask
    assert found.scores is None
    assert found.weights is not None
    assert torch.equal(found.weights, other.weights)
    assert found.rest is not None
    assert torch.equal(found.rest, other.rest)
    assert (found.weights != network.weights).all()
    assert ticket.weights is network.weights


def test_inverting_keeps_the_lowest_scores() -> None:
    layout = Layout.of_shapes([("a", (6,))])
    ticket = ticket_of(torch.tensor([3.0, -1, 2, 0, 5, -4]), 1 / 3, layout)
    assert ticket.mask.keep.int().tolist() == [1, 0, 0, 0, 1, 0]
    inverted = apply("invert", ticket)
    assert inverted.mask.keep.int().tolist() == [0, 1, 0, 0, 0, 1]
    assert same_weights(inverted, ticket)
    assert inverted.scores is not None
    assert inverted.scores.tolist() == [-3, 1, -2, 0, -5, 4]
    assert apply("invert", inverted).mask.sha256 == ticket.mask.sha256


@given(
    st.lists(st.integers(-2, 2).map(float) | st.floats(-1, 1, width=32), min_size=2, max_size=50),
    st.integers(1, 50),
)
@settings(max_examples=200, deadline=None)
def test_an_inverted_ticket_keeps_as_many_and_others(scores: list[float], count: int) -> None:
    d = len(scores)
    count = min(count, d)
    ticket = ticket_of(torch.tensor(scores), count / d, Layout.of_shapes([("a", (d,))]))
    inverted = apply("invert", ticket)
    assert inverted.mask.kept == ticket.mask.kept == count
    # Disjoint up to a half, and no more common than must be above it, ties included.
    common = int((inverted.mask.keep & ticket.mask.keep).sum())
    assert common == max(0, 2 * count - d)


def test_chance_decides_between_equal_scores() -> None:
    """The first or the last of them would empty whole layers."""
    scores = torch.zeros(66)
    scores[:10] = 1
    ticket = ticket_of(scores, 10 / 66)
    masks = [apply("invert", ticket, seed).mask for seed in range(20)]
    assert torch.stack([mask.keep for mask in masks]).any(0).sum() > 50
    assert not any(mask.keep[:10].any() for mask in masks)
    assert apply("invert", ticket, 3).mask.sha256 == masks[3].sha256


def test_a_ticket_without_scores_cannot_be_inverted(ticket: Ticket) -> None:
    bare = Ticket(ticket.mask, 5, ticket.weights, ticket.rest)
    with pytest.raises(ValueError, match="a ticket without scores cannot be inverted"):
        apply("invert", bare)


def test_an_empty_ticket_cannot_be_inverted() -> None:
    """CRBG may close every gate."""
    keep = torch.zeros(66, dtype=torch.bool)
    with pytest.raises(BadInput, match=r"density 0\.0 is outside"):
        apply("invert", Ticket(Mask(LAYOUT, keep), 5, scores=torch.full((66,), -1.0)))


def test_an_unknown_ablation_is_refused(ticket: Ticket) -> None:
    with pytest.raises(UnknownName, match="'shuffle_layer': did you mean shuffle_layerwise"):
        apply("shuffle_layer", ticket)
    assert list(ABLATIONS) == ["none", "shuffle_layerwise", "reinitialise", "invert"]
