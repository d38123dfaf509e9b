"""Folders of pictures as datasets: each way to be wrong is one line that names the file."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from lottery.data.folder import fitted, image_folder
from lottery.data.sources import DataError
from tests.pictures import CLASSES, picture, write_folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "pictures")


def refusal(root: Path, size: int = 0) -> str:
    with pytest.raises(DataError) as caught:
        image_folder(root, size)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("test", ["val", "test"])
def test_pictures_are_read_class_by_class(tmp_path: Path, test: str) -> None:
    train, held = image_folder(write_folder(tmp_path / "pictures", test=test))
    for part in (train, held):
        assert part.images.shape == (12, 8, 8, 3)
        assert part.labels.tolist() == [0] * 4 + [1] * 4 + [2] * 4
        assert torch.equal(part.images[:, 0, 0, 0], 40 * (part.labels + 1))
    assert torch.equal(train.images[5], torch.from_numpy(np.array(picture(1, 1))))


def test_jpegs_in_folders_below_a_class_and_other_files(root: Path) -> None:
    deep = root / "train" / "bee" / "2024" / "may"
    deep.mkdir(parents=True)
    picture(1, 9).save(deep / "big.JPEG", quality=95)
    (root / "train" / "bee" / "notes.txt").write_text("not a picture")
    (root / "train" / ".cache").mkdir()
    assert image_folder(root)[0].labels.tolist() == [0] * 4 + [1] * 5 + [2] * 4


def test_a_class_that_val_lacks_leaves_the_others_their_labels(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(root / "val" / "ant")
    _, held = image_folder(root)
    assert held.labels.tolist() == [1] * 4 + [2] * 4
    assert torch.equal(held.images[:, 0, 0, 0], 40 * (held.labels + 1))
    said = capsys.readouterr().err
    assert said.startswith(f"warning: {root / 'val' / 'ant'} has no picture")
    assert said.count("\n") == 1


def test_a_truncated_picture_is_named(root: Path) -> None:
    path = root / "train" / "cat" / "1.jpg"
    picture(2, 1, (64, 64)).save(path)
    path.write_bytes(path.read_bytes()[:700])
    assert refusal(root, 8).startswith(f"{path} cannot be read: ")


@pytest.mark.parametrize("content", [b"", b"not a picture"])
def test_a_file_that_is_no_picture_is_named(root: Path, content: bytes) -> None:
    path = root / "val" / "ant" / "0.png"
    path.write_bytes(content)
    assert refusal(root).startswith(f"{path} cannot be read: ")


def test_an_empty_class_is_named(root: Path) -> None:
    (root / "train" / "dog").mkdir()
    assert refusal(root).startswith(f"{root / 'train' / 'dog'} has no picture (.jpg, ")


def test_a_class_that_is_only_tested_is_named(root: Path) -> None:
    (root / "val" / "dog").mkdir()
    assert "has a folder 'dog', which is no class of the training set" in refusal(root)


def test_another_layout_is_named(tmp_path: Path, root: Path) -> None:
    assert refusal(tmp_path / "absent") == f"there is no folder {tmp_path / 'absent'}"
    assert "has no train/ with val/ or test/ beside it" in refusal(root / "train")
    assert refusal(root / "train").endswith(f"it has {', '.join(CLASSES)}")
    for name in CLASSES[1:]:
        shutil.rmtree(root / "train" / name)
    assert "has 1 folders; each class is one, and two are needed" in refusal(root)


@pytest.mark.parametrize("mode", ["L", "CMYK", "RGBA", "P", "1", "LA"])
def test_pictures_of_other_modes_among_colours_are_rgb(root: Path, mode: str) -> None:
    path = root / "train" / "ant" / "0.tif"
    grey = Image.new("RGB", (8, 8), (255, 255, 255))
    grey.convert(mode).save(path)
    first = image_folder(root)[0].images[1]  # 0.png is before it
    assert first.shape == (8, 8, 3)
    assert int(first.min()) >= 250


def test_pictures_that_are_all_grey_have_one_channel(root: Path) -> None:
    for path in root.rglob("*.png"):
        Image.open(path).convert("L").save(path)
    train, held = image_folder(root)
    assert (train.images.shape, held.images.shape) == ((12, 8, 8, 1), (12, 8, 8, 1))
    assert torch.equal(
        train.images[0, ..., 0], torch.from_numpy(np.array(picture(0, 0).convert("L")))
    )


def test_sixteen_bits_are_refused(root: Path) -> None:
    path = root / "train" / "ant" / "0.png"
    Image.fromarray(np.full((8, 8), 40000, np.uint16)).save(path)
    assert f"{path} has more than 8 bits a channel" in refusal(root)


def test_sizes_that_differ_need_one_to_be_given(root: Path) -> None:
    path = root / "val" / "bee" / "2.png"
    picture(1, 2, (12, 10)).save(path)
    first = root / "val" / "ant" / "0.png"
    assert refusal(root).startswith(f"{first} has 8x8 pixels and {path} 12x10; give the size")
    _, held = image_folder(root, 6)
    assert held.images.shape == (12, 6, 6, 3)
    assert set(held.images[6, :, :, 0].flatten().tolist()) == {80}


def test_the_centre_is_kept() -> None:
    wide = Image.new("RGB", (30, 10))
    wide.paste((255, 0, 0), (10, 0, 20, 10))
    assert fitted(wide, 10).getcolors() == [(100, (255, 0, 0))]
    assert fitted(wide, 0) is wide
    assert fitted(wide, 4).size == (4, 4)
