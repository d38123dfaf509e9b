"""Searches judged as they go on, validation splits, and weights that must stay frozen."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from benchmarks.plan.cell import Cell
from benchmarks.run import pipeline
from benchmarks.run.pipeline import Bench, load_task, run_cell
from benchmarks.run.watch import Stopped, Watch
from lottery.core.initialisation import Initialisation
from lottery.core.network import Network
from lottery.search.registry import methods
from lottery.training import train as training

CELL = Cell(
    *("base-size", "crbg", "Fig. 3", "tiny", "crbg", "lenet-60-20", "digits", None, "init"),
    options={"epochs": 3, "lr": 0.05},
    initialisation=Initialisation(norm_scale="one"),
    trajectory=True,
)


def bench(folder: Path, watch: Watch | None = None) -> Bench:
    quiet = watch or Watch(show=False)
    return Bench(folder, folder / "cache", torch.device("cpu"), "float32", quiet)


class StopsAt(Watch):
    """Asks to stop after a number of steps."""

    def __init__(self, steps: int) -> None:
        super().__init__(show=False)
        self.left = steps

    def stop_reason(self) -> str | None:
        self.left -= 1
        return "enough" if self.left <= 0 else None


def test_a_trajectory_ends_at_the_rows_accuracy_and_costs_no_search_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row, details = run_cell(CELL, bench(tmp_path))
    assert [line["epoch"] for line in details["search"]] == [1, 2, 3]
    last = details["search"][-1]
    for name in ("accuracy", "accuracy_soft_gates", "density"):
        assert float(last[name]) == pytest.approx(float(row[name]), rel=1e-5)

    def slow(*arguments: object, **named: object) -> object:
        now[0] += 1000.0
        return evaluate(*arguments, **named)  # type: ignore[arg-type]

    now, evaluate = [0.0], training.evaluate
    monkeypatch.setattr(pipeline, "evaluate", slow)
    monkeypatch.setattr("benchmarks.run.stages.time.perf_counter", lambda: now[0])
    again, _ = run_cell(CELL, bench(tmp_path / "slow"))
    assert float(again["search_seconds"]) < 1
    assert again["mask_sha256"] == row["mask_sha256"]


def test_nothing_is_judged_where_nobody_asks(tmp_path: Path) -> None:
    plain = replace(CELL, trajectory=False)
    row, details = run_cell(plain, bench(tmp_path))
    assert "accuracy" not in details["search"][0]
    assert row["mask_sha256"] == run_cell(CELL, bench(tmp_path))[0]["mask_sha256"]


@pytest.mark.parametrize("steps", [5, 11, 12, 30])
def test_a_trajectory_survives_an_interruption(tmp_path: Path, steps: int) -> None:
    _, expected = run_cell(CELL, bench(tmp_path / "undisturbed"))
    with pytest.raises(Stopped):
        run_cell(CELL, bench(tmp_path, StopsAt(steps)))
    _, found = run_cell(CELL, bench(tmp_path))
    assert found["search"] == expected["search"]


def test_validation_images_are_held_out_of_training(tmp_path: Path) -> None:
    train, held = load_task("digits", tmp_path, torch.device("cpu"), 0.2)
    whole, test = load_task("digits", tmp_path, torch.device("cpu"))
    assert (len(train), len(held), len(whole), len(test)) == (1150, 287, 1437, 360)
    images = [data.images.flatten(1) for data in (train, held, whole)]
    assert torch.equal(
        torch.cat(images[:2]).double().sort(0).values, images[2].double().sort(0).values
    )
    row, _ = run_cell(replace(CELL, validation=0.2), bench(tmp_path))
    assert row["validation"] == "0.2"
    assert row["cell_key"] != CELL.key
    hits = float(row["accuracy"]) * 287 / 100
    assert hits == pytest.approx(round(hits), abs=1e-3), "judged on 287 images"


def test_a_strong_ticket_says_that_its_weights_stayed(tmp_path: Path) -> None:
    row, _ = run_cell(CELL, bench(tmp_path))
    assert row["weights_sha256"] == row["weights_sha256_after"]
    dense = replace(CELL, method="dense", density=1.0, options={}, trajectory=False)
    trained = replace(dense, recipe=replace(CELL.recipe, epochs=1, rewind_epochs=0))
    row, _ = run_cell(trained, bench(tmp_path))
    assert row["weights_sha256"] != row["weights_sha256_after"]


def test_a_change_after_the_search_fails_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluate: Callable[..., object] = training.evaluate

    def spoil(network: Network, *more: object, **named: object) -> object:
        network.weights[0] += 1
        return evaluate(network, *more, **named)

    monkeypatch.setattr(pipeline, "evaluate", spoil)
    with pytest.raises(ValueError, match="crbg is to leave the weights frozen"):
        run_cell(replace(CELL, trajectory=False), bench(tmp_path))
    assert methods["crbg"].strong
