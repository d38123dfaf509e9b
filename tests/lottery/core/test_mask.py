"""Masks: exactly as many weights as asked for, always the same ones."""

import hashlib
import math

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor

from lottery.core.errors import BadInput
from lottery.core.layout import Layout
from lottery.core.mask import Mask

DTYPES = st.sampled_from([torch.float32, torch.float64, torch.bfloat16, torch.float16])
# Few values, so that ties are common; -0.0 ties with 0.0.
SCORE = st.sampled_from([-math.inf, -2.5, -1.0, -0.0, 0.0, 1e-3, 1.0, 1.5, math.inf])
SCORES = st.builds(
    lambda values, dtype: torch.tensor(values, dtype=dtype),
    st.lists(SCORE | st.floats(-4, 4, width=16), min_size=1, max_size=40),
    DTYPES,
)
DENSITY = st.floats(0, 1, exclude_min=True)
BITS = st.lists(st.booleans(), min_size=1, max_size=40)


def layout_of(*sizes: int) -> Layout:
    return Layout.of_shapes((f"layer{i}", (size,)) for i, size in enumerate(sizes))


def mask_of(keep: list[bool] | list[int]) -> Mask:
    return Mask(layout_of(len(keep)), torch.tensor(keep, dtype=torch.bool))


def top(scores: list[float], density: float) -> list[int]:
    return Mask.top(layout_of(len(scores)), torch.tensor(scores), density).keep.int().tolist()


def best(scores: list[float], count: int, among: list[int] | None = None) -> list[bool]:
    """True at the `count` highest scores, the lower index first, by sorting Python numbers."""
    candidates = range(len(scores)) if among is None else among
    chosen = sorted(candidates, key=lambda i: (-scores[i], i))[:count]
    return [i in chosen for i in range(len(scores))]


@pytest.mark.parametrize(
    ("scores", "density", "expected"),
    [
        ([3, 1, 2, 4], 0.5, [1, 0, 0, 1]),
        ([3, 1, 2, 4], 0.25, [0, 0, 0, 1]),
        ([3, 1, 2, 4], 1, [1, 1, 1, 1]),
        ([7], 1, [1]),
        ([7], 0.51, [1]),
        # Ties go to the lower index, above and at the threshold.
        ([5, 5, 5, 5], 0.5, [1, 1, 0, 0]),
        ([1, 2, 1, 2, 1], 0.6, [1, 1, 0, 1, 0]),
        ([0, 0, 9, 0, 0], 0.4, [1, 0, 1, 0, 0]),
        ([0.0, -0.0, 0.0], 1 / 3, [1, 0, 0]),
        ([-0.0, 0.0, 0.0], 1 / 3, [1, 0, 0]),
        # Infinities are scores like any other.
        ([math.inf, 1, math.inf, 2], 0.25, [1, 0, 0, 0]),
        ([math.inf, 1, math.inf, 2], 0.75, [1, 0, 1, 1]),
        ([-math.inf] * 4, 0.5, [1, 1, 0, 0]),
        ([-math.inf, 3, -math.inf, math.inf], 0.75, [1, 1, 0, 1]),
        # Python's round, half to even: 0.5 * 5 = 2.5 -> 2, 0.5 * 3 = 1.5 -> 2.
        ([1, 2, 3, 4, 5], 0.5, [0, 0, 0, 1, 1]),
        ([1, 2, 3], 0.5, [0, 1, 1]),
    ],
)
def test_golden_masks(scores: list[float], density: float, expected: list[int]) -> None:
    assert top(scores, density) == expected


@given(SCORES, DENSITY)
@settings(max_examples=200, deadline=None)
def test_top_is_the_head_of_the_sorted_scores(scores: Tensor, density: float) -> None:
    d = len(scores)
    assume(round(density * d) > 0)
    mask = Mask.top(layout_of(d), scores, density)
    assert mask.kept == round(density * d)
    assert mask.density == round(density * d) / d
    assert mask.keep.tolist() == best(scores.tolist(), round(density * d))


@given(st.integers(1, 3000), st.data())
@settings(max_examples=30, deadline=None)
def test_every_count_can_be_asked_for(d: int, data: st.DataObject) -> None:
    count = data.draw(st.integers(1, d))
    assert Mask.top(layout_of(d), torch.zeros(d), count / d).keep.tolist() == [
        i < count for i in range(d)
    ]


@given(SCORES, st.data())
@settings(max_examples=200, deadline=None)
def test_within_never_brings_a_weight_back(scores: Tensor, data: st.DataObject) -> None:
    d = len(scores)
    among = sorted(data.draw(st.sets(st.integers(0, d - 1), min_size=1)))
    count = data.draw(st.integers(1, len(among)))
    layout = layout_of(d)
    within = Mask(layout, torch.tensor([i in among for i in range(d)]))
    before = within.keep.clone()
    mask = Mask.top(layout, scores, count / d, within=within)
    assert mask.keep.tolist() == best(scores.tolist(), count, among)
    assert torch.equal(within.keep, before)


def test_within_keeps_minus_infinity_rather_than_a_pruned_weight() -> None:
    within = mask_of([1, 1, 0, 0])
    scores = torch.tensor([-math.inf, -math.inf, math.inf, 5.0])
    mask = Mask.top(within.layout, scores, 0.5, within=within)
    assert mask.keep.tolist() == [True, True, False, False]


def test_within_that_keeps_too_few_is_refused() -> None:
    within = mask_of([1, 1, 0, 0])
    with pytest.raises(ValueError, match=r"density 0\.75 asks for 3 weights, only 2 left"):
        Mask.top(within.layout, torch.zeros(4), 0.75, within=within)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_nan_is_refused(dtype: torch.dtype) -> None:
    scores = torch.tensor([1.0, math.nan, 2.0, math.nan], dtype=dtype)
    with pytest.raises(ValueError, match="2 of 4 scores are NaN"):
        Mask.top(layout_of(4), scores, 0.25)
    with pytest.raises(ValueError, match="2 of 2 scores are NaN"):
        Mask.top_per_layer(layout_of(2, 2), scores[[0, 2, 1, 3]], 1.0)


@pytest.mark.parametrize("density", [0, 0.0, 1.5, -1, math.nan, math.inf, 1.0000001])
def test_densities_that_are_none(density: float) -> None:
    layout, scores = layout_of(10), torch.zeros(10)
    for draw in (Mask.top, Mask.top_per_layer):
        with pytest.raises(BadInput) as caught:
            draw(layout, scores, density)
        assert str(caught.value) == f"density {density} is outside (0, 1]"


def test_a_density_that_keeps_nothing() -> None:
    with pytest.raises(BadInput) as caught:
        Mask.top(layout_of(100), torch.zeros(100), 0.004)
    text = str(caught.value)
    assert text.startswith("density 0.004 keeps none of 100 weights")
    assert "0.01" in text
    assert "\n" not in text
    assert Mask.top(layout_of(100), torch.zeros(100), 0.0051).kept == 1


@pytest.mark.parametrize("shape", [(3,), (5,), (4, 1), ()])
def test_scores_of_the_wrong_shape_are_refused(shape: tuple[int, ...]) -> None:
    for draw in (Mask.top, Mask.top_per_layer):
        with pytest.raises(ValueError, match="expected 4 scores"):
            draw(layout_of(4), torch.zeros(shape), 0.5)


def test_golden_mask_per_layer() -> None:
    scores = torch.tensor([1.0, 9, 9, 2, *[0, 0, 0], 5, *[6, 8, 7, 6, 6, 6]])
    mask = Mask.top_per_layer(layout_of(4, 3, 1, 6), scores, 0.5)
    # round(2), round(1.5) = 2, one for round(0.5) = 0, and round(3).
    assert mask.keep.int().tolist() == [0, 1, 1, 0, *[1, 1, 0], 1, *[1, 1, 1, 0, 0, 0]]
    assert mask.kept_per_layer() == {"layer0": 2, "layer1": 2, "layer2": 1, "layer3": 3}
    assert mask.layers_emptied() == 0


@given(SCORES, st.data())
@settings(max_examples=100, deadline=None)
def test_top_per_layer_is_the_top_of_every_layer(scores: Tensor, data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(scores) - 1))
    sizes = [cut, len(scores) - cut] if cut else [len(scores)]
    density = data.draw(st.floats(1 / len(scores), 1))
    expected: list[bool] = []
    for part in torch.split(scores, sizes):
        expected += best(part.tolist(), max(1, round(density * len(part))))
    mask = Mask.top_per_layer(layout_of(*sizes), scores, density)
    assert mask.keep.tolist() == expected


def test_full_keeps_everything() -> None:
    mask = Mask.full(layout_of(2, 3))
    assert mask.keep.tolist() == [True] * 5
    assert (mask.kept, mask.density, mask.layers_emptied()) == (5, 1.0, 0)


def test_layers_emptied() -> None:
    keep = torch.tensor([0, 0, 0, 1, 0, 1, 1], dtype=torch.bool)
    mask = Mask(layout_of(2, 1, 2, 2), keep)
    assert mask.kept_per_layer() == {"layer0": 0, "layer1": 0, "layer2": 1, "layer3": 2}
    assert mask.layers_emptied() == 2


@pytest.mark.parametrize(
    "keep", [torch.ones(4), torch.ones(5, dtype=torch.bool), torch.ones(2, 2, dtype=torch.bool)]
)
def test_a_mask_is_one_bool_per_weight(keep: Tensor) -> None:
    with pytest.raises(ValueError, match="a mask over 4 weights needs as many bools"):
        Mask(layout_of(4), keep)


def test_golden_bits() -> None:
    mask = mask_of([1, 0, 1, 0, 0, 0, 0, 1, 1, 1])
    assert mask.packed().tolist() == [0b10100001, 0b11000000]
    assert mask.packed().dtype == torch.uint8
    assert mask.sha256 == hashlib.sha256(bytes([0b10100001, 0b11000000])).hexdigest()
    again = Mask.unpacked(mask.layout, torch.tensor([0b10100001, 0b11000000], dtype=torch.uint8))
    assert again.keep.tolist() == mask.keep.tolist()


@given(BITS)
@settings(max_examples=100, deadline=None)
def test_bits_come_back(bits: list[bool]) -> None:
    mask = mask_of(bits)
    packed = mask.packed()
    assert packed.shape == (math.ceil(len(bits) / 8),)
    again = Mask.unpacked(mask.layout, packed)
    assert again.keep.dtype == torch.bool
    assert again.keep.tolist() == bits


@pytest.mark.parametrize(
    "bits",
    [
        torch.zeros(1, dtype=torch.uint8),
        torch.zeros(3, dtype=torch.uint8),
        torch.zeros(2, dtype=torch.int64),
        torch.zeros(2, 1, dtype=torch.uint8),
    ],
)
def test_bits_that_do_not_fit_are_refused(bits: Tensor) -> None:
    with pytest.raises(ValueError, match="mask bits do not fit a layout of 10 weights"):
        Mask.unpacked(layout_of(10), bits)


@given(BITS, st.data())
@settings(max_examples=100, deadline=None)
def test_hashes_are_equal_where_masks_are(bits: list[bool], data: st.DataObject) -> None:
    mask = mask_of(bits)
    assert mask.sha256 == mask_of(list(bits)).sha256
    flipped = list(bits)
    place = data.draw(st.integers(0, len(bits) - 1))
    flipped[place] = not flipped[place]
    assert mask.sha256 != mask_of(flipped).sha256


def test_inputs_that_kept_weights_read() -> None:
    layout = Layout.of_shapes([("a", (2, 3)), ("b", (2, 3, 2, 2))])
    keep = torch.zeros(30, dtype=torch.bool)
    keep[[0, 3, 5]] = True  # inputs 0, 0 and 2 of a
    keep[[6 + 4, 6 + 12 + 7]] = True  # input 1 of b, from both outputs
    assert Mask(layout, keep).inputs_kept() == {"a": 2, "b": 1}
    assert Mask.full(layout).inputs_kept() == {"a": 3, "b": 3}
