import warnings
from contextlib import suppress
from pathlib import Path

import pytest
import torch

from benchmarks.stages import StageKeeper, Stages, Tensors
from benchmarks.watch import Stopped, Watch
from lottery.batches import Data
from lottery.steps import Resumable, run_steps


def test_the_bar_ends_full_whatever_steps_and_sums_come_to(
    capsys: pytest.CaptureFixture[str],
) -> None:
    watch = Watch()
    watch.expect(0.6)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        watch.price(0.5)
        for _ in range(3):
            watch.step()
        watch.reach(0.3)
        watch.reach(0.1 + 0.2 + 0.3)  # more than 0.6 by rounding
        watch.close()
    assert "100%" in capsys.readouterr().err.split("\r")[-1]


def test_a_resumed_loop_starts_the_bar_where_it_was(
    tmp_path: Path, digits: Data, capsys: pytest.CaptureFixture[str]
) -> None:
    w = torch.zeros(3, requires_grad=True)
    state = Resumable(torch.optim.SGD([w], lr=0.1), w=w)

    def make(keeper: StageKeeper) -> tuple[Tensors, dict[str, int]]:
        run_steps("loop", range(2, 12), lambda i: None, state, keeper)
        return {"w": w}, {}

    def percentages(stop: float | None) -> list[str]:
        """What the bar said while the stage ran, without repetitions."""
        watch = Watch(stop)
        watch.expect(10)
        watch.price(1)
        with suppress(Stopped):
            Stages(tmp_path, digits, watch).get("trained", {}, make)
        watch.close()
        bars = capsys.readouterr().err.split("\r")
        return list(dict.fromkeys(bar.split("|")[0].strip() for bar in bars if "%" in bar))

    assert percentages(0)[-1] == "10%", "stopped after its first step"
    assert percentages(None)[:2] == ["0%", "10%"]


def test_steps_that_were_skipped_are_no_pace(capsys: pytest.CaptureFixture[str]) -> None:
    watch = Watch()
    watch.expect(1000)
    watch.price(1)
    watch.skip(900)
    assert "90%" in (bar := capsys.readouterr().err.split("\r")[-1])
    assert "about ? left" in bar
    watch.close()
