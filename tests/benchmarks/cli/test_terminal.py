"""Tables on a terminal: they fit, and what is left out is named."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks.cli.terminal import fitting, show
from benchmarks.judge.tables import Section, Table, markdown, sections
from benchmarks.judge.tables.sections import numeric, same_everywhere
from benchmarks.plan.presets import get_preset
from benchmarks.plan.suites import SUITES, get_suite
from benchmarks.results.lookup import Results
from benchmarks.results.provenance import ROOT
from benchmarks.results.store import Store

FILE = Path("results/demo/table2.md")
HEADERS = ["method", "model", "dataset", "sparsity", "accuracy %", "paper %", "outcome", "time"]
LINES = [
    ["CTS-KL", "resnet20", "cifar10", "98.2%", "81.0 ± 0.2", "81.7", "reproduced", "7.9 min"],
    ["LTR", "resnet20", "cifar10", "98.2%", "not yet run", "83.5", "-", "-"],
    ["Edge-popup, of a long name indeed", "500-500", "cifar10", "50.0%", "1.0", "2", "-", "1.3 h"],
]
TABLE = Table(HEADERS, LINES)


def shown(section: Section, width: int) -> list[str]:
    screen = io.StringIO()
    console = Console(file=screen, width=width, force_terminal=True, color_system=None)
    show([section], FILE, console)
    return screen.getvalue().splitlines()


@pytest.mark.parametrize("width", [40, 60, 80, 100])
def test_every_line_fits_and_what_has_no_room_is_named(width: int) -> None:
    note = "Preset demo: " + "a sentence that goes on and on, " * 10
    lines = shown(Section("CTS Table II", (TABLE,), (note,), "**1 of 2**"), width)
    assert max(map(len, lines)) <= width
    text = " ".join(" ".join(lines).split())
    assert "reproduced" in text or "outcome" in text
    for name in HEADERS:
        assert name in text, name
    assert "All: dataset cifar10." in text
    assert "CTS-KL" in text


def test_the_measured_number_and_the_papers_come_first() -> None:
    columns = same_everywhere(TABLE)[1]
    names = [HEADERS[i] for i in fitting(TABLE, columns, 65)]
    assert names == ["method", "sparsity", "accuracy %", "paper %"]
    assert [HEADERS[i] for i in fitting(TABLE, columns, 200)] == [
        name for name in HEADERS if name != "dataset"
    ]


def test_columns_of_numbers_stand_to_the_right() -> None:
    right = {name for i, name in enumerate(HEADERS) if numeric(TABLE, i)}
    assert right == {"sparsity", "accuracy %", "paper %", "time"}
    lines = shown(Section("", (TABLE,)), 200)
    column = next(line for line in lines if "paper %" in line).index("paper %") + len("paper %")
    assert all(line[column - 1] in "75 2" for line in lines if "resnet20" in line)


def test_into_a_pipe_goes_markdown(capsys: pytest.CaptureFixture[str]) -> None:
    section = Section("CTS Table II", (TABLE,), ("a note",))
    show([section], FILE)
    assert capsys.readouterr().out.strip() == markdown([section]).strip()


@pytest.mark.parametrize("suite", SUITES)
def test_tables_of_every_suite_fit_eighty_columns(suite: str) -> None:
    preset = get_preset("quick").for_suite(suite)
    results = Results(Store(ROOT / "results" / "quick" / f"{suite}.csv"), preset.seeds)
    for section in sections(get_suite(suite, preset), results, preset):
        assert max(map(len, shown(section, 80))) <= 80
