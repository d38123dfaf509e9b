"""The command line: exit status, one clear line for bad input, and nothing half-written."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks.plan.cell import Cell
from benchmarks.results.store import Store
from benchmarks.run.pipeline import Bench, run_cell
from lottery.core.ticket import Ticket
from tests.benchmarks.conftest import Run


def assert_refused(outcome: tuple[int, str, str], *words: str) -> None:
    status, out, err = outcome
    assert status == 2
    assert out == ""
    lines = [line for line in err.splitlines() if line.strip()]
    assert len(lines) == 1, err
    assert lines[0].startswith("error: ")
    for word in words:
        assert word in lines[0]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["tabel2"], ["suite 'tabel2'", "did you mean table2"]),
        (["table2", "--preset", "dmo"], ["preset 'dmo'", "demo"]),
        (["table2", "--only", "method=ctss"], ["method 'ctss'", "did you mean cts?"]),
        (["table2", "--only", "model=resnet2"], ["model 'resnet2'", "resnet20"]),
        (["table2", "--only", "dataset=digit"], ["dataset 'digit'", "digits"]),
        (["table2", "--only", "objective=kll"], ["objective 'kll'", "kl"]),
        (["table2", "--only", "metod=cts"], ["'metod'", "method"]),
        (["table2", "--only", "method"], ["name=value", "'method'"]),
        (["table2", "--only", "density=1.5"], ["1.5", "(0, 1]"]),
        (["table2", "--only", "density=0"], ["density 0", "(0, 1]"]),
        (["table2", "--only", "density=much"], ["'much'", "number"]),
        (["table2", "--only", "density=0.5", "paper=cts"], ["0.5"]),
        (["table2", "--only", "density=0.015"], ["nearest is 0.01801;", "0.003022, 0.007379"]),
        (["table2", "--only", "density=1.4"], ["1.4", "(0, 1]", "needs a %"]),
        (["table2", "--only", "density=2%"], ["nearest is 0.01801"]),
        (["table2", "--only", "sparsity=98.3"], ["nearest is 98.2; here are 50, 98.2, 99.26"]),
        (["table2", "--only", "sparsity=0.982"], ["0.982", "percentage", "98.2"]),
        (["table2", "--seeds", "one"], ["'one'", "whole number"]),
        (["table2", "--seeds", "-1"], ["'-1'", "at least 0"]),
        (["table2", "--seeds", "1.5"], ["'1.5'"]),
        (["table2", "--jobs", "0"], ["'0'", "at least 1"]),
        (["table2", "--time-budget", "soon"], ["'soon'", "9m"]),
        (["table2", "--device", "gpu"], ["device 'gpu'", "cuda"]),
        (["table2", "--precision", "float16"], ["'float16'", "bfloat16"]),
        (["table2", "--sedes", "1"], ["--sedes"]),
        ([], ["give a suite", "table2"]),
        (["table1", "--only", "search=foo"], ["search 'foo'", "(none), full, quick"]),
        (["throughput", "--seeds", "1"], ["takes no --seeds"]),
        (["throughput", "--time-budget", "9m"], ["takes no --seeds, --jobs or --time-budget"]),
    ],
)
def test_bad_arguments_are_one_line_and_write_nothing(
    run: Run, tmp_path: Path, arguments: list[str], words: list[str]
) -> None:
    assert_refused(run(*arguments), *words)
    assert not list(tmp_path.rglob("*.csv"))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_cuda_where_there_is_none(run: Run) -> None:
    assert_refused(run("table2", "--device", "cuda"), "cuda", "no CUDA device")


def test_damaged_data(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "data_root" / "cifar-10-batches-bin"
    folder.mkdir(parents=True)
    damaged = folder / "data_batch_1.bin"
    damaged.write_bytes(b"short")
    outcome = run("table2", "--preset", "quick", "--only", "paper=cts")
    assert_refused(outcome, "data_batch_1.bin", "MD5")
    assert damaged.read_bytes() == b"short"


def test_an_unwritable_results_folder(run: Run, tmp_path: Path) -> None:
    (tmp_path / "results").write_text("a file")
    assert_refused(run("table2"), "results", "cannot be written")


def test_an_unwritable_cache_folder(run: Run, tmp_path: Path) -> None:
    (tmp_path / "cache_root").write_text("a file")
    assert_refused(run("table2", "--preset", "tiny"), "cache", "cannot be written")


def test_a_foreign_results_file_is_left_alone(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "results" / "demo" / "table2.csv"
    path.parent.mkdir(parents=True)
    path.write_text("mine,yours\n1,2\n")
    assert_refused(run("table2"), "foreign header")
    assert path.read_text() == "mine,yours\n1,2\n"


def test_a_reader_that_stops_early_is_no_error(tmp_path: Path) -> None:
    command = f"{sys.executable} -m benchmarks table2 --list --results={tmp_path} | head -n 1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)
    assert len(done.stdout.splitlines()) == 1
    assert done.stderr == ""


def test_list_runs_nothing(run: Run, tmp_path: Path) -> None:
    status, out, _ = run("table2", "--list")
    assert status == 0
    assert out.count("to run ") == 9
    cells, totals, (summary,) = (part.splitlines() for part in out.strip().split("\n\n"))
    assert len(cells) == 9
    assert totals[0].split() == "left, by method and model cells epochs time".split()
    left = {tuple(line.split()[:2]): int(line.split()[2]) for line in totals[1:]}
    assert left["ltr", "resnet20"] == 3
    assert sum(left.values()) == 9
    assert summary.startswith("9 cells, 0 done, about ")
    assert not list(tmp_path.rglob("*.csv"))
    assert not (tmp_path / "cache_root").exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_list_plans_for_a_gpu_that_is_not_here(run: Run) -> None:
    status, out, _ = run("table2", "--list", "--device", "cuda")
    assert status == 0
    assert "left on an H100 (by its data sheet: there is no GPU here)" in out


def test_a_whole_table_and_the_same_again_at_once(run: Run, tmp_path: Path) -> None:
    status, out, _ = run("table2", "--preset", "tiny")
    assert status == 0
    assert len(re.findall(r"\| +1 \|$", out, re.M)) == 9  # nine measured lines of one seed each
    assert out.count("not run") == 6  # ImageNet
    assert "stands in for cifar10" in out
    assert "Set here: crbg epochs=3" in out
    assert "ltr pruning_rate=0.8." in out
    path = tmp_path / "results" / "tiny" / "table2.csv"
    rows = Store(path).rows()
    total = {r["params_prunable"] for r in rows}
    assert total == {str(64 * 300 + 300 * 100 + 100 * 10)}
    for row in rows:
        if row["density_requested"] and row["method"] != "edge_popup":
            wanted = round(float(row["density_requested"]) * 50200)
            assert int(row["params_kept"]) == wanted
        strong = row["method"] in ("crbg", "edge_popup")
        assert float(row["train_epochs"]) == pytest.approx(0 if strong else 4, 1e-3)
    by = {(r["method"], r["density_requested"][:6]): r for r in rows}
    assert float(by["cts", "0.0180"]["search_epochs"]) == pytest.approx(4, 1e-3)
    # LTR at 80% a level: 0.8^18 takes three trainings of three epochs, 0.8^26 four.
    levels = [float(by["ltr", d]["search_epochs"]) for d in ("0.0180", "0.0030")]
    assert levels == pytest.approx([9, 12], 1e-3)
    assert path.with_suffix(".md").read_text().strip() == out.strip()

    for row in rows:
        ticket = Ticket.load(tmp_path / "cache_root" / "tickets" / f"{row['cell_key']}.safetensors")
        assert ticket.mask.sha256 == row["mask_sha256"]
        assert ticket.provenance["method"] == row["method"]
        # A strong ticket is its seed and its bits.
        assert (ticket.weights is None) == (row["method"] in ("crbg", "edge_popup"))

    before = path.read_bytes()
    status, again, err = run("table2", "--preset", "tiny")
    assert (status, again, err) == (0, out, "")
    assert path.read_bytes() == before


def snapshot(folder: Path) -> dict[Path, tuple[bytes, float]]:
    paths = [folder, *folder.rglob("*")]
    return {p: (p.read_bytes() if p.is_file() else b"", p.stat().st_mtime_ns) for p in paths}


def test_what_is_done_is_listed_printed_and_reported_without_a_write(
    run: Run, tmp_path: Path
) -> None:
    wanted = ("table2", "--preset", "tiny", "--only", "method=cts", "density=0.018")
    status, out, _ = run(*wanted)
    assert status == 0
    before = snapshot(tmp_path)
    assert run(*wanted, "--list")[0] == 0
    assert run(*wanted) == (0, out, "")
    assert snapshot(tmp_path) == before, "no folder, no lock, no file"


def test_lines_beside_the_rows_are_made_again_from_the_cache_or_said_to_be_missing(
    run: Run, tmp_path: Path
) -> None:
    wanted = ("table2", "--preset", "tiny", "--only", "method=cts", "density=0.018")
    assert run(*wanted)[0] == 0
    results = tmp_path / "results" / "tiny"
    search, rows = results / "table2-search.csv", (results / "table2.csv").read_bytes()
    good = search.read_bytes()
    search.write_bytes(good[:-30])
    status, _, err = run(*wanted)
    assert status == 0
    assert "table2-search.csv.partial" in err
    assert search.read_bytes() == good
    assert (results / "table2.csv").read_bytes() == rows

    search.unlink()
    (tmp_path / "cache_root").rename(tmp_path / "elsewhere")
    status, _, err = run(*wanted)
    assert status == 0
    assert "lack lines of 1 finished cells" in err
    assert not search.exists()
    assert not list((tmp_path / "cache_root").rglob("*.safetensors")), "nothing was run"


def test_status_0_means_that_every_row_is_there(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "results" / "tiny" / "table2.csv"

    def deleting(cell: Cell, bench: Bench) -> Any:
        if cell.method == "ltr":
            path.unlink()
        return run_cell(cell, bench)

    wanted = ("table2", "--preset", "tiny", "--only", "paper=cts", "density=0.018")
    monkeypatch.setattr("benchmarks.run.scheduler.run_cell", deleting)
    status, _, err = run(*wanted)
    assert status == 1
    assert "1 rows are no longer in" in err
    monkeypatch.undo()
    assert run(*wanted)[0] == 0
    assert len(Store(path).rows()) == 2


def test_only_and_seeds_choose_cells_and_the_rest_follows(run: Run, tmp_path: Path) -> None:
    wanted = ("--only", "method=cts", "density=0.0074", "--seeds", "3")
    assert run("table2", "--preset", "tiny", *wanted)[0] == 0
    path = tmp_path / "results" / "tiny" / "table2.csv"
    (row,) = Store(path).rows()
    assert (row["method"], row["seed"], row["density_requested"]) == ("cts", "3", "0.00737869763")
    assert (row["objective"], row["gradient_step"], row["search"]) == ("kl", "gradbalance", "full")
    assert row["device"].startswith("cpu")
    assert row["torch"] == torch.__version__
    assert len(row["mask_sha256"]) == 64


def test_what_two_suites_have_in_common_is_run_once(run: Run, tmp_path: Path) -> None:
    only = ("--preset", "tiny", "--only", "paper=cts", "method=snip", "ablation=none")
    assert run("sparsity-accuracy", *only)[0] == 0
    assert "1 cells, 1 done" in run("sanity-checks", *only, "--list")[1]
    results = tmp_path / "results" / "tiny"
    assert not (results / "sanity-checks.csv").exists()
    status, _, err = run("sanity-checks", *only)
    assert (status, err) == (0, "")  # no progress was shown
    place = {"suite": "sanity-checks", "table": "Fig. 4"}
    (row,) = Store(results / "sparsity-accuracy.csv").rows()
    assert Store(results / "sanity-checks.csv").rows() == [row | place]


def test_a_cell_does_not_depend_on_what_ran_before(run: Run, tmp_path: Path) -> None:
    def rows(*arguments: str) -> dict[str, tuple[str, str]]:
        assert run("table2", "--preset", "tiny", *arguments)[0] == 0
        (path,) = tmp_path.rglob("table2.csv")
        found = {r["cell_key"]: (r["accuracy"], r["mask_sha256"]) for r in Store(path).rows()}
        path.unlink()
        return found

    together = rows("--only", "paper=cts", f"--cache-root={tmp_path / 'one'}")
    torch.manual_seed(123)
    alone = rows("--only", "density=0.00302", "method=ltr", f"--cache-root={tmp_path / 'two'}")
    assert len(alone) == 1
    assert alone.items() <= together.items()


def test_a_failing_cell_leaves_the_others_and_heals(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def faulty(cell: Cell, bench: Bench) -> Any:
        if cell.method == "ltr":
            raise RuntimeError("out of luck")
        return run_cell(cell, bench)

    wanted = ("table2", "--preset", "tiny", "--only", "paper=cts", "density=0.018")
    monkeypatch.setattr("benchmarks.run.scheduler.run_cell", faulty)
    status, out, err = run(*wanted)
    assert status == 1
    assert "out of luck" in err
    assert "ltr lenet-300-100 digits density 0.01801 seed 0 failed" in err
    assert out.count("not yet run") == 8  # the cell that failed and those not asked for
    monkeypatch.undo()
    assert run(*wanted)[0] == 0
    (path,) = tmp_path.rglob("table2.csv")
    assert {r["method"] for r in Store(path).rows()} == {"cts", "ltr"}
