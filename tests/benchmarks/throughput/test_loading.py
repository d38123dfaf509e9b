"""How fast pictures are loaded is measured on real files."""

from pathlib import Path

import pytest
from PIL import Image

from benchmarks.throughput.loading import Options, made_up, measure
from lottery.core.errors import BadInput
from tests.pictures import write_folder


def test_a_line_for_each_number_of_workers(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "pictures", ending="jpg")
    (line,) = measure(Options(folder=folder, size=8, batches=2))
    rate = float(line.removeprefix("1 workers: ").split()[0])
    assert line.startswith("1 workers: ")
    assert rate > 0


def test_made_up_pictures_are_as_large_as_photographs(tmp_path: Path) -> None:
    files = sorted(made_up(tmp_path, count=4).rglob("*.jpg"))
    assert len(files) == 4
    with Image.open(files[0]) as picture:
        assert picture.size == (500, 375)
    assert 40_000 < files[0].stat().st_size < 200_000  # ImageNet's mean is 110 kB


def test_bad_numbers_are_one_line() -> None:
    with pytest.raises(BadInput, match="--workers, --size and --batches take numbers from 1 on"):
        list(measure(Options(workers=(0,))))
