"""The report: one page that needs nothing else, and tables for papers."""

import csv
import html
import json
import re
import shutil
import subprocess
from collections.abc import Iterable
from html.parser import HTMLParser
from pathlib import Path

import pytest

from benchmarks.cli.report import main
from benchmarks.plan.cell import Cell
from benchmarks.plan.comparison import Candidate, get_comparison
from benchmarks.plan.presets import get_preset
from benchmarks.plan.suites import cells_of, get_suite
from benchmarks.results.columns import HEADER
from benchmarks.results.provenance import ROOT
from tests.benchmarks import made_up

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
MINE = Candidate("my_method", "init", "abc")
SVG = """<svg xmlns="http://www.w3.org/2000/svg" xmlns:dc="http://purl.org/dc/elements/1.1/">
<metadata><Work><dc:title>Accuracy against sparsity.</dc:title>
<dc:description>CTS, digits: CTS-KL 91.2 to 77.3.</dc:description></Work></metadata></svg>"""


def row(cell: Cell) -> dict[str, object]:
    """A finished cell, its accuracy made up."""
    accuracy = 60 + 30 * (cell.density or 0.5) + cell.seed + len(cell.method) / 10
    return made_up.row("") | {
        "suite": cell.suite,
        "method": cell.method,
        "source": cell.source,
        "ablation": cell.ablation,
        "model": cell.model,
        "dataset": cell.dataset,
        "preset": cell.preset,
        "pruned_at": cell.pruned_at,
        "density": cell.density or 0.5,
        "seed": cell.seed,
        "accuracy": f"{min(accuracy, 100):.4f}",
        "search_seconds": "1",
        "train_seconds": "2",
        "search_epochs": "1",
        "train_epochs": "12",
        "cell_key": cell.key,
        "device": "<cpu> & co",
        "commit": "0123456789ab",
    }


def write(path: Path, cells: Iterable[Cell]) -> int:
    return write_rows(path, list(map(row, cells)))


def write_rows(path: Path, rows: list[dict[str, object]]) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, HEADER, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return len(rows)


def suite_cells(suite: str, seeds: Iterable[int]) -> list[Cell]:
    preset = get_preset("demo").for_suite(suite)
    return cells_of(get_suite(suite, preset), seeds)


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A suite with a figure, and a method that was compared."""
    folder = tmp_path / "results" / "demo"
    write(folder / "table2.csv", suite_cells("table2", [0, 1]))
    (folder / "table2.svg").write_text(SVG)
    comparison = get_comparison("trained-tickets-3")
    blocks = comparison.blocks(comparison.preset("demo"), MINE)
    write(folder / "trained-tickets-3.csv", cells_of(blocks, [0, 1, 2]))
    verdict = folder / "trained-tickets-3" / "my_method.csv"
    verdict.parent.mkdir()
    verdict.write_text(
        "candidate,method,pruned_at,source,checked\n"
        "False,snip,init,,True\nTrue,my_method,init,abc,True\n"
    )
    (verdict.with_name("failed.csv")).write_text("candidate,method,pruned_at,source,checked\n")
    return tmp_path / "results"


def report(results: Path) -> Path:
    out = results / "report"
    assert main([f"--results={results}", f"--out={out}"]) == 0
    return out


class Text(HTMLParser):
    """The texts of a page's table cells, and everything that it would fetch."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.cells: list[str] = []
        self.fetched: list[str] = []
        self._inside = False
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self._inside = tag in ("td", "th")
        self.fetched += [
            value
            for name, value in attributes
            if name in ("src", "href") and value and not value.startswith(("data:", "#"))
        ]

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.cells.append(data)

    def handle_endtag(self, tag: str) -> None:
        self._inside = False


def test_one_page_with_measured_printed_and_provenance(results: Path) -> None:
    page = (report(results) / "report.html").read_text()
    text = Text(page)
    assert text.fetched == [], "nothing is fetched"
    assert not re.search(r"@import|url\(|https?://", page)
    assert "data:image/svg+xml;base64,PHN2Z" in page
    assert 'alt="CTS, digits: CTS-KL 91.2 to 77.3."' in page
    assert "<figcaption>Figure 1. Accuracy against sparsity.</figcaption>" in page
    # The first line of CTS's Table II: two seeds' mean beside what the paper prints.
    mean = 60 + 30 * 0.8**18 + 0.5 + 0.3
    assert f"{mean:.1f} ± 0.7" in text.cells
    assert "81.7" in text.cells
    assert "0123456789ab" in text.cells, "the commit of a row"
    assert "<cpu> & co" in text.cells, "text is escaped"
    assert "my_method is number 1 of 6 by mean accuracy" in page
    assert "paired t-test" in page
    assert "failed in trained" not in page


def test_markdown_and_booktabs(results: Path) -> None:
    out = report(results)
    assert {path.name for path in out.iterdir()} == {
        "report.html",
        *("reproduction.md", "reproduction.tex"),
        *("demo-table2.md", "demo-table2.tex"),
        *("demo-trained-tickets-3-my_method.md", "demo-trained-tickets-3-my_method.tex"),
    }
    text = (out / "demo-table2.tex").read_text()
    assert text.count(r"\toprule") == text.count(r"\bottomrule") == 2
    assert r"\label{tab:demo-table2-2}" in text
    assert "Wide-ResNet-20" in text
    assert "±" not in text
    verdict = (out / "demo-trained-tickets-3-my_method.md").read_text()
    assert verdict.startswith("## my_method in trained-tickets-3, preset demo\n\n**")
    assert "| my_method " in verdict


def test_every_one_of_a_thousand_rows_is_on_the_page(tmp_path: Path) -> None:
    path = tmp_path / "results" / "demo" / "sparsity-accuracy.csv"
    count = write(path, suite_cells("sparsity-accuracy", range(15)))
    assert count > 1000
    page = (report(tmp_path / "results") / "report.html").read_text()
    with path.open() as file:
        keys = [row["cell_key"] for row in csv.DictReader(file)]
    assert len(keys) == count
    assert all(key in page for key in keys)


def test_the_page_opens_with_claims_that_lead_to_their_rows(results: Path) -> None:
    page = (report(results) / "report.html").read_text()
    text = Text(page)
    first = page.index("CTS-KL is 12 times faster than LTR at 99.3%")
    assert first < page.index("Printed numbers, measured") < page.index("CTS Table II: ")
    assert '<a href="#demo-table2">demo-table2</a>' in page
    assert 'id="demo-table2"' in page
    assert "1.0 times by time, 1.0 by epochs" in text.cells
    assert "does not hold in demo" in text.cells


def test_only_our_own_verdicts_are_coloured_and_numbers_stand_to_the_right(tmp_path: Path) -> None:
    write(tmp_path / "results" / "demo" / "table1.csv", suite_cells("table1", [0, 1, 2]))
    page = (report(tmp_path / "results") / "report.html").read_text()
    table = page[page.index("CTS Table I:") :]
    head = table[table.index("<thead>") : table.index("</thead>")]
    names = {
        name: side for side, name in re.findall(r'<th( class="number")?><button>([^<]*)', head)
    }
    assert all(names[n] for n in ("sparsity", "accuracy %", "paper %", "epochs", "seeds"))
    assert not any(names[n] for n in ("method", "passes sanity checks", "paper passes"))
    line = table[table.index("SNIP") :]
    cells = re.findall(r"<td([^>]*)>\s*([^<]*)</td>", line[: line.index("</tr>")])
    assert (' class="bad"', "no") in cells, "our verdict"
    assert ("", "no") in cells, "the paper's"


def test_throughput_is_on_the_page(results: Path) -> None:
    shutil.copy(ROOT / "results" / "quick" / "throughput.csv", results / "demo")
    out = report(results)
    page = (out / "report.html").read_text()
    assert 'href="#demo-throughput"' in page
    assert "Gates, pressure and Adam are" in page
    assert (out / "demo-throughput.tex").exists()


def test_no_results(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([f"--results={tmp_path}", f"--out={tmp_path / 'out'}"]) == 2
    said = capsys.readouterr().err
    assert said == f"error: there are no results in {tmp_path}; run a suite first\n"
    assert not (tmp_path / "out").exists()


PROBE = """
<script>
onload = () => {
  const page = document.querySelector("iframe").contentDocument;
  const head = [...page.querySelectorAll("h3")].find(h => h.textContent.startsWith("CTS Table II"));
  const table = head.nextElementSibling.querySelector("table"), column = name =>
    [...table.tHead.rows[0].cells].findIndex(cell => cell.textContent === name);
  const values = name => [...table.tBodies[0].rows].map(
    row => row.cells[column(name)].textContent.trim()).join("|");
  const click = name => table.tHead.rows[0].cells[column(name)].firstChild.click();
  const said = {overflow: page.documentElement.scrollWidth - page.documentElement.clientWidth,
                width: page.documentElement.clientWidth,
                background: getComputedStyle(page.body).backgroundColor};
  click("paper %"); said.up = values("paper %");
  click("paper %"); said.down = values("paper %");
  click("paper time"); said.time = values("paper time");
  const result = document.createElement("pre");
  result.textContent = JSON.stringify(said);
  document.body.append(result);
};
</script>
"""


@pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium is installed (Debian: apt install chromium)"
)
@pytest.mark.parametrize(
    ("width", "scheme", "background"),
    [(360, 1, "rgb(255, 255, 255)"), (1280, 0, "rgb(20, 23, 26)")],
)
def test_in_a_browser(
    results: Path, tmp_path: Path, width: int, scheme: int, background: str
) -> None:
    assert CHROMIUM is not None
    page = (report(results) / "report.html").read_text()
    frame = f'<iframe width="{width}" height="800" style="border:0" srcdoc="{html.escape(page)}">'
    probe = tmp_path / "probe.html"
    probe.write_text(f"<!doctype html><body>{frame}</iframe>{PROBE}")
    done = subprocess.run(
        [
            *(CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--dump-dom"),
            f"--user-data-dir={tmp_path / 'profile'}",
            f"--blink-settings=preferredColorScheme={scheme}",
            "--virtual-time-budget=5000",
            probe.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    found = re.search(r"<pre>(.*)</pre>", done.stdout)
    assert found, done.stdout[-2000:]
    said = json.loads(html.unescape(found[1]))
    assert said["width"] in (width, width - 15), "with or without a scroll bar"
    assert said["overflow"] == 0, "only tables scroll sideways"
    assert said["background"] == background
    values = [float(text.split()[0]) for text in said["up"].split("|")]
    assert values == sorted(values)
    assert len(values) == 12
    assert [float(text.split()[0]) for text in said["down"].split("|")] == values[::-1]
    assert said["time"].split("|")[0] == "7.9 min"
    assert said["time"].split("|")[-1] == "82.6 h", "minutes come before hours"
