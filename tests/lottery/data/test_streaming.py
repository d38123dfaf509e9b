"""Pictures that are streamed: the same batches whenever and however they are asked for."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from lottery.core.randomness import generator
from lottery.data.datasets import Dataset, Pictures, hold_out
from lottery.data.sets import imagenet
from lottery.data.sources import Absent, DataError
from lottery.data.streaming import StreamedData, data_of, normalisation_of, streamed_folder
from tests.pictures import picture, write_folder

SIZE = 14


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve JPEGs of three classes, and as many to test; one grey, one CMYK."""
    root = write_folder(tmp_path_factory.mktemp("large") / "pictures", ending="jpg")
    picture(0, 0, (20, 30)).convert("L").save(root / "train" / "ant" / "0.jpg")
    picture(1, 0, (30, 20)).convert("CMYK").save(root / "train" / "bee" / "0.jpg")
    return root


def data(root: Path, workers: int = 0, *, flip: bool = True) -> StreamedData:
    part, _ = streamed_folder(root, SIZE)
    facts = Dataset("large", 3, (3, SIZE, SIZE), 12, 12, flip=flip)
    found = data_of(part, facts, normalisation_of(part), "cpu", workers)
    assert isinstance(found, StreamedData)
    return found


def equal(one: tuple[Tensor, Tensor], other: tuple[Tensor, Tensor]) -> bool:
    return torch.equal(one[0], other[0]) and torch.equal(one[1], other[1])


def test_a_folder_is_listed_not_read(root: Path) -> None:
    train, test = streamed_folder(root, SIZE)
    assert train.labels.tolist() == test.labels.tolist() == [0] * 4 + [1] * 4 + [2] * 4
    assert train.path(5) == root / "train" / "bee" / "1.jpg"
    kept, held = hold_out(train, 0.25)
    assert (len(kept.names), len(held.names)) == (9, 3)
    assert {*kept.names.tolist(), *held.names.tolist()} == {*train.names.tolist()}
    assert held.path(0).is_file()


def test_batches_are_images_as_a_network_takes_them(root: Path) -> None:
    stream = data(root).stream(5, generator(0, "a"), augment=True)
    assert stream.steps_per_epoch == 3
    x, y = stream[0]
    assert (x.shape, x.dtype, y.dtype) == ((5, 3, SIZE, SIZE), torch.float32, torch.int64)
    assert x.is_contiguous(memory_format=torch.channels_last)
    assert stream[2][0].shape == (2, 3, SIZE, SIZE)
    seen = torch.cat([stream[step][1] for step in range(3, 6)])
    assert sorted(seen.tolist()) == [0] * 4 + [1] * 4 + [2] * 4


def test_a_step_is_the_same_in_whatever_order_it_is_asked_for(root: Path) -> None:
    whole = data(root).stream(5, generator(0, "a"), augment=True)
    batches = [whole[step] for step in range(8)]
    resumed = data(root).stream(5, generator(0, "a"), augment=True)
    for step in (4, 5, 6, 1, 7):
        assert equal(resumed[step], batches[step])
    other = data(root).stream(5, generator(1, "a"), augment=True)
    assert not equal(other[0], batches[0])


def test_workers_read_the_same_and_leave_the_global_generator(root: Path) -> None:
    alone = data(root).stream(5, generator(0, "a"), augment=True)
    torch.manual_seed(7)
    before = torch.random.get_rng_state()
    shared = data(root, workers=2).stream(5, generator(0, "a"), augment=True)
    for step in (1, 2, 3, 4):  # over the end of an epoch
        assert equal(shared[step], alone[step])
    assert torch.equal(torch.random.get_rng_state(), before)


def test_crops_and_flips_differ_by_epoch_and_not_without_augmentation(root: Path) -> None:
    augmented = data(root).stream(12, generator(0, "a"), augment=True)
    plain = data(root).stream(12, generator(0, "a"))

    def by_sum(batch: tuple[Tensor, Tensor]) -> list[float]:
        return sorted(batch[0].sum((1, 2, 3)).tolist())

    assert by_sum(augmented[0]) != by_sum(augmented[1])
    assert by_sum(plain[0]) == pytest.approx(by_sum(plain[1]), rel=1e-4)
    assert sorted(augmented[0][1].tolist()) == [0] * 4 + [1] * 4 + [2] * 4


def test_flips_mirror_and_are_seldom_all_alike(root: Path) -> None:
    flipped = data(root).stream(12, generator(0, "a"), augment=True)[0]
    never = data(root, flip=False).stream(12, generator(0, "a"), augment=True)[0]
    mirrored = [torch.equal(a, b.flip(2)) for a, b in zip(flipped[0], never[0], strict=True)]
    same = [torch.equal(a, b) for a, b in zip(flipped[0], never[0], strict=True)]
    assert all(a != b for a, b in zip(mirrored, same, strict=True))
    assert 2 <= sum(mirrored) <= 10


def test_the_test_sees_every_picture_once_and_its_centre(root: Path) -> None:
    held = data(root)
    parts = list(held.chunks(5))
    assert [len(y) for _, y in parts] == [4, 4, 4]
    assert torch.cat([y for _, y in parts]).tolist() == [0] * 4 + [1] * 4 + [2] * 4
    x, y = held.take(torch.tensor([9, 4]))
    assert y.tolist() == [2, 1]
    assert torch.equal(x[0], parts[2][0][1])
    balanced, labels = held.balanced(2, generator(0, "b"))
    assert (balanced.shape, sorted(labels.tolist())) == ((6, 3, SIZE, SIZE), [0, 0, 1, 1, 2, 2])
    assert held.drawn == 12 + 2 + 6


def test_pixels_are_normalised_by_channel(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "plain", each=1)
    for path in root.rglob("*.png"):
        from PIL import Image

        Image.new("RGB", (20, 20), (255, 0, 128)).save(path)
    x, _ = next(data(root).chunks(1))
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    expected = (np.array([1, 0, 128 / 255]) - mean) / std
    assert x[0, :, 3, 3].numpy() == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_truncated_picture_is_one_line(root: Path, tmp_path: Path, workers: int) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(root, copy)
    path = copy / "train" / "cat" / "2.jpg"
    picture(2, 2, (64, 64)).save(path)
    path.write_bytes(path.read_bytes()[:700])
    with pytest.raises(DataError) as caught:
        list(data(copy, workers).chunks(5))
    assert str(caught.value).startswith(f"{path} cannot be read: ")
    assert "\n" not in str(caught.value)


def test_content_says_which_pictures_they_are(root: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(root, copy)
    first, again = streamed_folder(root, SIZE)[0], streamed_folder(copy, SIZE)[0]
    assert torch.equal(first.content()[0], again.content()[0])
    os.rename(copy / "train" / "bee" / "1.jpg", copy / "train" / "bee" / "7.jpg")
    assert not torch.equal(first.content()[0], streamed_folder(copy, SIZE)[0].content()[0])


@pytest.fixture
def counted() -> Iterator[None]:
    yield
    imagenet._counted.cache_clear()


def test_imagenet_that_is_not_there_or_not_whole(root: Path, tmp_path: Path, counted: None) -> None:
    with pytest.raises(Absent, match=f"needs ImageNet: put it under {tmp_path / 'imagenet'} "):
        imagenet.imagenet(tmp_path)
    shutil.copytree(root, tmp_path / "imagenet")
    with pytest.raises(DataError, match="has 3 classes, 12 training and 12 test pictures; ImageN"):
        imagenet.imagenet(tmp_path)


def test_a_part_is_what_it_says() -> None:
    part = Pictures(Path("root"), np.array([b"a", b"b/c"]), torch.tensor([0, 1]), 32)
    assert part.shape == (32, 32, 3)
    assert part.at(torch.tensor([1])).path(0) == Path("root/b/c")
