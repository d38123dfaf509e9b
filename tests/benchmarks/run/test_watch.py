from contextlib import suppress
from pathlib import Path

import pytest
import torch

from benchmarks.plan.cell import Cell
from benchmarks.run.pipeline import Bench
from benchmarks.run.scheduler import Progress
from benchmarks.run.stages import Stages
from benchmarks.run.watch import Stopped, Watch
from lottery.data.batches import Data
from lottery.training.loop import Resumable, run_steps


def test_the_bar_ends_full_whatever_images_and_sums_come_to() -> None:
    watch = Watch(show=False)
    watch.expect(0.6)
    watch.begin(0.5, 0)
    for images in (1, 2, 3):
        watch.drawn(images)
    watch.reach(0.3)
    watch.reach(0.1 + 0.2 + 0.3)  # more than 0.6 by rounding
    assert watch.pace.share == 1
    assert "100%" in str(watch.pace)
    assert "left" not in str(watch.pace)


def test_the_bar_knows_what_earlier_runs_did(tmp_path: Path, digits: Data) -> None:
    w = torch.zeros(3, requires_grad=True)

    def draw_an_image(step: int) -> None:
        digits.take(torch.zeros(1, dtype=torch.long))

    state = Resumable(torch.optim.SGD([w], lr=0.1), w=w)

    def make(stages: Stages) -> None:
        with stages.place("trained", {}) as place:
            if place.missing:
                run_steps("loop", range(2, 12), draw_an_image, state, place.keeper)
                place.keep({"w": w})

    def shares(stop: float | None, monkeypatch: pytest.MonkeyPatch) -> list[float]:
        """How far the work was while the stage ran, without repetitions."""
        watch = Watch(stop, show=False)
        seen = [0.0]
        monkeypatch.setattr(watch._display, "update", lambda: seen.append(watch.pace.share))
        watch.expect(10)
        watch.begin(1, 0)
        with suppress(Stopped):
            make(Stages(tmp_path, digits, watch, "cpu"))
        return list(dict.fromkeys(seen))

    with pytest.MonkeyPatch.context() as patch:
        assert shares(0, patch)[-1] == 0.1, "stopped after its first step"
        assert shares(None, patch)[:2] == [0, 0.1], "the loop goes on"
        assert shares(None, patch) == [0, 1], "the whole stage is there"


def test_images_that_were_drawn_earlier_are_no_pace() -> None:
    watch = Watch(show=False)
    watch.expect(1000)
    watch.begin(1, 0)
    watch.pace.started -= 60
    watch.drawn(900, earlier=True)
    assert watch.pace.share == 0.9
    assert watch.pace.left == pytest.approx(100 * (60 + 30) / 30, rel=0.01), "a minute for nothing"
    watch.drawn(960)
    assert watch.pace.left == pytest.approx(40 * (60 + 30) / (60 + 30), rel=0.01), "as estimated"


def test_what_is_left_is_as_estimated_until_a_pace_is_known() -> None:
    watch = Watch(show=False)
    watch.expect(500)
    assert watch.pace.left == pytest.approx(500, rel=0.01)


def test_what_cells_share_is_counted_once() -> None:
    watch = Watch(show=False)
    watch.expect(100)
    watch.begin(1, 0)
    watch.drawn(60, earlier=True)
    watch.reach(60)
    watch.begin(1, 40)
    watch.drawn(40, earlier=True)
    assert watch.pace.share == 0.6, "the first cell drew these"
    watch.drawn(60, earlier=True)
    assert watch.pace.share == 0.8


def test_what_other_processes_have_done_is_behind(tmp_path: Path) -> None:
    cells = [
        Cell("s", "p", "t", "demo", "random", "resnet20", "digits", density, "init")
        for density in (0.1, 0.2, 0.3, 0.4)
    ]
    watch = Watch(show=False)
    progress = Progress(Bench(tmp_path, tmp_path, torch.device("cpu"), "float32", watch), cells)
    for cell, done, share in (
        (cells[0], [], 0.25),  # it failed
        (cells[2], [cells[1].key, cells[2].key, "of another table"], 0.75),
        (cells[1], [cells[1].key, cells[2].key], 0.75),
        (cells[3], [cell.key for cell in cells[1:]], 1.0),
    ):
        progress.start(cell)
        progress.finish(cell, done)
        assert watch.pace.share == pytest.approx(share)
