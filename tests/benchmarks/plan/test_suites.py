"""Every suite from end to end: its cells, its table and its figures."""

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from benchmarks.judge.tables.notes import stand_ins
from benchmarks.plan.presets import get_preset
from benchmarks.plan.suites import SUITES, get_suite
from benchmarks.results.store import Row, Store
from plots.command import figures_of
from plots.drawing import draw
from tests.benchmarks.conftest import Run


@pytest.mark.parametrize("suite", SUITES)
def test_a_suite_runs_is_tabled_and_drawn(run: Run, tmp_path: Path, suite: str) -> None:
    status, out, err = run(suite, "--preset", "tiny")
    assert status == 0, err
    assert "not yet run" not in out
    assert ("paper passes" in out) == (suite in ("table1", "recipe")), (
        "what the paper prints of the checks"
    )
    (path,) = tmp_path.rglob(f"{suite}.csv")
    assert len(Store(path).rows()) >= 3
    assert path.with_suffix(".md").read_text() in out
    for suffix, name in figures_of(path).items():
        figure = path.with_name(f"{suite}{suffix}.png")
        draw(name, path, figure)
        assert figure.stat().st_size > 10_000


def test_a_figure_of_a_network_that_the_preset_leaves_out_says_what_stands_in() -> None:
    def said(name: str) -> str:
        preset = get_preset(name).for_suite("saliency-gap")
        return stand_ins(get_suite("saliency-gap", preset)[0], preset)

    assert "digits stands in for cifar10, resnet20 stands in for vgg16" in said("demo")
    assert "resnet20 stands in for vgg16" in said("quick")
    assert "stands in" not in said("paper")


def verdict_by_hand(rows: list[Row], method: str) -> str:
    """The criterion of docs/statistics.md, from rows of the same seeds in the same order."""
    by_ablation: dict[str, list[float]] = {}
    for row in sorted(rows, key=lambda row: row["seed"]):
        if row["method"] == method:
            by_ablation.setdefault(row["ablation"], []).append(float(row["accuracy"]))
    ticket = by_ablation.pop("none")
    if any(np.mean(other) >= np.mean(ticket) for other in by_ablation.values()):
        return "no"
    tests = [stats.ttest_rel(ticket, a, alternative="greater") for a in by_ablation.values()]
    return "yes" if max(test.pvalue for test in tests) < 0.05 else "indistinguishable"


def test_table1_judges_its_tickets(run: Run, tmp_path: Path) -> None:
    wanted = ("--only", "method=snip", "method=ltr", "--seeds", "0", "1", "2")
    _, out, _ = run("table1", "--preset", "tiny", *wanted)
    table = [[cell.strip() for cell in line.split("|")] for line in out.splitlines()]
    header = next(line for line in table if "passes sanity checks" in line)
    lines = {line[1]: dict(zip(header, line, strict=False)) for line in table if len(line) > 9}
    # What the column says follows from the rows, by the test as docs/statistics.md has it.
    rows = Store(tmp_path / "results" / "tiny" / "table1.csv").rows()
    assert lines["SNIP"]["passes sanity checks"] == verdict_by_hand(rows, "snip")
    assert lines["SNIP"]["epochs"] == "4"
    assert lines["SNIP"]["paper epochs"] == "160"
    # 0.8^19 at 80% a level: three levels of three epochs after the first, and the ticket's three.
    assert lines["LTR"]["epochs"] == "13"
    assert lines["CTS-KL"]["accuracy %"] == "not yet run"
