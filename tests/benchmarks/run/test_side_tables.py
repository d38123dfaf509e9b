"""What a cell has more than one line of, from a run on the digits."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from benchmarks.plan.cell import Cell
from benchmarks.results.columns import Details
from benchmarks.run import pipeline
from benchmarks.run.pipeline import Bench, run_cell
from benchmarks.run.watch import Watch
from lottery.core.network import Network
from lottery.data.batches import Data
from lottery.search.registry import objectives
from lottery.training.recipe import Recipe
from lottery.training.train import Accuracy, evaluate

CELL = Cell(
    "suite", "paper", "table", "tiny", "cts", "lenet-300-100", "digits", 0.1, "init",
    options={"search": "half", "objective": "loss"},
    recipe=Recipe(4, 1, batch_size=128, replicas=1, gradient="mean_clipped"),
)  # fmt: skip


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path, tmp_path, torch.device("cpu"), "float32", Watch(None, show=False))


def kept(details: Details, epoch: object) -> list[int]:
    return [line["kept"] for line in details["layers"] if line["epoch"] == epoch]


def test_a_trained_ticket_has_its_search_and_its_layers(bench: Bench) -> None:
    row, details = run_cell(CELL, bench)
    assert [line["epoch"] for line in details["search"]] == [1, 2]
    assert [line["layer"] for line in details["layers"]] == ["1.weight", "3.weight", "5.weight"]
    assert sum(kept(details, "")) == row["params_kept"]
    assert details["objectives"] == []


def test_a_method_that_finds_its_density_has_its_layers_by_epoch(bench: Bench) -> None:
    options = {"epochs": 3, "lr": 0.05}
    row, details = run_cell(replace(CELL, method="crbg", density=None, options=options), bench)
    assert kept(details, 3) == kept(details, "")
    assert sum(kept(details, 1)) > sum(kept(details, 3)) == row["params_kept"]
    last = float(details["search"][-1]["density"])
    assert last == pytest.approx(float(row["density"]), rel=1e-5)


def test_a_ticket_judged_by_objectives_is_not_trained(bench: Bench) -> None:
    row, details = run_cell(replace(CELL, judged="objectives"), bench)
    values = {line["objective"]: float(line["value"]) for line in details["objectives"]}
    assert sorted(values) == objectives.names()
    assert row["train_epochs"] == "0.0000"
    assert row["accuracy"] == row["accuracy_before_training"]
    assert values["loss"] > 0 > values["grad_norm"]
    # The search saw to its own objective: random masks are worse.
    random = replace(CELL, method="random", options={}, judged="objectives")
    _, others = run_cell(random, bench)
    assert values["loss"] < float(
        {x["objective"]: x["value"] for x in others["objectives"]}["loss"]
    )


def test_objectives_are_valued_on_a_quarter_of_the_training_images(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In batches of one part, 32 images; the same for every ticket of a seed."""
    seen: list[list[Tensor]] = []

    def spy(
        network: Network, gates: Tensor, batches: Iterable[tuple[Tensor, Tensor]]
    ) -> dict[str, float]:
        seen.append([x for x, _ in batches])
        return {}

    monkeypatch.setattr(pipeline, "measure", spy)
    parts = replace(CELL.recipe, replicas=4)
    cell = replace(CELL, method="random", options={}, judged="objectives", recipe=parts)
    for changed in (cell, replace(cell, method="magnitude"), replace(cell, seed=1)):
        run_cell(changed, bench)
    assert [len(x) for x in seen[0]] == [32] * 12  # 384 of 1437: the first twelve of 45 batches
    images = torch.cat(seen[0])
    assert len({tuple(image.flatten().tolist()) for image in images}) > 380
    assert torch.equal(images, torch.cat(seen[1]))
    assert not torch.equal(images, torch.cat(seen[2]))


def test_accuracy_is_of_parts(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before training, after it, and along a search: 32 images are normalised together."""
    sizes: list[int] = []

    def spy(
        network: Network, data: Data, gates: Tensor | None = None, *, part_size: int
    ) -> Accuracy:
        sizes.append(part_size)
        return evaluate(network, data, gates, part_size=part_size)

    monkeypatch.setattr(pipeline, "evaluate", spy)
    parts = replace(CELL.recipe, replicas=4)
    run_cell(replace(CELL, recipe=parts, trajectory=True), bench)
    # Two epochs of search, the mask and the soft gates of each; then the ticket.
    assert sizes == [32] * (2 * 2 + 2)


def test_a_strong_ticket_can_be_trained(bench: Bench) -> None:
    strong = replace(CELL, method="edge_popup", options={"epochs": 1})
    frozen, _ = run_cell(strong, bench)
    trained, _ = run_cell(replace(strong, judged="trained"), bench)
    assert frozen["mask_sha256"] == trained["mask_sha256"]
    assert (frozen["train_epochs"], trained["train_epochs"]) == ("0.0000", "4.0000")
    assert trained["accuracy"] > trained["accuracy_before_training"] == frozen["accuracy"]


def test_a_ticket_is_drawn_once_however_it_is_judged(bench: Bench) -> None:
    run_cell(CELL, bench)
    drawn = set((bench.cache_root / "found").glob("*.safetensors"))
    run_cell(replace(CELL, judged="objectives"), bench)
    assert set((bench.cache_root / "found").glob("*.safetensors")) == drawn
