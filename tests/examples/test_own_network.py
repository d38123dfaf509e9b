"""The example of a network of one's own runs as it is shown."""

import runpy
from pathlib import Path

import pytest
import torch

import lottery

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "own_network.py"


def test_the_example(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with torch.random.fork_rng():
        found = runpy.run_path(str(EXAMPLE))["main"](epochs=3)
    assert found > 50, "ten classes"
    ticket = lottery.Ticket.load("ticket.safetensors")
    assert ticket.mask.kept == round(0.1 * ticket.mask.layout.total)
    said = capsys.readouterr().out
    assert "prunable: 15,248 numbers in 4 tensors" in said
    assert f"{ticket.mask.kept} of 15248 weights" in said
