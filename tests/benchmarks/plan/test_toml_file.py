"""TOML files that people write: each wrong key, type or value is one line with file and key."""

from pathlib import Path

import pytest

from benchmarks.plan import comparison
from lottery.core.errors import BadInput

GOOD = """
title = "tickets"
dataset = "cifar10"
baselines = [{ label = "SNIP", method = "snip", pruned_at = "init" }]

[presets.demo]
description = "minutes"
seeds = [0, 1]
precision = "float32"
grid = { resnet20 = [8] }
recipe = { resnet20 = { epochs = 12, rewind_epochs = 0.5, batch_size = 128 } }
options = { cts = { lr = 0.5 } }
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(comparison, "FOLDER", tmp_path)
    return tmp_path


def test_a_good_one_is_read(folder: Path) -> None:
    (folder / "mine-1.toml").write_text(GOOD)
    assert comparison.get_comparison("mine-1").presets["demo"].seeds == (0, 1)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('title = "tickets"', "title = ", "Invalid value"),
        ('title = "tickets"', "title = 1", ", title: 1 is not a text"),
        ('title = "tickets"\n', "", "the key 'title' is missing"),
        ('title = "', 'titel = "', "unknown key in"),
        ('label = "SNIP"', "label = []", "baselines[0].label: [] is not a name"),
        ('pruned_at = "init"', 'pruned_at = "start"', "'start'"),
        ("baselines = [{", "baselines = [1, {", "baselines[0]: 1 is not a table"),
        ("seeds = [0, 1]", "seeds = []", "presets.demo.seeds: [] is not a list of at least 1"),
        ("seeds = [0, 1]", "seeds = [0, -1]", "seeds[1]: -1 is not a whole number from 0 on"),
        ("seeds = [0, 1]", "seeds = [true]", "seeds[0]: True is not"),
        ('"float32"', '"float16"', "unknown"),
        ("[8]", '["8"]', "grid.resnet20[0]"),
        ("epochs = 12,", "epochs = nan,", "recipe.resnet20.epochs: nan is not a finite number"),
        ("epochs = 12,", "epochs = 12, epoks = 1,", "unknown key in"),
        ("rewind_epochs = 0.5", "rewind_epochs = 50", "recipe.resnet20: rewind_epochs 50"),
        ('precision = "float32"\n', "", "presets.demo: the key 'precision' is missing"),
        ("epochs = 12,", "epochs = 0.25,", "recipe.resnet20: rewind_epochs"),
        ("[presets.demo]", "[presets.demo]\nbased_on = 'demo'", "demo.based_on 'demo'"),
        ("lr = 0.5", "resnet20.lr = []", "options.cts.resnet20.lr: [] is not"),
        ("lr = 0.5", "lr = [1]", "options.cts.lr: [1] is not"),
        (
            "[presets.demo]",
            "[presets]\ndemo = 1\n[presets.other]",
            "presets.demo: 1 is not a table",
        ),
    ],
)
def test_what_is_wrong_is_named(folder: Path, old: str, new: str, words: str) -> None:
    path = folder / "mine-1.toml"
    assert old in GOOD
    path.write_text(GOOD.replace(old, new))
    with pytest.raises(BadInput) as caught:
        comparison.get_comparison("mine-1")
    text = str(caught.value)
    assert str(path) in text
    assert words in text
    assert "\n" not in text


def test_other_encodings_and_folders(folder: Path) -> None:
    (folder / "mine-1.toml").write_bytes(b"title = 'caf\xe9'")
    (folder / "mine-2.toml").mkdir()
    for name in ("mine-1", "mine-2"):
        with pytest.raises(BadInput, match=f"{name}.toml"):
            comparison.get_comparison(name)
