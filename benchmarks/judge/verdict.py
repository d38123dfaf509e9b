"""What can be said about a method that was compared: from rows to tables, no training, no torch."""

import csv
import io
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace

from benchmarks.judge.differences import Difference, Rank, by_density, over_densities, rank
from benchmarks.judge.points import Point, points_of
from benchmarks.judge.remarks import (
    TEST,
    TEST_BY_DENSITY,
    inequalities,
    missing,
    reach,
    sanity_note,
    summary,
    unequal,
)
from benchmarks.judge.sanity import SanityCheck
from benchmarks.judge.tables import Section
from benchmarks.judge.tables.sanity import sanity_check, sanity_table
from benchmarks.judge.tables.verdict import (
    accuracy_table,
    cost_table,
    difference_table,
    ranking_table,
)
from benchmarks.plan.block import Block, Line
from benchmarks.plan.cell import Cell
from benchmarks.plan.comparison import Candidate, Comparison
from benchmarks.plan.presets import Preset
from benchmarks.plan.suites import cells_of
from benchmarks.results.lookup import Results
from benchmarks.results.store import Row


@dataclass(frozen=True)
class Verdict:
    """How a candidate stands in a comparison.

    Attributes:
        points: none where the candidate has no result.
        overall: the candidate minus each baseline over all densities; `differences` at each.
        checks: the sanity checks of its tickets, by model and density, as far as they were run.
        rows: all that it is made from, ablations included.
        missing: the cells without a result, but for inversions where no ticket has one.
        sections: all that is said of it.
    """

    comparison: Comparison
    preset: Preset
    candidate: Candidate
    seeds: tuple[int, ...]
    points: tuple[Point, ...]
    overall: tuple[Difference, ...]
    differences: tuple[Difference, ...]
    rank: Rank | None
    checks: Mapping[tuple[str, float], SanityCheck]
    rows: tuple[Row, ...]
    missing: tuple[Cell, ...]
    sections: tuple[Section, ...] = ()

    def csv(self) -> str:
        """The points as a CSV file, for the figure."""
        buffer = io.StringIO()
        names = [f.name for f in fields(Point) if f.name != "by_seed"]
        writer = csv.DictWriter(buffer, names, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(point) for point in self.points)
        return buffer.getvalue()


def judge(
    comparison: Comparison,
    preset: Preset,
    candidate: Candidate,
    results: Results,
    asked: Collection[Cell] | None = None,
) -> Verdict:
    """Compare a candidate with the baselines by the rows that there are.

    Args:
        asked: the cells whose absence is listed one by one; by default all of the comparison's.
    """
    blocks = comparison.blocks(preset, candidate)
    points = points_of(_tickets(blocks, results), candidate)
    if not any(point.candidate for point in points):
        points = []
    overall = over_densities(points)
    checkable = [_checkable(block, results) for block in blocks]
    used = [row for block in blocks for line in block.lines for row in results.rows(line.cell)]
    done = {row["cell_key"] for row in used}
    verdict = Verdict(
        comparison,
        preset,
        candidate,
        tuple(results.seeds),
        tuple(points),
        overall,
        by_density(points),
        rank(overall),
        {key: found for block in checkable for key, found in _checks(block, results).items()},
        tuple(used),
        tuple(cell for cell in cells_of(checkable, results.seeds) if cell.key not in done),
    )
    everything = cells_of(blocks, results.seeds)
    lost = missing(everything if asked is None else asked, everything, used)
    if not points:
        return replace(verdict, sections=(_outcome(verdict, [], lost),))
    unlike = inequalities(points, _tickets(blocks, results))
    sections = (
        _outcome(verdict, unlike, lost),
        *_at_each_sparsity(verdict),
        _sanity(candidate, checkable, results),
        _cost(verdict),
    )
    return replace(verdict, sections=sections)


def _tickets(blocks: Sequence[Block], results: Results) -> list[tuple[Line, list[Row]]]:
    return [
        (line, rows)
        for block in blocks
        for line in block.tickets
        if (rows := results.rows(line.cell))
    ]


def _outcome(verdict: Verdict, unlike: Sequence[str], lost: Sequence[str]) -> Section:
    """The ranking; without a table where the candidate has no result."""
    name, points, overall = verdict.candidate.name, verdict.points, verdict.overall
    comparison, preset = verdict.comparison, verdict.preset
    tables = (ranking_table(name, points, overall, verdict.rank),) if points else ()
    tested = (f"{TEST} {reach(overall)}", *unequal(overall)) if points else ()
    about = f"{comparison.name}: {comparison.title}; {preset.description}."
    return Section(
        f"{name} in {comparison.name}, preset {preset.name}",
        tables,
        (*tested, about, *unlike, *lost),
        lead=summary(verdict.candidate, points, overall, verdict.rank),
    )


def _at_each_sparsity(verdict: Verdict) -> tuple[Section, ...]:
    """None where there is one alone, of which the ranking says all."""
    if len({(point.model, point.density) for point in verdict.points}) < 2:
        return ()
    tables = [accuracy_table(verdict.points)]
    if verdict.differences:
        tables.append(difference_table(verdict.differences))
    heading = f"{verdict.candidate.name}: at each sparsity"
    return (Section(heading, tuple(tables), (TEST_BY_DENSITY,) if tables[1:] else ()),)


def _checkable(block: Block, results: Results) -> Block:
    """Without inversions that have no rows: a ticket without scores cannot be inverted."""
    lines = [
        line
        for line in block.lines
        if line.cell and (line.cell.ablation != "invert" or results.rows(line.cell))
    ]
    return replace(block, lines=tuple(lines))


def _checks(block: Block, results: Results) -> dict[tuple[str, float], SanityCheck]:
    found = {}
    for cell in (line.cell for line in block.tickets):
        if cell and cell.density and (check := sanity_check(cell, block, results)) and check.gains:
            found[cell.model, cell.density] = check
    return found


def _sanity(candidate: Candidate, blocks: Sequence[Block], results: Results) -> Section:
    checks = [sanity_table(block, results) for block in blocks]
    tables = tuple(table for table in checks if table.lines)
    return Section(f"{candidate.name}: sanity checks", tables, (sanity_note(candidate, checks),))


def _cost(verdict: Verdict) -> Section:
    note = (
        "On the front: no other method at this sparsity is as accurate in fewer epochs, or "
        "more accurate in as many. Epochs count the images that a method draws from its data, "
        "in units of the training set; times are of the machines that made the rows."
    )
    heading = f"{verdict.candidate.name}: accuracy against cost"
    return Section(heading, (cost_table(verdict.points),), (note,))
