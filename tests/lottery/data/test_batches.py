"""Batches: the right pixels, each image once an epoch, the same whenever they are asked for."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from lottery.core.randomness import generator
from lottery.data import Dataset, Images
from lottery.data.batches import Data, Normalisation
from tests.conftest import global_state

N, HEIGHT, WIDTH, CHANNELS = 23, 4, 6, 2
PIXELS = np.random.default_rng(0).integers(0, 256, (N, HEIGHT, WIDTH, CHANNELS), np.uint8)
RAW = Normalisation(torch.zeros(CHANNELS), torch.ones(CHANNELS))  # leaves pixels as they are
PLAIN = Dataset("plain", N, (CHANNELS, HEIGHT, WIDTH), N, 0)


def numbered(facts: Dataset = PLAIN, normalisation: Normalisation = RAW) -> Data:
    """Images whose labels are their positions."""
    return Data(Images(torch.from_numpy(PIXELS), torch.arange(N)), facts, normalisation)


def as_images(x: Tensor) -> NDArray[np.float32]:
    """A batch as the stored images are: (b, h, w, c)."""
    return x.permute(0, 2, 3, 1).numpy()


def test_moments_are_numpys() -> None:
    moments = Normalisation.of(Images(torch.from_numpy(PIXELS), torch.arange(N)))
    wide = PIXELS.astype(np.float64)
    assert moments.mean.tolist() == pytest.approx(wide.mean((0, 1, 2)).tolist(), rel=1e-6)
    assert moments.std.tolist() == pytest.approx(wide.std((0, 1, 2)).tolist(), rel=1e-6)
    assert moments.mean.dtype == moments.std.dtype == torch.float32


def test_moments_of_the_training_images_make_them_standard(digits: Data) -> None:
    x, _ = digits.take(torch.arange(len(digits)))
    assert abs(x.double().mean().item()) < 1e-6
    assert x.double().std(correction=0).item() == pytest.approx(1, abs=1e-6)


def test_take_normalises_every_channel() -> None:
    moments = Normalisation(torch.tensor([10.0, 100.0]), torch.tensor([2.0, 50.0]))
    data = numbered(normalisation=moments)
    x, y = data.take(torch.tensor([3, 3, 22]))
    assert (x.dtype, x.shape) == (torch.float32, (3, CHANNELS, HEIGHT, WIDTH))
    assert x.is_contiguous(memory_format=torch.channels_last)
    assert y.tolist() == [3, 3, 22]
    expected = (PIXELS[[3, 3, 22]].astype(np.float64) - [10, 100]) / [2, 50]
    np.testing.assert_allclose(as_images(x), expected, rtol=1e-6)


@pytest.mark.parametrize(("batch", "steps"), [(1, 23), (5, 4), (12, 1), (23, 1), (24, 1), (500, 1)])
def test_an_epoch_has_whole_batches_of_different_images(batch: int, steps: int) -> None:
    data = numbered()
    stream = data.stream(batch, generator(0))
    assert stream.steps_per_epoch == data.steps_per_epoch(batch) == steps
    orders = []
    for epoch in range(3):
        batches = [stream[epoch * steps + i] for i in range(steps)]
        assert {len(y) for _, y in batches} == {min(batch, N)}
        drawn = torch.cat([y for _, y in batches]).tolist()
        assert len(set(drawn)) == len(drawn)
        for x, y in batches:
            np.testing.assert_array_equal(as_images(x), PIXELS[y.numpy()])
        orders.append(tuple(drawn))
    assert len(set(orders)) == 3


def test_every_image_is_drawn_in_some_epoch() -> None:
    stream = numbered().stream(5, generator(0))
    seen = Counter(label for step in range(4 * 50) for label in stream[step][1].tolist())
    assert set(seen) == set(range(N))
    # 20 of 23 images an epoch: 43.5 draws each in 50 epochs, standard deviation 2.4.
    assert min(seen.values()) > 31


@given(st.lists(st.integers(0, 11), min_size=1, max_size=8), st.booleans())
@settings(max_examples=30, deadline=None)
def test_a_stream_is_the_same_in_any_order(steps: list[int], augment: bool) -> None:
    data = numbered(replace(PLAIN, crop_padding=1, flip=True))
    sequential = data.stream(5, generator(0, "x"), augment=augment)
    expected = [sequential[step] for step in range(12)]
    source = generator(0, "x")
    torch.rand(3, generator=source)
    stream = data.stream(5, source, augment=augment)
    for step in steps:
        x, y = stream[step]
        assert torch.equal(x, expected[step][0])
        assert torch.equal(y, expected[step][1])


def test_streams_of_other_generators_differ_and_leave_the_global_one_alone() -> None:
    data = numbered()
    before = global_state()
    orders = {tuple(data.stream(20, generator(seed))[0][1].tolist()) for seed in range(5)}
    assert len(orders) == 5
    assert global_state() == before


def crops(image: NDArray[np.uint8], padding: int, flip: bool) -> dict[tuple[int, int, bool], bytes]:
    """Every crop of the zero-padded image, and its mirror image, pixel by pixel."""
    found = {}
    for down in range(2 * padding + 1):
        for right in range(2 * padding + 1):
            crop = np.zeros((HEIGHT, WIDTH, CHANNELS), np.uint8)
            for row in range(HEIGHT):
                for column in range(WIDTH):
                    y, x = row + down - padding, column + right - padding
                    if 0 <= y < HEIGHT and 0 <= x < WIDTH:
                        crop[row, column] = image[y, x]
            found[down, right, False] = crop.tobytes()
            if flip:
                found[down, right, True] = crop[:, ::-1].tobytes()
    return found


@pytest.mark.parametrize(("padding", "flip"), [(2, True), (1, False), (0, True)])
def test_augmented_images_are_crops_and_mirror_images(padding: int, flip: bool) -> None:
    facts = replace(PLAIN, crop_padding=padding, flip=flip)
    stream = numbered(facts).stream(N, generator(0), augment=True)
    candidates = [crops(image, padding, flip) for image in PIXELS]
    kinds = (2 * padding + 1) ** 2 * (2 if flip else 1)
    assert all(len(set(found.values())) == kinds for found in candidates)
    chosen: Counter[tuple[int, int, bool]] = Counter()
    per_image: list[set[tuple[int, int, bool]]] = [set() for _ in range(N)]
    epochs = 40
    for step in range(epochs):
        x, y = stream[step]
        for image, label in zip(as_images(x), y.tolist(), strict=True):
            pixels = image.astype(np.uint8)
            np.testing.assert_array_equal(pixels, image)
            (kind,) = [k for k, p in candidates[label].items() if p == pixels.tobytes()]
            chosen[kind] += 1
            per_image[label].add(kind)
    # All occur, about equally often: five standard deviations.
    expected = N * epochs / kinds
    assert len(chosen) == kinds
    assert all(abs(count - expected) < 5 * expected**0.5 for count in chosen.values())
    # Every image is augmented anew in every epoch.
    assert min(len(kinds) for kinds in per_image) > 1


def test_augmentation_is_only_where_asked_for_and_where_the_dataset_says_so() -> None:
    augmented = replace(PLAIN, crop_padding=2, flip=True)
    for facts, asked in ((PLAIN, True), (augmented, False)):
        x, y = numbered(facts).stream(N, generator(0), augment=asked)[0]
        np.testing.assert_array_equal(as_images(x), PIXELS[y.numpy()])
    x, y = numbered(augmented).stream(N, generator(0), augment=True)[0]
    assert not np.array_equal(as_images(x), PIXELS[y.numpy()])
    for x, y in numbered(augmented).epoch(5, generator(0)):
        np.testing.assert_array_equal(as_images(x), PIXELS[y.numpy()])


def test_padding_is_black_before_normalisation() -> None:
    white = Images(
        torch.full((N, HEIGHT, WIDTH, CHANNELS), 255, dtype=torch.uint8), torch.arange(N)
    )
    moments = Normalisation(torch.full((CHANNELS,), 55.0), torch.full((CHANNELS,), 100.0))
    data = Data(white, replace(PLAIN, crop_padding=1), moments)
    x, _ = data.stream(N, generator(0), augment=True)[0]
    assert set(x.flatten().tolist()) == {torch.tensor(-0.55).item(), 2.0}


def test_augmentation_does_not_change_the_order() -> None:
    data = numbered(replace(PLAIN, crop_padding=2, flip=True))
    one, other = (data.stream(5, generator(0), augment=augment) for augment in (True, False))
    assert all(torch.equal(one[step][1], other[step][1]) for step in range(12))


def test_an_epoch_is_the_streams_first() -> None:
    data = numbered()
    stream = data.stream(5, generator(0))
    batches = list(data.epoch(5, generator(0)))
    assert len(batches) == 4
    for step, (x, y) in enumerate(batches):
        assert torch.equal(x, stream[step][0])
        assert torch.equal(y, stream[step][1])


@pytest.mark.parametrize(
    ("size", "lengths"), [(512, [23]), (23, [23]), (22, [12, 11]), (10, [8, 8, 7]), (1, [1] * 23)]
)
def test_chunks_are_every_image_in_order(size: int, lengths: list[int]) -> None:
    chunks = list(numbered().chunks(size))
    assert [len(y) for _, y in chunks] == lengths
    assert torch.cat([y for _, y in chunks]).tolist() == list(range(N))
    np.testing.assert_array_equal(np.concatenate([as_images(x) for x, _ in chunks]), PIXELS)


def labelled(labels: list[int], classes: int) -> Data:
    """Images whose first channel is their position, with the labels given."""
    images = torch.arange(len(labels), dtype=torch.uint8)[:, None, None, None].expand(-1, 1, 1, 2)
    facts = Dataset("few", classes, (2, 1, 1), len(labels), 0)
    return Data(Images(images.contiguous(), torch.tensor(labels)), facts, RAW)


def test_a_balanced_batch_has_as_many_images_of_every_class() -> None:
    labels = [0, 2, 1, 1, 0, 2, 2, 1, 0, 2, 2, 2, 2]
    data = labelled(labels, 3)
    chosen = set()
    for seed in range(30):
        x, y = data.balanced(2, generator(seed))
        places = [int(place) for place in x[:, 0, 0, 0].tolist()]
        assert Counter(y.tolist()) == {0: 2, 1: 2, 2: 2}
        assert len(set(places)) == 6
        assert [labels[place] for place in places] == y.tolist()
        chosen.update(places)
        again, _ = data.balanced(2, generator(seed))
        assert torch.equal(again, x)
    assert chosen == set(range(len(labels)))
    with pytest.raises(ValueError, match="class 0 of few has 3 images, 4 are needed"):
        data.balanced(4, generator(0))
    assert len(data.balanced(3, generator(0))[1]) == 9


def test_a_class_without_images_has_no_balanced_batch() -> None:
    with pytest.raises(ValueError, match="class 1 of few has 0 images, 1 are needed"):
        labelled([0, 0], 2).balanced(1, generator(0))


def test_drawn_counts_every_image_handed_out() -> None:
    data = numbered(replace(PLAIN, crop_padding=1, flip=True))
    assert (data.drawn, len(data)) == (0, N)
    data.take(torch.tensor([1, 1]))
    assert data.drawn == 2
    stream = data.stream(5, generator(0), augment=True)
    assert data.drawn == 2
    for step in (0, 7, 0):
        stream[step]
    assert data.drawn == 2 + 15
    list(data.epoch(5, generator(0)))
    assert data.drawn == 17 + 20
    list(data.chunks(7))
    assert data.drawn == 37 + N
    data.balanced(1, generator(0))
    assert data.drawn == 60 + N
