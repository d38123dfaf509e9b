"""The throughput suite: it times the loops that cells run, each against the plain step."""

from itertools import count
from mmap import mmap
from pathlib import Path

import pandas as pd
import pytest
import torch
from torch import nn

from benchmarks.cli import throughput
from benchmarks.throughput.roofline import activation_elements, peak_memory, reset_peak_memory
from benchmarks.throughput.workloads import (
    WARM_UP,
    WORKLOADS,
    Clock,
    Enough,
    Task,
    seconds_per_step,
)
from lottery.core.network import Network
from lottery.data import DATASETS
from lottery.training.loop import Resumable, run_steps
from plots.drawing import draw
from tests.benchmarks.conftest import Run

CPU = torch.device("cpu")


def task(*, plain: bool) -> Task:
    return Task.made_up("resnet20", DATASETS["digits"], 8, CPU, "bfloat16", plain=plain)


def test_the_clock_stops_a_loop_after_its_warm_up_and_its_steps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ticks = count(step=0.25)
    monkeypatch.setattr("time.perf_counter", lambda: next(ticks))
    parameter = torch.zeros(1, requires_grad=True)
    state = Resumable(torch.optim.SGD([parameter], 0.1))
    ran: list[int] = []
    clock = Clock(CPU, 4)
    with pytest.raises(Enough):
        run_steps("loop", range(100), ran.append, state, clock)
    assert ran == list(range(WARM_UP + 4))
    assert clock.seconds_per_step() == 0.25


def test_plain_means_float32_and_nchw_and_the_engine_neither() -> None:
    plain, engine = task(plain=True), task(plain=False)
    assert plain.network.precision == "float32"
    assert engine.network.precision == "bfloat16"
    rgb = DATASETS["cifar10"]
    for is_plain in (True, False):
        made = Task.made_up("lenet-300-100", rgb, 8, CPU, "float32", plain=is_plain)
        x, _ = made.data.stream(8, torch.Generator())[0]
        assert x.is_contiguous() == is_plain
        assert x.is_contiguous(memory_format=torch.channels_last) != is_plain


@pytest.mark.parametrize("name", WORKLOADS)
def test_every_kind_of_work_is_timed_and_leaves_the_weights(name: str) -> None:
    here = task(plain=False)
    before = here.network.weights.clone()
    work, _ = WORKLOADS[name]
    assert seconds_per_step(work, here, 2) > 0
    assert torch.equal(here.network.weights, before)


def test_activations_are_counted_in_and_out() -> None:
    network = Network(nn.Sequential(nn.Flatten(), nn.Linear(12, 5), nn.ReLU()))
    # Flatten 12 and 12, linear 12 and 5, ReLU 5 and 5 for each of 7 images.
    assert activation_elements(network, torch.zeros(8, 3, 2, 2)) == 8 * (24 + 17 + 10)


@pytest.mark.skipif(peak_memory(CPU) is None, reason="only Linux counts resident memory")
def test_peak_memory_sees_a_tensor_come_and_go() -> None:
    reset_peak_memory(CPU)
    before = peak_memory(CPU)
    # Straight from the system: the heap may have room that is resident already.
    torch.frombuffer(mmap(-1, 2**28), dtype=torch.uint8).fill_(1)
    after = peak_memory(CPU)
    assert before is not None
    assert after is not None
    assert after - before > 200 * 2**20


def test_the_command_keeps_rows_and_measures_again_what_is_asked(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throughput, "STEPS", 2)
    status, out, _ = run("throughput", "--preset", "tiny")
    assert status == 0
    assert "of a CTS-KL search step" in out
    path = tmp_path / "results" / "tiny" / "throughput.csv"
    first = pd.read_csv(path)
    assert list(first["work"]) == list(WORKLOADS)
    assert (first["times_plain"] > 0).all()
    assert run("throughput", "--preset", "tiny", "--only", "work=CRBG search")[0] == 0
    second = pd.read_csv(path)
    assert sorted(second["work"]) == sorted(first["work"])
    # The others' rows are those of before.
    assert len(first.merge(second)) >= len(WORKLOADS) - 1
    draw("throughput", path, path.with_suffix(".png"))
    status, _, err = run("throughput", "--preset", "tiny", "--only", "work=CRGB search")
    assert status == 2
    assert "did you mean CRBG search?" in err
