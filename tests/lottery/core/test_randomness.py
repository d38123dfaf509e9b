"""Randomness by name: what is drawn depends on the seed and the name alone."""

import hashlib
import random

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lottery.core.randomness import child, derive, generator, seeded_globals
from tests.conftest import global_state

SEED = st.integers(0, 2**63 - 1)
USE = st.lists(st.integers(0, 99) | st.text("abc ", min_size=1, max_size=3), max_size=3).map(tuple)


def draw(source: torch.Generator) -> list[float]:
    return torch.rand(4, generator=source).tolist()


def test_derived_seeds_stay_what_they_are() -> None:
    """Half of the first 16 hexadecimal digits of a SHA-256: results depend on it for ever."""
    expected = int(hashlib.sha256(b"7/order/3").hexdigest()[:16], 16) // 2
    assert derive(7, "order", 3) == expected == 929583480629082613
    assert generator(7, "order", 3).initial_seed() == expected


@given(SEED, USE)
@settings(max_examples=50, deadline=None)
def test_derived_seeds_fit_63_bits(seed: int, use: tuple[int | str, ...]) -> None:
    assert 0 <= derive(seed, *use) < 2**63


def spelt(seed_and_use: tuple[int, tuple[int | str, ...]]) -> tuple[str, ...]:
    seed, use = seed_and_use
    return (str(seed), *map(str, use))


@given(st.lists(st.tuples(SEED, USE), min_size=2, max_size=20, unique_by=spelt))
@settings(max_examples=50, deadline=None)
def test_different_uses_have_different_seeds(uses: list[tuple[int, tuple[int | str, ...]]]) -> None:
    assert len({derive(seed, *use) for seed, use in uses}) == len(uses)


def test_neither_order_of_use_nor_the_global_state_matters() -> None:
    torch.manual_seed(0)
    first = draw(generator(0, "order"))
    second = draw(generator(0, "noise"))
    torch.manual_seed(1)
    torch.rand(17)
    assert draw(generator(0, "noise")) == second
    assert draw(generator(0, "order")) == first
    assert first != second
    assert draw(generator(1, "order")) != first


def test_the_global_generator_is_left_alone() -> None:
    before = global_state()
    draw(child(generator(0, "order"), "epoch", 1))
    assert global_state() == before


def test_a_child_does_not_depend_on_what_its_parent_drew() -> None:
    parent = generator(0, "method")
    expected = draw(child(parent, "order", 1))
    draw(parent)
    assert draw(child(parent, "order", 1)) == expected
    assert draw(child(generator(0, "method"), "order", 1)) == expected


def test_drawing_from_a_child_does_not_touch_its_parent() -> None:
    parent = generator(0, "method")
    expected = draw(generator(0, "method"))
    draw(child(parent, "order"))
    assert draw(parent) == expected


def test_children_of_other_parents_and_names_differ() -> None:
    parents = [generator(0, "a"), generator(0, "b"), generator(1, "a")]
    drawn = [tuple(draw(child(p, *use))) for p in parents for use in (("x",), ("x", 1), ("y",))]
    drawn += [tuple(draw(p)) for p in parents]
    drawn.append(tuple(draw(child(child(parents[0], "x"), "x"))))
    assert len(set(drawn)) == 13


def test_a_child_is_where_its_parent_is_unless_told() -> None:
    parent = generator(0, "a")
    assert child(parent, "x").device == torch.device("cpu")
    assert child(parent, "x", device="cpu").initial_seed() == child(parent, "x").initial_seed()


def test_global_generators_are_seeded_within_and_as_they_were_after() -> None:
    def draw() -> tuple[float, float, float]:
        return random.random(), float(np.random.rand()), float(torch.rand(()))

    draw()
    states = random.getstate(), str(np.random.get_state()), torch.get_rng_state().tolist()
    with seeded_globals(2**63 - 1):
        first = draw()
    after = random.getstate(), str(np.random.get_state()), torch.get_rng_state().tolist()
    assert after == states
    with seeded_globals(2**63 - 1):
        assert draw() == first
