"""Every suite from end to end: its cells, its table and its figures."""

from pathlib import Path

import pytest

from benchmarks.store import Store
from benchmarks.suites import SUITES
from plots.__main__ import FIGURES
from plots.drawing import draw
from tests.benchmarks.conftest import Run


@pytest.mark.parametrize("suite", SUITES)
def test_a_suite_runs_is_tabled_and_drawn(run: Run, tmp_path: Path, suite: str) -> None:
    status, out, err = run(suite, "--preset", "tiny")
    assert status == 0, err
    assert "not yet run" not in out
    (path,) = tmp_path.rglob(f"{suite}.csv")
    assert len(Store(path).rows()) >= 3
    assert path.with_suffix(".md").read_text() in out
    for suffix, name in FIGURES[suite].items():
        figure = path.with_name(f"{suite}{suffix}.png")
        draw(name, path, figure)
        assert figure.stat().st_size > 10_000


def test_table1_judges_its_tickets(run: Run) -> None:
    wanted = ("--only", "method=snip", "method=ltr", "--seeds", "0", "1", "2")
    _, out, _ = run("table1", "--preset", "tiny", *wanted)
    table = [[cell.strip() for cell in line.split("|")] for line in out.splitlines()]
    header = next(line for line in table if "passes sanity checks" in line)
    lines = {line[1]: dict(zip(header, line, strict=False)) for line in table if len(line) > 9}
    assert lines["SNIP"]["passes sanity checks"] in ("yes", "no", "not told apart")
    assert lines["SNIP"]["epochs"] == "4"
    assert lines["SNIP"]["paper epochs"] == "160"
    # 0.8^19 at 80% a level: three levels of three epochs after the first, and the ticket's three.
    assert lines["LTR"]["epochs"] == "13"
    assert lines["CTS-KL"]["accuracy %"] == "not yet run"
