"""Comparing a method by the command line, in a comparison of seconds."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.cli.compare import main
from benchmarks.judge.submission import problems
from benchmarks.plan.comparison import Baseline, Comparison
from benchmarks.results.store import Store
from benchmarks.run.methods import method_files, methods
from tests.benchmarks import tiny

COMPARISON = Comparison(
    "tiny-1",
    "seconds",
    "cifar10",
    (Baseline("Magnitude", "magnitude", "init"), Baseline("Random", "random", "init")),
    {"demo": replace(tiny.TINY, name="demo", seeds=(0, 1), grid={"resnet20": [8, 14]})},
)
HEAD = """
import torch
from lottery import Mask, method
from lottery.data import load

@method("mine", pruned_at="init")
def draw(network, data, density, generator):
"""
MAGNITUDE = HEAD + "    return network.weights.abs() * 2\n"
RANDOM = HEAD + "    return torch.rand(network.weights.shape, generator=generator)\n"
MASK = HEAD + "    return Mask.top(network.layout, network.weights.abs(), density)\n"
HALF = (
    HEAD
    + """
    if density < 0.1:
        raise RuntimeError("two lines\\nof text")
    return network.weights.abs()
"""
)
CHEAT = (
    HEAD
    + """
    try:
        labels = load("digits", "unused")[1].labels
    except Exception:
        pass
    return network.weights.abs()
"""
)
Compare = Callable[..., tuple[int, str, str]]


@pytest.fixture
def compare(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Compare]:
    """Write a method file and compare it; returns the exit status, stdout and stderr."""
    monkeypatch.setattr("benchmarks.cli.compare.get_comparison", lambda name: COMPARISON)
    folders = [
        f"--{name.replace('_', '-')}={tmp_path / name}"
        for name in ("results", "cache_root", "data_root")
    ]

    def run(text: str, *more: str) -> tuple[int, str, str]:
        method_files.clear()
        (tmp_path / "mine.py").write_text(text)
        with methods.temporarily():
            status = main([str(tmp_path / "mine.py"), *more, *folders])
        said = capsys.readouterr()
        return status, said.out, said.err

    with methods.temporarily():  # tests also run the command by themselves
        yield run
    method_files.clear()


def table(tmp_path: Path) -> list[dict[str, str]]:
    return Store(tmp_path / "results" / "demo" / "tiny-1.csv").rows()


def test_a_method_is_compared_and_baselines_are_kept(
    compare: Compare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    status, out, err = compare(MAGNITUDE)
    assert status == 0, err
    rows = table(tmp_path)
    # Two densities and seeds: the method with three ablations, and two baselines.
    assert len(rows) == 2 * 2 * (4 + 2)
    mine = [row for row in rows if row["method"] == "mine"]
    assert len({row["source"] for row in mine}) == 1
    assert mine[0]["source"]
    masks = {
        (row["method"], row["density"], row["seed"]): (row["mask_sha256"], row["accuracy"])
        for row in rows
        if row["ablation"] == "none"
    }
    for (method, density, seed), result in masks.items():
        if method == "mine":  # the same order of weights gives the same mask and training
            assert result == masks["magnitude", density, seed]
    assert "**mine is number 1 of 3 by mean accuracy (by the tests" in out
    assert "equal on every seed to Magnitude" in out
    folder = tmp_path / "results" / "demo" / "tiny-1"
    assert (folder / "mine.md").read_text() == out[:-1]
    assert (folder / "mine.csv").read_text().startswith("label,candidate,method,")

    path = tmp_path / "results" / "demo" / "tiny-1.csv"
    before = path.read_bytes()
    assert compare(MAGNITUDE) == (0, out, "")
    assert path.read_bytes() == before

    # All of it as a submission, which is what it says.
    submitted = tmp_path / "submitted"
    assert compare(MAGNITUDE, f"--submission={submitted}")[0] == 0
    monkeypatch.setattr("benchmarks.judge.submission.get_comparison", lambda name: COMPARISON)
    assert problems(submitted) == []
    assert (submitted / "verdict.json").read_bytes() == (folder / "mine.json").read_bytes()
    assert (submitted / "mine.py").read_text() == MAGNITUDE

    # Another version of the file: its own rows, and nothing of a baseline is run or changed.
    status, again, _ = compare(RANDOM)
    assert status == 0
    after = path.read_bytes()
    assert after.startswith(before)
    assert len(table(tmp_path)) == len(rows) + 16
    assert {row["method"] for row in table(tmp_path)[len(rows) :]} == {"mine"}
    assert again != out

    # A deliberately random method is no better than the baseline of that name.
    compared = [line for line in again.splitlines() if line.startswith("| Random ")]
    outcomes = {line.split("|")[-2].strip() for line in compared if line.count("|") == 8}
    assert outcomes
    assert "better" not in outcomes


def test_baselines_are_taken_from_any_file_of_the_preset(compare: Compare, tmp_path: Path) -> None:
    assert compare(MAGNITUDE)[0] == 0
    results = tmp_path / "results" / "demo"
    before = table(tmp_path)
    (results / "tiny-1.csv").rename(results / "elsewhere.csv")
    (results / "tiny-1-search.csv").write_text("cell_key,epoch,objective\nabc,1,2\n")
    status, out, err = compare(MAGNITUDE)
    assert status == 0
    (line,) = err.splitlines()  # nothing was run: there was no progress to show
    assert "tiny-1-search.csv has a foreign header" in line
    assert (results / "tiny-1-search.csv").read_text().startswith("cell_key,epoch,objective\nabc")
    assert table(tmp_path) == before
    assert "Without a result" not in out


def test_a_failing_method_leaves_the_rest_and_is_named(compare: Compare, tmp_path: Path) -> None:
    submitted = tmp_path / "submitted"
    status, out, err = compare(HALF, "--seeds", "0", f"--submission={submitted}")
    assert status == 1
    assert f"warning: {submitted} was not written: not every cell has a result" in err
    assert not submitted.exists()
    file = tmp_path / "mine.py"
    density = 0.8**14
    line = (
        f"error: {file}: mine lenet-300-100 digits density {density:.4g} seed 0 failed: "
        "RuntimeError: two lines of text (line 10); its traceback: "
    )
    (said,) = [found for found in err.splitlines() if found.startswith(line)]
    kept = Path(said.removeprefix(line))
    assert kept.parent == tmp_path / "cache_root" / "failures"
    assert f'File "{file}", line 10, in draw' in kept.read_text()
    rows = table(tmp_path)
    assert len(rows) == (4 + 2) + 2, "the other density and the baselines are there"
    assert f"(4 cells): mine lenet-300-100 digits density {density:.4g}, seed 0;" in out
    assert compare(MAGNITUDE.replace("* 2", "* 3"), "--seeds", "0")[0] == 0


def test_a_method_that_reads_test_labels_is_refused(compare: Compare, tmp_path: Path) -> None:
    status, out, err = compare(CHEAT, "--seeds", "0", "--only", "density=0.168")
    assert status == 1
    assert "RuleBroken: it read the dataset digits" in err
    assert {row["method"] for row in table(tmp_path)} == {"magnitude", "random"}
    assert "mine: no result yet." in out
    assert "|" not in out, "no tables"
    assert "(4 cells): mine lenet-300-100 digits density 0.1678, seed 0; " in out
    assert "Another 6 were not asked for." in out
    assert not (tmp_path / "results" / "demo" / "tiny-1").exists()


def test_a_mask_has_no_scores_to_invert(compare: Compare, tmp_path: Path) -> None:
    status, _, err = compare(MASK, "--seeds", "0", "--only", "density=0.168")
    assert status == 0
    assert "invert seed 0 is left out: a ticket without scores cannot be inverted" in err
    assert {row["ablation"] for row in table(tmp_path)} == {
        *("none", "shuffle_layerwise", "reinitialise")
    }


def test_processes_load_the_file_too(compare: Compare, tmp_path: Path) -> None:
    status, _, err = compare(MAGNITUDE, "--seeds", "0", "--jobs", "2")
    assert status == 0, err
    assert len(table(tmp_path)) == 2 * (4 + 2)


def test_a_method_is_given_as_a_file_or_by_name(
    compare: Compare, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = ["--list", f"--results={tmp_path / 'results'}"]
    (tmp_path / "mine.py").write_text(MAGNITUDE)
    assert main([str(tmp_path / "mine.py"), *wanted]) == 0
    assert capsys.readouterr().out.count(" mine lenet") == 16
    assert main(["snip", *wanted]) == 0
    assert capsys.readouterr().out.count(" snip lenet") == 16
    assert main(wanted) == 2
    assert capsys.readouterr().err.startswith("error: give a method: a Python file, or the name")
    assert main(["snipp", *wanted]) == 2
    assert "unknown method 'snipp': did you mean snip" in capsys.readouterr().err


def test_list_runs_nothing(compare: Compare, tmp_path: Path) -> None:
    status, out, _ = compare(MAGNITUDE, "--list")
    assert status == 0
    assert "24 cells, 0 done" in out
    assert not list(tmp_path.rglob("*.csv"))


@pytest.mark.parametrize(
    ("text", "more", "words"),
    [
        ("x = 1", (), "mine.py registers no method"),
        ("raise ValueError('no')", (), "mine.py does not load: ValueError: no"),
        (HEAD.replace('"mine"', '"free", sets_density=False') + "    pass", (), "its own density"),
        (MAGNITUDE, ("--preset", "dmo"), "unknown preset of tiny-1 'dmo'"),
        (MAGNITUDE, ("--only", "method=mien"), "did you mean mine?"),
        (MAGNITUDE, ("--time-budget", "soon"), "time budget 'soon'"),
    ],
)
def test_bad_input_is_one_line(
    compare: Compare, tmp_path: Path, text: str, more: tuple[str, ...], words: str
) -> None:
    status, out, err = compare(text, *more)
    assert (status, out) == (2, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert words in err
    assert not list(tmp_path.rglob("*.csv"))
