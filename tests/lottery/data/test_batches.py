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
from lottery.data.batches import Data, Normalisation, mean_over_parts
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


@pytest.mark.parametrize(
    ("batch", "lengths"),
    [
        (1, [1] * 23),
        (5, [5, 5, 5, 5, 3]),
        (7, [7, 7, 7, 2]),
        (11, [11, 11]),  # one image is left, which no BatchNorm can normalise: it is dropped
        (12, [12, 11]),
        (22, [22]),
        (23, [23]),
        (500, [23]),
    ],
)
def test_an_epoch_has_every_image_once_in_batches(batch: int, lengths: list[int]) -> None:
    data, steps = numbered(), len(lengths)
    stream = data.stream(batch, generator(0))
    assert stream.steps_per_epoch == data.steps_per_epoch(batch) == steps
    orders = []
    for epoch in range(3):
        batches = [stream[epoch * steps + i] for i in range(steps)]
        assert [len(y) for _, y in batches] == lengths
        drawn = torch.cat([y for _, y in batches]).tolist()
        assert len(set(drawn)) == len(drawn)
        for x, y in batches:
            np.testing.assert_array_equal(as_images(x), PIXELS[y.numpy()])
        orders.append(tuple(drawn))
    assert len(set(orders)) == 3


def test_every_image_is_drawn_in_some_epoch() -> None:
    """Also where one is left over in each."""
    stream = numbered().stream(11, generator(0))
    seen = Counter(label for step in range(2 * 50) for label in stream[step][1].tolist())
    assert set(seen) == set(range(N))
    # 22 of 23 images an epoch: 47.8 draws each in 50 epochs, standard deviation 1.4.
    assert min(seen.values()) > 40


@given(st.lists(st.integers(0, 11), min_size=1, max_size=8), st.booleans())
@settings(max_examples=30, deadline=None)
def test_a_stream_is_the_same_in_any_order(steps: list[int], augment: bool) -> None:
    data = numbered(replace(PLAIN, crop_padding=1, flip=True))
    sequential = data.stream(6, generator(0, "x"), augment=augment)
    expected = [sequential[step] for step in range(12)]
    source = generator(0, "x")
    torch.rand(3, generator=source)
    stream = data.stream(6, source, augment=augment)
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
    """Every crop of the image with its mirrored padding, and the crop's mirror image."""
    padded = np.pad(image, ((padding, padding), (padding, padding), (0, 0)), mode="reflect")
    height, width, _ = image.shape
    found = {}
    for down in range(2 * padding + 1):
        for right in range(2 * padding + 1):
            crop = padded[down : down + height, right : right + width]
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


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 4), (2, 3), (4, 2), (5, 9)])
@pytest.mark.parametrize("padding", [1, 4, 9])
def test_padding_mirrors_images_of_any_size(height: int, width: int, padding: int) -> None:
    """Also those that are smaller than the padding, which then goes back and forth."""
    image = np.arange(height * width, dtype=np.uint8).reshape(height, width, 1)
    others = Images(
        torch.from_numpy(np.stack([image, image + 100])), torch.tensor([0, 1])
    )  # pixels of another image must not come in
    facts = Dataset("mirrored", 2, (1, height, width), 2, 0, crop_padding=padding)
    data = Data(others, facts, Normalisation(torch.zeros(1), torch.ones(1)))
    stream = data.stream(2, generator(0), augment=True)
    allowed = set(crops(image, padding, False).values())
    seen = set()
    for step in range(60):
        x, y = stream[step]
        for cropped, label in zip(as_images(x), y.tolist(), strict=True):
            pixels = cropped.astype(np.uint8) - 100 * label
            assert pixels.tobytes() in allowed
            seen.add(pixels.tobytes())
    assert len(seen) > len(allowed) / 4


def test_augmentation_is_only_where_asked_for_and_where_the_dataset_says_so() -> None:
    augmented = replace(PLAIN, crop_padding=2, flip=True)
    for facts, asked in ((PLAIN, True), (augmented, False)):
        x, y = numbered(facts).stream(N, generator(0), augment=asked)[0]
        np.testing.assert_array_equal(as_images(x), PIXELS[y.numpy()])
    x, y = numbered(augmented).stream(N, generator(0), augment=True)[0]
    assert not np.array_equal(as_images(x), PIXELS[y.numpy()])
    for x, y in numbered(augmented).epoch(5, generator(0)):
        np.testing.assert_array_equal(as_images(x), PIXELS[y.numpy()])


def test_augmentation_does_not_change_the_order() -> None:
    data = numbered(replace(PLAIN, crop_padding=2, flip=True))
    one, other = (data.stream(5, generator(0), augment=augment) for augment in (True, False))
    assert all(torch.equal(one[step][1], other[step][1]) for step in range(12))


def test_an_epoch_is_the_streams_first() -> None:
    data = numbered()
    stream = data.stream(5, generator(0))
    batches = list(data.epoch(5, generator(0)))
    assert len(batches) == 5
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
    assert data.drawn == 17 + N
    list(data.chunks(7))
    assert data.drawn == 17 + 2 * N
    data.balanced(1, generator(0))
    assert data.drawn == 17 + 3 * N


@pytest.mark.parametrize(
    ("size", "count", "lengths"),
    [
        (12, 1, [12]),
        (12, 4, [3, 3, 3, 3]),
        (11, 4, [3, 3, 3, 2]),
        (7, 4, [3, 2, 2]),  # four parts would leave one image alone
        (3, 4, [3]),
        (2, 2, [2]),
        (1, 4, [1]),
    ],
)
def test_a_batch_falls_into_parts_of_two_images_or_more(
    size: int, count: int, lengths: list[int]
) -> None:
    """Parts in order; the mean is over parts, each of the same weight."""
    x, y = torch.arange(size, dtype=torch.float64) ** 2, torch.arange(size)
    seen: list[list[int]] = []
    memory = torch.zeros((), dtype=torch.float64)

    def work(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        seen.append(y.tolist())
        return memory.copy_(x.sum()), x.amax()  # the first is overwritten by the next call

    first, second = mean_over_parts(work, x, y, count)
    assert [len(part) for part in seen] == lengths
    assert [place for part in seen for place in part] == list(range(size))
    sums = [sum(place**2 for place in part) for part in seen]
    highest = [part[-1] ** 2 for part in seen]
    assert first.item() == pytest.approx(sum(sums) / len(lengths), rel=1e-12)
    assert second.item() == pytest.approx(sum(highest) / len(lengths), rel=1e-12)


def test_normalised_again_is_what_a_second_normalisation_makes_of_it() -> None:
    """Moments of pixels in 0..1, applied twice."""
    moments = Normalisation(torch.tensor([51.0, 102.0]), torch.tensor([25.5, 127.5]))
    data = numbered(normalisation=moments)
    x, _ = data.take(torch.arange(N))
    mean, std = np.array([0.2, 0.4]), np.array([0.1, 0.5])
    once = (PIXELS / 255 - mean) / std
    np.testing.assert_allclose(as_images(x), once, rtol=1e-5, atol=1e-6)
    twice = (once - mean) / std
    np.testing.assert_allclose(as_images(data.normalised_again(x)), twice, rtol=1e-5, atol=1e-5)
