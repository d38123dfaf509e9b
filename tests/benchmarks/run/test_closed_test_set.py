"""Methods that cheat: each is caught while it draws, whether or not it swallows the exception."""

import contextlib
import gc
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from benchmarks.plan.cell import Cell
from benchmarks.run import pipeline
from benchmarks.run.closed_test_set import RuleBroken, closed_test_set, require_open
from benchmarks.run.methods import methods
from benchmarks.run.pipeline import Bench, CellWork, run_cell
from benchmarks.run.watch import Watch
from lottery.core.mask import Mask
from lottery.core.network import Network
from lottery.core.result import Result
from lottery.data import load
from lottery.data.batches import Data
from lottery.search.registry import Method
from lottery.training.recipe import Recipe
from lottery.training.runner import Runner

CELL = Cell(
    *("suite", "", "", "tiny", "mine", "lenet-300-100", "digits", 0.1, "init"),
    recipe=Recipe(epochs=4, rewind_epochs=0, batch_size=128),
)
Draw = Callable[..., Any]


@pytest.fixture
def attempt(tmp_path: Path) -> Callable[[Draw], dict[str, Any]]:
    """Run a cell of a method."""

    def run(draw: Draw) -> dict[str, Any]:
        bench = Bench(
            tmp_path, tmp_path / "cache", torch.device("cpu"), "float32", Watch(show=False)
        )
        with methods.temporarily({"mine": Method("mine", draw)}):
            return run_cell(replace(CELL, source="mine"), bench)[0]

    return run


def honest(network: Network, data: Data, density: float, generator: torch.Generator) -> Tensor:
    return network.weights.abs()


def train_in_place(
    network: Network, data: Data, density: float, generator: torch.Generator
) -> Tensor:
    network.weights.mul_(1.01)
    return network.weights.abs()


def train_by_assignment(
    network: Network, data: Data, density: float, generator: torch.Generator
) -> Tensor:
    network.weights = network.weights * 1.01
    return network.weights.abs()


def return_trained(
    network: Network, data: Data, density: float, generator: torch.Generator
) -> Result:
    mask = Mask.top(network.layout, network.weights.abs(), density)
    return Result(mask, trained=network.at(network.weights * 2))


def relabel(network: Network, data: Data, density: float, generator: torch.Generator) -> Tensor:
    data.labels.numpy()[0] += 1
    return network.weights.abs()


def load_the_test_set(
    network: Network, data: Data, density: float, generator: torch.Generator
) -> Tensor:
    load("digits", Path("unused"))
    return network.weights.abs()


def load_it_and_say_nothing(
    network: Network, data: Data, density: float, generator: torch.Generator
) -> Tensor:
    with contextlib.suppress(Exception):
        load("digits", Path("unused"))
    return network.weights.abs()


def read_a_data_file(
    network: Network, data: Data, density: float, generator: torch.Generator
) -> Tensor:
    np.fromfile("anywhere/t10k-labels-idx1-ubyte", np.uint8)
    return network.weights.abs()


def ask_the_pipeline(
    network: Network, data: Data, density: float, generator: torch.Generator
) -> Tensor:
    pipeline.load_task("digits", Path("unused"), torch.device("cpu"))
    return network.weights.abs()


def climb_the_frames(
    network: Network, data: Data, density: float, generator: torch.Generator
) -> Tensor:
    frame = sys._getframe()
    while frame and not isinstance(frame.f_locals.get("self"), CellWork):
        frame = frame.f_back  # type: ignore[assignment]
    return frame.f_locals["self"].test.labels  # type: ignore[no-any-return]


def ask_the_garbage_collector(
    network: Network, data: Data, density: float, generator: torch.Generator
) -> Tensor:
    return next(x.labels for x in gc.get_objects() if isinstance(x, Data) and len(x) == 360)


@pytest.mark.parametrize(
    ("cheat", "words"),
    [
        (train_in_place, "mine changed the weights that it was given"),
        (train_by_assignment, "mine changed the weights that it was given"),
        (return_trained, "mine returned trained weights without own_weights=True"),
        (relabel, "mine changed the training data that it was given"),
        (load_the_test_set, "it read the dataset digits"),
        (load_it_and_say_nothing, "it read the dataset digits"),
        (read_a_data_file, "it opened a dataset's file, t10k-labels-idx1-ubyte"),
        (ask_the_pipeline, "it asked for the test set"),
        (climb_the_frames, "it asked for the test set"),
        (ask_the_garbage_collector, r"not its own \(gc.get_objects\)"),
    ],
)
def test_cheating_is_refused(
    attempt: Callable[[Draw], dict[str, Any]], cheat: Draw, words: str, tmp_path: Path
) -> None:
    with pytest.raises(RuleBroken, match=words):
        attempt(cheat)
    assert not list(tmp_path.rglob("found/*.safetensors")), "nothing of it is kept"
    labels = pipeline.load_task("digits", Path("unused"), torch.device("cpu"))[0].labels
    assert torch.equal(labels, load("digits", Path("unused"))[0].labels), "others see it as it was"


def one_too_many(network: Network) -> Mask:
    return Mask.top(network.layout, network.weights.abs(), 5021 / 50200)


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (lambda network: torch.ones(network.layout.total), "same score for every weight"),
        (lambda network: torch.cat([network.weights, network.rest]), "of the 50200 prunable"),
        (lambda network: network.weights[1:], r"shape \(50199,\)"),
        (lambda network: network.weights.view(100, -1), r"shape \(100, 502\)"),
        (lambda network: network.weights * torch.nan, "50200 of 50200 scores are NaN"),
        (lambda network: Mask.full(network.layout), "mine kept 50200 weights, not 5020"),
        (one_too_many, "mine kept 5021 weights, not 5020"),
        (lambda network: None, "mine returned a NoneType"),
    ],
)
def test_what_is_no_ticket(
    attempt: Callable[[Draw], dict[str, Any]], result: Callable[[Network], Any], words: str
) -> None:
    with pytest.raises((ValueError, TypeError), match=words):
        attempt(lambda network, data, density, generator: result(network))


def test_an_honest_method_passes_and_what_it_does_to_the_module_changes_nothing(
    attempt: Callable[[Draw], dict[str, Any]], tmp_path: Path
) -> None:
    def vandal(
        network: Network,
        data: Data,
        density: float,
        generator: torch.Generator,
        *,
        runner: Runner,
    ) -> Tensor:
        network.module.register_forward_hook(lambda module, inputs, output: output * 0)
        runner.train(network, Mask.top(network.layout, network.weights.abs(), density))
        return network.weights.abs()

    vandalised = attempt(vandal)
    for path in (tmp_path / "cache" / "found").iterdir():
        path.unlink()
    row = attempt(honest)
    assert float(row["accuracy"]) > 20
    assert vandalised["accuracy"] == row["accuracy"]
    assert vandalised["mask_sha256"] == row["mask_sha256"]


def test_outside_a_drawing_nothing_is_watched() -> None:
    with closed_test_set():
        pass
    require_open("looked")
    assert len(load("digits", Path("unused"))[1].labels) == 360
