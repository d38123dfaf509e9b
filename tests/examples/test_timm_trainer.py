"""The example of a timm model in the Hugging Face Trainer runs as it is shown."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import lottery

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "timm_trainer.py"


def test_the_example(tmp_path: Path) -> None:
    pytest.importorskip("timm")
    pytest.importorskip("transformers")
    pytest.importorskip("accelerate")
    # A process of its own: the Trainer seeds and warns as it likes.
    done = subprocess.run(
        [sys.executable, str(EXAMPLE)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "pruned weights that are not zero: 0\nand once permanent: 0\n" in done.stdout
    found = re.search(r"weights: ([\d.]+)% of the digits", done.stdout)
    assert found
    assert float(found[1]) > 50, "ten classes"
    ticket = lottery.Ticket.load(tmp_path / "ticket.safetensors")
    assert ticket.mask.kept == round(0.2 * ticket.mask.layout.total)
    state = torch.load(tmp_path / "model.pt", weights_only=True)
    for name, keep in ticket.mask.layout.views(ticket.mask.keep).items():
        assert not state[name][~keep].any(), name
        assert state[name].any(), name
