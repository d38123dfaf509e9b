"""Submissions and the leaderboard that is made of them, from rows that are made up."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import mean
from typing import Any

import pytest

from benchmarks.cli.check_submission import main as check
from benchmarks.cli.leaderboard import main as leaderboard
from benchmarks.judge.statistics import paired_p
from benchmarks.judge.submission import problems, write_submission
from benchmarks.judge.verdict import Verdict, judge
from benchmarks.judge.verdict_file import content, points_in, read_verdict
from benchmarks.plan.cell import source_hash
from benchmarks.plan.comparison import Candidate, get_comparison
from benchmarks.plan.suites import cells_of
from benchmarks.results.lookup import Results
from benchmarks.results.writer import Entry, StoreWriter
from lottery.core.errors import BadInput
from tests.benchmarks import made_up

CODE = b"# a method\n"
MINE = Candidate("mine", "init", source_hash(CODE))
COMPARISON = get_comparison("trained-tickets-3")
DEMO = COMPARISON.preset("demo")
BASE = {"mine": 92.0, "cts": 95.0, "snip": 91.0, "synflow": 90.5, "magnitude": 85.0, "random": 70.0}
WOBBLE = {"mine": 1.0, "cts": 0.5, "snip": -0.7, "synflow": 0.2, "magnitude": -1.0, "random": 2.0}


def verdict(folder: Path, candidate: Candidate = MINE, ahead: float = 0.0) -> Verdict:
    """Of a row for every cell, or of those that are in the folder already."""
    path = folder / f"rows-of-{candidate.name}-{candidate.source}.csv"
    cells = cells_of(COMPARISON.blocks(DEMO, candidate), DEMO.seeds)
    store = StoreWriter(path)
    rows: list[Entry] = []
    for cell in cells:
        name = "mine" if cell.method == candidate.name else cell.method
        accuracy = BASE[name] + WOBBLE[name] * (0.4, 0.0, -0.3)[cell.seed] * (cell.density or 1)
        accuracy += ahead if name == "mine" else 0
        accuracy -= 0 if cell.ablation == "none" else 20 + cell.seed / 10
        rows.append((made_up.row_of(cell, accuracy), {}))
    store.append_many(rows)
    return judge(COMPARISON, DEMO, candidate, Results(store, DEMO.seeds))


def accuracies(method: str, ahead: float = 0.0) -> list[float]:
    """By seed, the mean over densities."""
    name = method if method in BASE else "mine"
    density = mean(0.8**power for power in DEMO.grid["resnet20"])
    return [BASE[name] + WOBBLE[name] * each * density + ahead for each in (0.4, 0.0, -0.3)]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("written")
    write_submission(folder / "mine", verdict(folder), CODE)
    return folder / "mine"


@pytest.fixture
def submission(written: Path, tmp_path: Path) -> Path:
    """A copy that may be changed."""
    return Path(shutil.copytree(written, tmp_path / "mine"))


def test_a_verdict_as_a_file(submission: Path) -> None:
    said = read_verdict(submission / "verdict.json")
    assert (said["comparison"], said["preset"]) == ("trained-tickets-3", "demo")
    assert said["fingerprint"] == COMPARISON.fingerprint(DEMO)
    assert said["method"] == {
        "name": "mine",
        "pruned_at": "init",
        "source": MINE.source,
        "checked": True,
    }
    assert said["rank"]["place"] == 2
    assert [each["baseline"] for each in said["over_densities"]] == [
        *("CTS-KL", "SNIP", "SynFlow", "Magnitude", "Random")
    ]
    assert said["over_densities"][0]["outcome"] == "worse"
    assert len(said["by_density"]) == 15
    assert len(points_in(submission / "verdict.json", said)) == 18
    assert [each["passes"] for each in said["sanity"]] == ["yes"] * 3
    assert said["missing"] == []


def test_a_whole_submission_passes(submission: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert {path.name for path in submission.iterdir()} == {"mine.py", "verdict.json", "rows.csv"}
    assert problems(submission) == []
    assert check([str(submission)]) == 0
    assert "agree" in capsys.readouterr().out


def edit_verdict(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    path = folder / "verdict.json"
    said = json.loads(path.read_text())
    change(said)
    path.write_text(json.dumps(said))


def edit_rows(folder: Path, old: str, new: str, count: int = 1) -> None:
    path = folder / "rows.csv"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, count))


def without_last_row(folder: Path) -> None:
    path = folder / "rows.csv"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))


def without_seed(folder: Path) -> None:
    edit_verdict(folder, lambda said: said.update(seeds=[0, 1]))


def better(said: dict[str, Any]) -> None:
    said["over_densities"][0]["mean"] = 5.0


DAMAGE: list[tuple[Callable[[Path], Any], str]] = [
    (
        lambda f: (f / "mine.py").write_bytes(CODE + b"x = 1"),
        "mine.py is not what was run: ",
    ),
    (lambda f: (f / "mine.py").unlink(), "has to hold one method file, it holds none"),
    (lambda f: (f / "other.py").write_text(""), "it holds mine.py, other.py"),
    (lambda f: (f / "rows.csv").unlink(), "there is no "),
    (lambda f: (f / "verdict.json").unlink(), "there is no "),
    (lambda f: (f / "verdict.json").write_text("{"), "verdict.json is not JSON: "),
    (lambda f: (f / "verdict.json").write_text("{}"), "verdict.json is no verdict: "),
    (
        lambda f: edit_verdict(f, lambda s: s.update(version=2)),
        "is of version 2; this reads",
    ),
    (lambda f: edit_verdict(f, lambda s: s.update(protocol=1)), "is of protocol 1, this is "),
    (lambda f: edit_verdict(f, lambda s: s.update(seeds="all")), "seeds is not a list"),
    (lambda f: edit_verdict(f, lambda s: s.update(sanity=[1])), "sanity is not a list of objects"),
    (lambda f: edit_verdict(f, lambda s: s["method"].update(name="|")), "method.name is not a m"),
    (lambda f: edit_verdict(f, lambda s: s["method"].update(pruned_at="")), "pruned_at is not one"),
    (lambda f: edit_verdict(f, lambda s: s.update(seeds=["0"])), "seeds are not whole numbers"),
    (lambda f: edit_verdict(f, lambda s: s.update(comparison="x")), "unknown comparison 'x'"),
    (
        lambda f: edit_verdict(f, lambda s: s.update(fingerprint="x")),
        "its fingerprint is 'x'",
    ),
    (lambda f: edit_verdict(f, better), "is not what its rows say: over_densities.0.mean is '5.0'"),
    (lambda f: edit_verdict(f, lambda s: s["points"].pop()), "points has 17 entries, not 18"),
    (lambda f: edit_verdict(f, lambda s: s.update(more=1)), "rows say: it lacks or adds more"),
    (lambda f: edit_rows(f, "291376,", "many,"), "column params_prunable: 'many' is not a whole"),
    (
        lambda f: edit_rows(f, ",resnet20,", ",vgg16,"),
        "model is 'vgg16', the comparison's is",
    ),
    (lambda f: edit_rows(f, ",48885,", ",99999,"), "99999 of 291376 weights is not 0.1678"),
    (without_last_row, "1 cells of the comparison have no row, the first is "),
    (without_seed, "seeds 2 of the comparison are missing"),
]


@pytest.mark.parametrize(("damage", "words"), DAMAGE, ids=[words for _, words in DAMAGE])
def test_each_failure_is_a_line(
    submission: Path, damage: Callable[[Path], Any], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    damage(submission)
    assert check([str(submission)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    lines = err.splitlines()
    assert all(line.startswith("error: ") for line in lines)
    assert any(words in line for line in lines)


def test_a_row_of_another_cell_and_one_twice_are_named(submission: Path) -> None:
    path = submission / "rows.csv"
    header, first, *_ = path.read_text().splitlines(keepends=True)
    key = first.split(",")[header.split(",").index("cell_key")]
    path.write_text(path.read_text() + first + first.replace(key, "f" * 16))
    found = problems(submission)
    assert "rows.csv has 1 rows of other cells, the first is ffffffffffffffff" in found
    assert f"rows.csv has cell {key} twice" in found


def test_what_is_not_whole_is_not_written(tmp_path: Path) -> None:
    whole = verdict(tmp_path)
    partly = replace(whole, missing=tuple(cells_of(COMPARISON.blocks(DEMO, MINE), [0])[:2]))
    with pytest.raises(BadInput, match="2 cells of the comparison have no row, the first is mine"):
        write_submission(tmp_path / "mine", partly, CODE)
    with pytest.raises(BadInput, match="a method of a file; mine is not"):
        write_submission(tmp_path / "mine", whole, None)
    assert not (tmp_path / "mine").exists()


def test_a_leaderboard_ranks_submissions_and_verdicts(
    submission: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = b"# another\n"
    best = Candidate("best", "init", source_hash(code))
    shutil.move(submission, tmp_path / "all" / "mine")
    write_submission(tmp_path / "all" / "best", verdict(tmp_path, best, ahead=5.0), code)
    bad = tmp_path / "all" / "bad"
    write_submission(bad, verdict(tmp_path, replace(best, name="bad"), ahead=5.5), code)
    (bad / "bad.py").write_text("changed")
    edited = content(verdict(tmp_path, replace(best, name="alone"), ahead=1.0))
    (tmp_path / "all" / "alone.json").write_text(json.dumps(edited))
    edited["method"]["name"], edited["missing"] = "partly", ["a cell"]
    (tmp_path / "all" / "partly.json").write_text(json.dumps(edited))
    (tmp_path / "all" / "foreign.json").write_text("[1]")

    assert leaderboard([str(tmp_path / "all"), f"--out={tmp_path / 'out'}"]) == 0
    out, err = capsys.readouterr()
    (warning,) = err.splitlines()
    assert "bad.py is not what was run" in warning
    text = (tmp_path / "out" / "leaderboard.md").read_text()
    assert text in out
    lines = [
        [cell.strip() for cell in line.split("|")[1:-1]]
        for line in text.splitlines()
        if line.startswith("|")
    ]
    header, _, *ranking = lines
    table = {line[1]: dict(zip(header, line, strict=True)) for line in ranking}
    assert [*table] == [
        *("best", "CTS-KL", "alone", "mine", "SNIP", "SynFlow", "Magnitude", "Random")
    ]
    assert table["best"]["beats"] == "5 of 5"
    assert table["best"]["behind"] == ""
    assert [table[name]["may be best"] for name in ("best", "SNIP")] == ["yes", "no"]
    values = [a - b for a, b in zip(accuracies("best", 5.0), accuracies("snip"), strict=True)]
    assert float(table["SNIP"]["p"]) == pytest.approx(7 * paired_p(values, "greater"), rel=0.01)
    assert table["mine"]["behind"].startswith("5.0")
    assert [table[name]["verified"] for name in ("best", "alone", "SNIP")] == [
        *("yes", "no", "baseline")
    ]
    assert table["mine"]["sanity"] == "3 of 3"
    assert "Not ranked, as cells have no result: partly (1)." in text
    page = (tmp_path / "out" / "leaderboard.html").read_text()
    assert "trained-tickets-3, preset demo" in page
    assert best.source in page


def test_two_files_of_one_name_are_told_apart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for i, code in enumerate((b"a", b"b")):
        candidate = replace(MINE, source=source_hash(code))
        write_submission(tmp_path / "all" / str(i), verdict(tmp_path, candidate), code)
    assert leaderboard([str(tmp_path / "all"), f"--out={tmp_path / 'out'}"]) == 0
    out = capsys.readouterr().out
    for code in (b"a", b"b"):
        assert f"mine ({source_hash(code)[:6]})" in out


def test_bad_input_to_a_leaderboard_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert leaderboard([str(tmp_path / "none")]) == 2
    assert leaderboard([str(tmp_path)]) == 2
    first, second = capsys.readouterr().err.splitlines()
    assert first == f"error: there is no folder {tmp_path / 'none'}"
    assert second.startswith(f"error: there is no verdict in {tmp_path}")
    assert check([str(tmp_path / "none")]) == 2
