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
from benchmarks.plan.block import Block
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
        missing: how many of the comparison's cells have no result.
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
    sections: tuple[Section, ...]
    rows: tuple[Row, ...]
    missing: int

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
        asked: the cells whose absence is told one by one; by default all of the comparison's.
    """
    blocks = comparison.blocks(preset, candidate)
    tickets = [
        (line, rows)
        for block in blocks
        for line in block.tickets
        if (rows := results.rows(line.cell))
    ]
    used = [row for block in blocks for line in block.lines for row in results.rows(line.cell)]
    everything = cells_of(blocks, results.seeds)
    lost = missing(everything if asked is None else asked, everything, used)
    points = points_of(tickets, candidate)
    if not any(point.candidate for point in points):
        points = []
    overall, differences = over_densities(points), by_density(points)
    place, checkable = rank(overall), [_checkable(block, results) for block in blocks]
    outcome = Section(
        f"{candidate.name} in {comparison.name}, preset {preset.name}",
        (ranking_table(candidate.name, points, overall, place),) if points else (),
        (
            *((f"{TEST} {reach(overall)}", *unequal(overall)) if points else ()),
            f"{comparison.name}: {comparison.title}; {preset.description}.",
            *(inequalities(points, tickets) if points else ()),
            *lost,
        ),
        lead=summary(candidate, points, overall, place),
    )
    sections = (outcome, *_at_each_sparsity(candidate, points, differences))
    if points:
        sections += (_sanity(candidate, checkable, results), _cost(candidate, points))
    done = {row["cell_key"] for row in used}
    return Verdict(
        comparison,
        preset,
        candidate,
        tuple(results.seeds),
        tuple(points),
        overall,
        differences,
        place,
        {key: found for block in checkable for key, found in _checks(block, results).items()},
        sections,
        tuple(used),
        sum(cell.key not in done for cell in everything),
    )


def _at_each_sparsity(
    candidate: Candidate, points: Sequence[Point], differences: Sequence[Difference]
) -> tuple[Section, ...]:
    """None where there is one alone, of which the ranking says all."""
    if len({(point.model, point.density) for point in points}) < 2:
        return ()
    tables = (accuracy_table(points), difference_table(differences))
    notes = (TEST_BY_DENSITY,) if differences else ()
    heading = f"{candidate.name}: at each sparsity"
    return (Section(heading, tables if differences else tables[:1], notes),)


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


def _cost(candidate: Candidate, points: Sequence[Point]) -> Section:
    note = (
        "On the front: no other method at this sparsity is as accurate in fewer epochs, or "
        "more accurate in as many. Epochs count the images that a method draws from its data, "
        "in units of the training set; times are of the machines that made the rows."
    )
    return Section(f"{candidate.name}: accuracy against cost", (cost_table(points),), (note,))
