"""Methods of files: whatever they do, only what they found comes out of their own process."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from threading import Timer
from typing import Any

import pytest
import torch

from benchmarks.plan.cell import Cell
from benchmarks.run import apart, stages
from benchmarks.run.apart import MethodFailed
from benchmarks.run.closed_test_set import RuleBroken
from benchmarks.run.methods import load_file, method_files, methods
from benchmarks.run.pipeline import Bench, run_cell
from benchmarks.run.watch import Stopped, Watch
from lottery.core.finite import NotFinite
from lottery.training.recipe import Recipe

CELL = Cell(
    *("suite", "", "", "tiny", "mine", "lenet-300-100", "digits", 0.1, "init"),
    recipe=Recipe(epochs=4, rewind_epochs=0, batch_size=128),
)
HEAD = """
import os, random, sys, threading, time
import numpy as np
import torch
import torch.nn.functional as F
from lottery import Mask, method
from lottery.core.result import Result
from lottery.training.loop import Resumable

@method("mine", pruned_at="init"{more})
def draw(network, data, density, generator, *, runner):
"""
HONEST = "return network.weights.abs()"
Draw = Callable[..., dict[str, Any]]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    watch = Watch(show=False)
    return Bench(tmp_path, tmp_path / "cache", torch.device("cpu"), "float32", watch)


@pytest.fixture
def draw(tmp_path: Path, bench: Bench) -> Iterator[Draw]:
    """Run a cell of a method that is written into a file."""
    files = dict(method_files)

    def run(body: str, more: str = "", bench: Bench = bench, **changes: Any) -> dict[str, Any]:
        path = tmp_path / "mine.py"
        lines = "".join(f"    {line}\n" for line in body.strip().splitlines())
        path.write_text(HEAD.format(more=more) + lines)
        with methods.temporarily():
            load_file(path)
            cell = replace(CELL, source=method_files["mine"].source, **changes)
            return run_cell(cell, bench)[0]

    yield run
    method_files.clear()
    method_files.update(files)


def outcome(row: dict[str, Any]) -> tuple[str, ...]:
    names = ("accuracy", "mask_sha256", "search_epochs", "weights_sha256_after")
    return tuple(str(row[name]) for name in names)


VANDALISM = """
data.images //= 2
data._std *= 0.5
data.finish = None
torch.set_default_dtype(torch.float64)
torch.set_grad_enabled(False)
torch.set_num_threads(3)
F.cross_entropy = torch.cross_entropy = None
import lottery.training.train
import benchmarks.run.pipeline
lottery.training.train.evaluate = benchmarks.run.pipeline.evaluate = lambda *a: None
random.seed(0); np.random.seed(0); torch.manual_seed(0)
os.environ["GIT_DIR"] = "/"
threading.Thread(target=time.sleep, args=(60,)).start()
"""


def test_what_a_method_does_to_its_process_reaches_no_other_cell(draw: Draw, bench: Bench) -> None:
    baseline = replace(CELL, method="magnitude")
    alone = run_cell(baseline, replace(bench, cache_root=bench.cache_root / "alone"))[0]
    with pytest.raises(RuleBroken, match="mine changed the training data that it was given"):
        draw(VANDALISM + HONEST)
    assert outcome(run_cell(baseline, bench)[0]) == outcome(alone)
    honest = draw(HONEST)
    assert honest["mask_sha256"] == alone["mask_sha256"]
    assert honest["accuracy"] == alone["accuracy"]
    assert "GIT_DIR" not in os.environ


CHEATS = {
    "network.weights.mul_(1.01)\n" + HONEST: "mine changed the weights that it was given",
    "data.labels[0] += 1\n" + HONEST: "mine changed the training data that it was given",
    "from lottery.data import load\nload('digits', '.')\n" + HONEST: "it read the dataset digits",
    "from lottery.data import load\ntry: load('digits', '.')\nexcept Exception: pass\n" + HONEST: (
        "it read the dataset digits"
    ),
    "from benchmarks.run import closed_test_set as guard\nfrom lottery.data import load\n"
    "with guard.opened_test_set(): load('digits', '.')\n" + HONEST: "it read the dataset digits",
    "from pathlib import Path\nfrom benchmarks.run import pipeline\n"
    "pipeline._loaded('digits', Path('.'), torch.device('cpu'), 0.0)\n"
    + HONEST: "it read the dataset digits",
    "import tempfile\nfrom lottery.data.sets.digits import DIGITS_FILE\n"
    "link = tempfile.mkdtemp() + '/innocent'\nos.symlink(DIGITS_FILE, link)\nopen(link).close()\n"
    + HONEST: "opened a dataset's file, innocent",
    "import gc\ngc.get_objects()\n" + HONEST: r"not its own \(gc.get_objects\)",
    "return Result(Mask.top(network.layout, network.weights.abs(), density),"
    " trained=network.at(network.weights * 2))": "trained weights without own_weights=True",
    "mask = Mask.full(network.layout)\nmask.__dict__['kept'] = 5020\nreturn mask": (
        "mine kept 50200 weights, not 5020"
    ),
    "return Result(Mask.top(network.layout, network.weights.abs(), density),"
    " torch.rand(len(network.weights)))": "scores that do not match its mask",
    "return torch.ones(len(network.weights))": "same score for every weight",
    "return network.weights[1:]": r"shape \(50199,\)",
    "return network.weights * float('nan')": "50200 of 50200 scores are NaN",
    "return None": "mine returned a NoneType, not scores, a Mask or Result",
}


@pytest.mark.parametrize("body", CHEATS)
def test_what_is_promised_is_refused(draw: Draw, body: str, tmp_path: Path) -> None:
    with pytest.raises((RuleBroken, ValueError, TypeError), match=CHEATS[body]):
        draw(body)
    assert not list(tmp_path.rglob("found/*.safetensors")), "nothing of it is kept"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("raise KeyboardInterrupt", r"^KeyboardInterrupt: \(line 12\)$"),
        ("raise ValueError('two\\nlines')", r"^ValueError: two lines \(line 12\)$"),
        ("sys.exit(3)", r"SystemExit: 3"),
        ("os._exit(3)", "its process ended with status 3"),
        ("os.kill(os.getpid(), 9)", "its process ended with status -9"),
        ("while True: time.sleep(1)", "longer than the 2 s of --cell-limit"),
        ("runner.keeper._connection.send_bytes(b'{')", "sent no valid message"),
        (
            "state = Resumable(torch.optim.SGD([torch.zeros(1)]))\n"
            "runner.loop('../../up', range(1), print, state)",
            "an invalid message, of loop '../../up'",
        ),
    ],
)
def test_a_method_that_ends_badly_costs_its_own_cell(
    draw: Draw, bench: Bench, body: str, words: str
) -> None:
    limit = 2.0 if "limit" in words else 60.0
    with pytest.raises(MethodFailed, match=words):
        draw(body, bench=replace(bench, cell_limit=limit))


def test_every_global_generator_is_seeded_for_a_method(draw: Draw, tmp_path: Path) -> None:
    body = """
noise = np.random.rand(len(network.weights)) + random.random()
return torch.from_numpy(noise).float() + torch.rand(len(network.weights))
"""
    first = draw(body)
    for path in (tmp_path / "cache" / "found").iterdir():
        path.unlink()
    assert outcome(draw(body)) == outcome(first)
    assert outcome(draw(body, seed=1)) != outcome(first)


def test_own_weights_that_have_diverged_have_no_accuracy(draw: Draw) -> None:
    body = """
mask = Mask.top(network.layout, network.weights.abs(), density)
return Result(mask, trained=network.at(network.weights * float("nan"), network.rest))
"""
    with pytest.raises(NotFinite, match="50200 of 50200 weights are NaN or infinite"):
        draw(body, ", own_weights=True")


LONG = """
scores = network.weights.abs().clone()
optimiser = torch.optim.SGD([scores.requires_grad_()], lr=0.1, momentum=0.9)
stream = data.stream(128, generator)
def step(i):
    x, y = stream[i]
    scores.grad = torch.full_like(scores, float(x.mean())) * (scores > 0.1)
    optimiser.step()
    time.sleep({pause})
    open("{log}", "a").write(f"{{i}}\\n")
runner.loop("mine", range(12), step, Resumable(optimiser, scores=scores))
trained = runner.train(network, Mask.top(network.layout, scores.detach(), 0.5))
return scores.detach() + trained.weights.abs()
"""


def test_a_loop_is_kept_resumed_and_charged_through_the_boundary(
    draw: Draw, bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logs = [tmp_path / name for name in ("whole.txt", "parts.txt")]
    whole = draw(LONG.format(pause=0, log=logs[0]), bench=replace(bench, cache_root=tmp_path / "w"))
    # Its own twelve batches are an epoch, the last one smaller; the training is of four.
    assert float(whole["search_epochs"]) == pytest.approx(5, 1e-3)

    # The same text, so the same cell: it reads how long to pause from its environment.
    monkeypatch.setattr(stages, "CHECKPOINT_SECONDS", 0.0)
    body = LONG.format(pause=0.1, log=logs[1])
    watch = Watch(show=False)
    interrupted = replace(bench, watch=watch)
    Timer(0.1, lambda: _stop_when(logs[1], 4, watch)).start()
    with pytest.raises(Stopped):
        draw(body, bench=interrupted)
    assert list(tmp_path.rglob("*.mine.partial"))
    again = draw(body)
    assert again["mask_sha256"] == whole["mask_sha256"]
    assert again["search_epochs"] == whole["search_epochs"]
    assert again["accuracy"] == whole["accuracy"]
    assert logs[1].read_text().split() == [str(i) for i in range(12)], "no step is run twice"
    assert not list(tmp_path.rglob("*.partial"))


def _stop_when(log: Path, lines: int, watch: Watch) -> None:
    while not (log.exists() and log.read_text().count("\n") >= lines):
        time.sleep(0.05)
    watch._signal = "SIGINT received"


def test_a_method_that_hangs_is_ended_when_the_run_is_to_stop(
    draw: Draw, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apart, "GRACE_SECONDS", 0.5)
    with pytest.raises(Stopped):
        draw("while True: pass", bench=replace(bench, watch=Watch(0.1, show=False)))


def test_the_count_of_images_never_runs_backwards(draw: Draw) -> None:
    body = "data.balanced(10, generator)\ndata.drawn = {}\nrunner.train(network, {})\n" + HONEST
    mask = "Mask.top(network.layout, network.weights.abs(), 0.5)"
    row = draw(body.format("-10**9", mask))
    assert float(row["search_epochs"]) >= 4 * 11 * 128 / 1437 - 1e-3
    assert signal.getsignal(signal.SIGINT) is not signal.SIG_IGN
