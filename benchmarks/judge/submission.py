"""A submission: one folder with a method's file, its verdict and the rows that it was made from."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.judge.verdict import Verdict, judge
from benchmarks.judge.verdict_file import METHOD, content, read_verdict, to_json
from benchmarks.plan.cell import PROTOCOL, Cell, source_hash
from benchmarks.plan.comparison import Candidate, Comparison, get_comparison
from benchmarks.plan.presets import Preset
from benchmarks.plan.suites import cells_of
from benchmarks.results.columns import HEADER
from benchmarks.results.lookup import Results
from benchmarks.results.store import Row, Store
from lottery.core.csv_table import csv_line, read_regular
from lottery.core.errors import BadInput, shown
from lottery.core.files import replacing, write_text

VERDICT, ROWS = "verdict.json", "rows.csv"
# What of a row its cell determines, beside the key.
OF_CELL = "method model dataset preset pruned_at ablation source".split()
CLOSE = {"rel_tol": 1e-6, "abs_tol": 1e-9}


def write_submission(folder: Path, verdict: Verdict, code: bytes | None) -> None:
    """Write a submission.

    Args:
        code: the method's file.

    Raises:
        BadInput: the method is not of a file, or cells of the comparison have no result.
    """
    name = verdict.candidate.name
    if code is None:
        raise BadInput(f"a submission is a method of a file; {name} is not")
    if problem := _incomplete(verdict, verdict.preset.seeds):
        raise BadInput(f"no submission was written: {problem}")
    with replacing(folder / f"{name}.py") as temporary:
        temporary.write_bytes(code)
    write_text(folder / ROWS, "".join(map(csv_line, [HEADER, *_values(verdict.rows)])))
    write_text(folder / VERDICT, to_json(verdict))


def _values(rows: Sequence[Row]) -> Iterator[list[str]]:
    return ([row[name] for name in HEADER] for row in rows)


def problems(folder: Path) -> list[str]:
    """What is wrong with a submission, a line each; nothing is run, and nothing written."""
    try:
        return list(_problems(folder))
    except BadInput as error:
        return [str(error)]


def _problems(folder: Path) -> Iterator[str]:
    said = read_verdict(folder / VERDICT)
    if said["protocol"] != PROTOCOL:
        yield f"{VERDICT} is of protocol {said['protocol']}, this is {PROTOCOL}"
        return
    candidate = Candidate(**{name: said["method"][name] for name in METHOD})
    yield from _file_problems(folder, candidate)
    comparison = get_comparison(said["comparison"])
    preset = comparison.preset(said["preset"])
    fingerprint = comparison.fingerprint(preset)
    if said["fingerprint"] != fingerprint:
        yield (
            f"{VERDICT} is of another {comparison.name}, preset {preset.name}: its fingerprint is "
            f"{shown(said['fingerprint'])}, here it is {fingerprint}"
        )
        return
    yield from _result_problems(folder / ROWS, said, comparison, preset, candidate)


def _file_problems(folder: Path, candidate: Candidate) -> Iterator[str]:
    files = sorted(folder.glob("*.py"))
    if len(files) != 1:
        names = ", ".join(file.name for file in files) or "none"
        yield f"{folder} has to hold one method file, it holds {names}"
        return
    source = source_hash(read_regular(files[0]) or b"")
    if source != candidate.source:
        yield (
            f"{files[0].name} is not what was run: its hash is {source}, {VERDICT} and the rows "
            f"are of {shown(candidate.source)}"
        )


def _result_problems(
    path: Path, said: Mapping[str, Any], comparison: Comparison, preset: Preset, mine: Candidate
) -> Iterator[str]:
    if not path.is_file():
        yield f"there is no {path}"
        return
    seeds = said["seeds"]
    if not all(type(seed) is int and seed >= 0 for seed in seeds):
        yield f"{VERDICT}: seeds are not whole numbers"
        return
    store = Store(path)
    cells = {cell.key: cell for cell in cells_of(comparison.blocks(preset, mine), seeds)}
    rows = store.all_rows()
    yield from _row_problems(rows, cells)
    verdict = judge(comparison, preset, mine, Results(store, seeds))
    if problem := _incomplete(verdict, preset.seeds):
        yield problem
    if (difference := _difference(content(verdict), said)) is not None:
        yield f"{VERDICT} is not what its rows say: {difference}"


def _row_problems(rows: Sequence[Row], cells: Mapping[str, Cell]) -> Iterator[str]:
    """Rows of other cells or protocols, twice, or that contradict their own cell."""
    others = [row["cell_key"] for row in rows if row["cell_key"] not in cells]
    if others:
        yield f"{ROWS} has {len(others)} rows of other cells, the first is {others[0]}"
    twice = [key for key, count in Counter(row["cell_key"] for row in rows).items() if count > 1]
    if twice:
        yield f"{ROWS} has cell {twice[0]} twice"
    for row in rows:
        if (cell := cells.get(row["cell_key"])) is not None:
            yield from _contradictions(row, cell)


def _contradictions(row: Row, cell: Cell) -> Iterator[str]:
    assert cell.density is not None
    wanted = {name: getattr(cell, name) for name in OF_CELL}
    wanted |= {"seed": str(cell.seed), "protocol": str(PROTOCOL)}
    for name, value in wanted.items():
        if row[name] != value:
            said = f"{name} is {shown(row[name])}, the comparison's is {shown(value)}"
            yield f"{ROWS}, cell {cell.key}: {said}"
    kept, prunable = int(row["params_kept"]), int(row["params_prunable"])
    if abs(kept - cell.density * prunable) > 1:
        yield f"{ROWS}, cell {cell.key}: {kept} of {prunable} weights is not {cell.density:.4g}"
    for name, density in (("density", kept / prunable), ("density_requested", cell.density)):
        if not row[name] or not math.isclose(float(row[name]), density, **CLOSE):
            yield f"{ROWS}, cell {cell.key}: {name} is {shown(row[name])}, not {density:.9g}"


def _incomplete(verdict: Verdict, seeds: Sequence[int]) -> str:
    """Which of the comparison's seeds or cells are not there; empty where all are."""
    if lost := [str(seed) for seed in seeds if seed not in verdict.seeds]:
        return f"seeds {' '.join(lost)} of the comparison are missing"
    if not verdict.missing:
        return ""
    first = verdict.missing[0].describe()
    return f"{len(verdict.missing)} cells of the comparison have no row, the first is {first}"


def _difference(mine: Any, theirs: Any, where: str = "") -> str | None:
    """The first place in which two contents differ; None where they are the same."""
    match mine, theirs:
        case dict(), dict():
            if names := mine.keys() ^ theirs.keys():
                return f"{where or 'it'} lacks or adds {', '.join(sorted(names))}"
            inner = [(name, mine[name], theirs[name]) for name in mine]
        case list(), list():
            if len(mine) != len(theirs):
                return f"{where} has {len(theirs)} entries, not {len(mine)}"
            inner = [(str(i), *pair) for i, pair in enumerate(zip(mine, theirs, strict=True))]
        case _:
            said = f"{where} is {_short(theirs)}, not {_short(mine)}"
            return None if _same(mine, theirs) else said
    found = (_difference(a, b, f"{where}.{name}".removeprefix(".")) for name, a, b in inner)
    return next((each for each in found if each is not None), None)


def _same(mine: Any, theirs: Any) -> bool:
    numbers = all(type(value) in (int, float) for value in (mine, theirs))
    return math.isclose(mine, theirs, **CLOSE) if numbers else bool(mine == theirs)


def _short(value: Any) -> str:
    return shown(str(value))
