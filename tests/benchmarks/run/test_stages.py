"""Stages know what made them, whichever runs and devices had a part in it."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from benchmarks.run.outcome import Costs
from benchmarks.run.stages import Spent, Stage, Stages
from benchmarks.run.watch import Stopped, Watch
from lottery.core.ticket import write_tensors
from lottery.data.batches import Data
from lottery.training.loop import Resumable, run_steps


class Work:
    """A stage of a loop within a stage, like a training within a search."""

    def __init__(self, root: Path, data: Data, device: str, budget: float | None = None) -> None:
        self.stages = Stages(root, data, Watch(budget, show=False), device)

    def inner(self) -> Stage:
        w = torch.zeros(1, requires_grad=True)
        state = Resumable(torch.optim.SGD([w], lr=0.1), w=w)

        with self.stages.place("trained", {}) as place:
            if place.missing:
                run_steps("loop", range(3), lambda step: None, state, place.keeper)
                place.keep({"w": w})
        return place.stage

    def outer(self) -> Stage:
        with self.stages.place("found", {}) as place:
            if place.missing:
                place.keep(self.inner().tensors)
        return place.stage


def test_a_stage_names_every_device_that_it_took(tmp_path: Path, digits: Data) -> None:
    with pytest.raises(Stopped):
        Work(tmp_path, digits, "an H100", budget=0).inner()
    assert Work(tmp_path, digits, "an H200").inner().spent.devices == ("an H100", "an H200")
    found = Work(tmp_path, digits, "a CPU").outer().spent
    assert found.devices == ("an H100", "an H200", "a CPU")
    again = Work(tmp_path, digits, "elsewhere")
    assert again.outer().spent == found, "what is there was not made here"
    with again.stages.place("other", {}) as place:
        place.keep({})
    assert place.stage.spent.devices == ("elsewhere",)


def test_a_stage_that_was_not_made_is_an_error(tmp_path: Path, digits: Data) -> None:
    stages = Stages(tmp_path, digits, Watch(show=False), "a CPU")
    with pytest.raises(LookupError, match="was not made"), stages.place("trained", {}):
        pass
    assert not list(tmp_path.rglob("*.safetensors"))


def test_a_stage_of_the_time_before_devices_were_kept_names_none() -> None:
    assert Spent.parse('{"seconds": 1.5, "images": 3}') == Spent(1.5, 3)


def test_a_row_names_every_device_once() -> None:
    costs = Costs(Spent(1, 1, ("a", "b")), Spent(1, 1, ("b",)), Spent(0, 0))
    assert costs.devices("c") == "a + b + c"
    assert costs.devices("a") == "a + b"


def small_stage(root: Path, data: Data, value: float = 1.0, said: list[str] | None = None) -> Stage:
    watch = Watch(show=False)
    if said is not None:
        watch.write = said.append  # type: ignore[method-assign, assignment]
    stages = Stages(root, data, watch, "a CPU")
    tensors = {"weights": torch.full((3,), value), "rest": torch.zeros(2)}
    with stages.place("trained", {}, lambda stage: stage.tensors["rest"]) as place:
        if place.missing:
            place.keep(tensors, {"log": [1]})
    return place.stage


def test_a_flipped_bit_anywhere_in_a_stage_is_noticed_and_the_stage_made_again(
    tmp_path: Path, digits: Data
) -> None:
    small_stage(tmp_path, digits)
    (path,) = tmp_path.rglob("*.safetensors")
    whole, harmless = path.read_bytes(), 0
    for at in range(len(whole)):
        flipped = bytearray(whole)
        flipped[at] ^= 1 << at % 8
        path.write_bytes(flipped)
        said: list[str] = []
        found = small_stage(tmp_path, digits, 2.0, said)
        assert bool(said) == bool(found.tensors["weights"][0] == 2), "made again, with a warning"
        if not said:  # blanks and the order of keys in the header
            assert found.tensors["weights"].tolist() == [1, 1, 1]
            assert found.facts == {"log": [1]}
            harmless += 1
        else:
            assert "the stage is run again" in said[0]
    assert harmless < 8


@pytest.mark.parametrize("size", [0, 1, 8, 50, -1])
def test_a_cut_stage_is_made_again(tmp_path: Path, digits: Data, size: int) -> None:
    small_stage(tmp_path, digits)
    (path,) = tmp_path.rglob("*.safetensors")
    path.write_bytes(path.read_bytes()[:size])
    said: list[str] = []
    assert small_stage(tmp_path, digits, 2.0, said).tensors["weights"][0] == 2
    assert len(said) == 1


@pytest.mark.parametrize(
    "header",
    [
        {"facts": "[", "spent": "{}"},
        {"facts": "{}", "spent": "[]"},
        {"facts": "{}", "spent": '{"seconds": "much", "images": 1}'},
        {"facts": "{}", "spent": '{"seconds": NaN, "images": 1}'},
        {"facts": "{}", "spent": "[" * 5000},
        {"facts": "{}"},
        {"facts": "{}", "spent": '{"seconds": 1, "images": 1}', "sha257": "0"},
        {"facts": "{}", "spent": '{"seconds": 1, "images": 1}'},  # lacks a tensor
    ],
)
def test_a_stage_of_odd_structure_is_made_again(
    tmp_path: Path, digits: Data, header: dict[str, str]
) -> None:
    small_stage(tmp_path, digits)
    (path,) = tmp_path.rglob("*.safetensors")
    write_tensors(path, {"weights": torch.zeros(3)}, header)
    said: list[str] = []
    assert small_stage(tmp_path, digits, 2.0, said).tensors["weights"][0] == 2
    assert len(said) == 1


def test_a_stage_from_before_checksums_is_taken(tmp_path: Path, digits: Data) -> None:
    small_stage(tmp_path, digits)
    (path,) = tmp_path.rglob("*.safetensors")
    spent = '{"seconds": 1.5, "images": 3}'
    tensors = {"weights": torch.full((3,), 7.0), "rest": torch.zeros(2)}
    save_file(tensors, path, {"facts": "{}", "spent": spent, "config": "{}"})
    assert small_stage(tmp_path, digits).tensors["weights"][0] == 7


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: whole[:-1],
        lambda whole: whole[: len(whole) // 2],
        lambda whole: b"",
        lambda whole: whole[:-2] + bytes([whole[-2] ^ 4]) + whole[-1:],
        lambda whole: whole.replace(b'"step":"2"', b'"step":"9"'),
    ],
)
def test_a_damaged_checkpoint_is_dropped_and_its_loop_starts_anew(
    tmp_path: Path, digits: Data, damage: Callable[[bytes], bytes]
) -> None:
    steps: list[int] = []

    def run(budget: float | None) -> Stage:
        w = torch.zeros(2, requires_grad=True)
        watch = Watch(budget, show=False)
        watch.write = said.append  # type: ignore[method-assign, assignment]
        state = Resumable(torch.optim.SGD([w], lr=0.1), w=w)

        with Stages(tmp_path, digits, watch, "a CPU").place("trained", {}) as place:
            run_steps("loop", range(3), steps.append, state, place.keeper)
            place.keep({"w": w})
        return place.stage

    said: list[str] = []
    with pytest.raises(Stopped):
        run(0)
    assert steps == [0]
    (path,) = tmp_path.rglob("*.partial")
    whole = path.read_bytes().replace(b'"step":"1"', b'"step":"2"')
    path.write_bytes(damage(whole))
    assert run(None).tensors["w"].tolist() == [0, 0]
    assert steps == [0, 0, 1, 2]
    assert len(said) == 1
    assert "the loop starts anew" in said[0]
    assert not list(tmp_path.rglob("*.partial"))
