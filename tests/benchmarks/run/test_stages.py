"""Stages know what made them, whichever runs and devices had a part in it."""

from pathlib import Path

import pytest
import torch

from benchmarks.run.row import Costs
from benchmarks.run.stages import Spent, Stage, StageKeeper, Stages, Tensors
from benchmarks.run.watch import Stopped, Watch
from lottery.data.batches import Data
from lottery.training.loop import Resumable, run_steps


class Work:
    """A stage of a loop within a stage, like a training within a search."""

    def __init__(self, root: Path, data: Data, device: str, budget: float | None = None) -> None:
        self.stages = Stages(root, data, Watch(budget, show=False), device)

    def inner(self) -> Stage:
        w = torch.zeros(1, requires_grad=True)
        state = Resumable(torch.optim.SGD([w], lr=0.1), w=w)

        def make(keeper: StageKeeper) -> tuple[Tensors, dict[str, int]]:
            run_steps("loop", range(3), lambda step: None, state, keeper)
            return {"w": w}, {}

        return self.stages.get("trained", {}, make)

    def outer(self) -> Stage:
        return self.stages.get("found", {}, lambda keeper: (self.inner().tensors, {}))


def test_a_stage_names_every_device_that_it_took(tmp_path: Path, digits: Data) -> None:
    with pytest.raises(Stopped):
        Work(tmp_path, digits, "an H100", budget=0).inner()
    assert Work(tmp_path, digits, "an H200").inner().spent.devices == ("an H100", "an H200")
    found = Work(tmp_path, digits, "a CPU").outer().spent
    assert found.devices == ("an H100", "an H200", "a CPU")
    again = Work(tmp_path, digits, "elsewhere")
    assert again.outer().spent == found, "what is there was not made here"
    assert again.stages.get("other", {}, lambda keeper: ({}, {})).spent.devices == ("elsewhere",)


def test_a_stage_of_the_time_before_devices_were_kept_names_none() -> None:
    assert Spent.parse('{"seconds": 1.5, "images": 3}') == Spent(1.5, 3)


def test_a_row_names_every_device_once() -> None:
    costs = Costs(Spent(1, 1, ("a", "b")), Spent(1, 1, ("b",)), Spent(0, 0))
    assert costs.devices("c") == "a + b + c"
    assert costs.devices("a") == "a + b"
