"""What is refused before anything runs."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from benchmarks.plan.cell import Cell
from benchmarks.run.devices import choose_device, choose_precision
from benchmarks.run.validation import check_cells
from lottery.core.errors import BadInput, UnknownName
from lottery.data.sources import Absent

CELL = Cell("table2", "cts", "II", "demo", "cts", "resnet20", "digits", 0.5, "rewind")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"density": 1e-9}, "density 1e-09 keeps none of 291088 weights"),
        ({"density": 1.5}, r"density 1.5 is outside \(0, 1\]"),
        ({"density": 0.0}, r"density 0.0 is outside \(0, 1\]"),
        ({"method": "ctz"}, "unknown method 'ctz': did you mean cts"),
        ({"model": "resnet21"}, "unknown model 'resnet21': did you mean .*resnet20"),
        ({"dataset": "cifar11"}, "unknown dataset 'cifar11': did you mean cifar10"),
        (
            {"options": {"objective": "k1"}},
            "unknown objective 'k1': .*valid are delta_loss, .*kl, loss",
        ),
        ({"method": "crbg"}, "crbg takes no density target, got 0.5"),
        (
            {"method": "crbg", "density": None, "options": {"lam": -0.1}},
            "crbg's lam must be positive and finite, got -0.1",
        ),
        (
            {"method": "crbg", "density": None, "options": {"pressure": "lagrange"}},
            "crbg under pressure lagrange needs a density target",
        ),
        ({"options": {"objectiv": "kl"}}, "unknown option of cts 'objectiv': did you mean obj"),
    ],
)
def test_a_cell_that_cannot_be_run(change: dict[str, object], words: str) -> None:
    with pytest.raises(BadInput, match=words) as refusal:
        check_cells([CELL, replace(CELL, **change)], Path("nowhere"))  # type: ignore[arg-type]
    assert "\n" not in str(refusal.value)


def test_a_good_cell_passes() -> None:
    check_cells([CELL], Path("nowhere"))


def test_device_and_precision() -> None:
    assert choose_device("cpu") == torch.device("cpu")
    assert choose_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    assert choose_precision("float32", torch.device("cuda")) == "float32"
    assert choose_precision("auto", torch.device("cuda")) == "bfloat16"
    with pytest.raises(UnknownName, match="bfloat16"):
        choose_precision("float16", torch.device("cpu"))


def test_cells_without_data_are_left_out_where_others_have_theirs(tmp_path: Path) -> None:
    imagenet = replace(CELL, dataset="imagenet")
    absent = check_cells([CELL, imagenet], tmp_path)
    assert list(absent) == ["imagenet"]
    said = f"needs ImageNet: put it under {tmp_path / 'imagenet'} (train/ and val/, each with a"
    assert str(absent["imagenet"]).startswith(said)
    with pytest.raises(Absent, match="needs ImageNet"):
        check_cells([imagenet], tmp_path)
