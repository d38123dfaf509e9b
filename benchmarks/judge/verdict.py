"""What can be said about a method that was compared: from rows to tables, no training, no torch."""

import csv
import io
import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import get_args

from benchmarks.judge.points import Difference, Outcome, Point, compare, points_of
from benchmarks.judge.statistics import FEW
from benchmarks.judge.tables import Section, Table
from benchmarks.judge.tables.notes import unlike
from benchmarks.judge.tables.sanity import sanity_table
from benchmarks.judge.tables.text import minutes
from benchmarks.plan.block import Block, Line
from benchmarks.plan.cell import Cell
from benchmarks.plan.comparison import Candidate, Comparison
from benchmarks.plan.presets import Preset
from benchmarks.plan.suites import cells_of
from benchmarks.results.lookup import Results
from benchmarks.results.store import Row
from lottery.core.summary import LEVEL, least_difference, removed

TEST = (
    f"Better and worse are by a two-sided paired t-test over seeds at {LEVEL:.0%}, corrected for "
    "the number of comparisons by Holm's method. A difference that passes before the correction "
    f"alone, or has no spread to test, is {FEW!r}. Intervals are 95%, by Student's t, uncorrected."
)


@dataclass(frozen=True)
class Verdict:
    """How a candidate stands in a comparison.

    Attributes:
        rows: all that it is made from, ablations included.
    """

    points: tuple[Point, ...]
    differences: tuple[Difference, ...]
    sections: tuple[Section, ...]
    rows: tuple[Row, ...]

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
) -> Verdict:
    """Compare a candidate with the baselines by the rows that there are."""
    blocks = comparison.blocks(preset, candidate)
    used = [row for block in blocks for line in block.lines for row in results.rows(line.cell)]
    tickets = [
        (line, rows)
        for block in blocks
        for line in block.tickets
        if (rows := results.rows(line.cell))
    ]
    points = points_of(tickets, candidate)
    differences = compare(points)
    outcome = Section(
        f"{candidate.name} in {comparison.name}, preset {preset.name}",
        (_accuracy_table(points), _difference_table(differences)),
        (
            f"{TEST} {_power(differences)}",
            f"{comparison.name}: {comparison.title}; {preset.description}.",
            *_notes(points, tickets),
            *_missing(cells_of(blocks, results.seeds), used),
        ),
        lead=summary(candidate, differences),
    )
    checks = [_sanity(block, results) for block in blocks]
    sanity = Section(
        f"{candidate.name}: sanity checks",
        tuple(table for table in checks if table.lines),
        (_sanity_note(candidate, checks),),
    )
    cost = Section(
        f"{candidate.name}: accuracy against cost",
        (_cost_table(points),),
        (
            "On the front: no other method at this sparsity is as accurate in fewer epochs, or "
            "more accurate in as many. Epochs count the images that a method draws from its data, "
            "in units of the training set; times are of the machines that made the rows.",
        ),
    )
    return Verdict(tuple(points), differences, (outcome, sanity, cost), tuple(used))


def summary(candidate: Candidate, differences: Sequence[Difference]) -> str:
    """The verdict in a sentence."""
    if not differences:
        return f"{candidate.name}: nothing to compare yet."
    counts = Counter(difference.outcome for difference in differences)
    said = ", ".join(f"{counts[word]} {word}" for word in get_args(Outcome) if counts[word])
    return f"{candidate.name} against the baselines, {len(differences)} comparisons: {said}."


def _power(differences: Sequence[Difference]) -> str:
    seeds = min((d.seeds for d in differences), default=0)
    if seeds < 2:
        return f"With fewer than two seeds nothing can be told: {FEW}."
    least = least_difference(seeds, len(differences))
    return (
        f"With {seeds} seeds and {len(differences)} comparisons, the clearest difference is told "
        f"from chance if its mean is at least {least:.1f} times its standard deviation over seeds."
    )


def _notes(points: Sequence[Point], tickets: Sequence[tuple[Line, list[Row]]]) -> list[str]:
    """What is not equal between the candidate's rows and the baselines', as the rows say."""
    rows = [row for _, found in tickets for row in found]
    trained, usual = (
        {f"{point.train_epochs:.4f}" for point in points if point.candidate is which}
        for which in (True, False)
    )
    notes = []
    if trained and usual and trained - usual:
        notes.append(
            "Marked: the method is not trained by the comparison's recipe (its rows have "
            f"{' and '.join(sorted(trained))} epochs of training, the baselines' "
            f"{' and '.join(sorted(usual))}): it trains weights of its own, or its weights stay "
            "frozen."
        )
    starts = defaultdict[tuple[str, str], set[str]](set)
    for row in rows:
        starts[row["seed"], row["pruned_at"]].add(row["weights_sha256"])
    if different := [f"seed {s} at {at}" for (s, at), found in starts.items() if len(found) > 1]:
        notes.append(f"Marked: not all rows start from the same weights ({', '.join(different)}).")
    return [*notes, *unlike(rows)]


def _missing(cells: Sequence[Cell], rows: Sequence[Row]) -> list[str]:
    """The cells without a row, as one note."""
    done = {row["cell_key"] for row in rows}
    cells = [cell for cell in cells if cell.key not in done]
    if not cells:
        return []
    by_name = defaultdict[str, list[str]](list)
    for cell in cells:
        by_name[replace(cell, seed=0).describe().removesuffix(" seed 0")].append(str(cell.seed))
    names = "; ".join(f"{name}, seed {' '.join(found)}" for name, found in by_name.items())
    return [f"Without a result, failed or not yet run ({len(cells)} cells): {names}."]


def _sanity(block: Block, results: Results) -> Table:
    """The sanity checks; a ticket without scores cannot be inverted, and has no rows of that."""
    lines = [
        line
        for line in block.lines
        if line.cell and (line.cell.ablation != "invert" or results.rows(line.cell))
    ]
    return sanity_table(replace(block, lines=tuple(lines)), results)


def _sanity_note(candidate: Candidate, checks: Sequence[Table]) -> str:
    if not candidate.checked:
        return "Not run: the method trains weights of its own, so there is no ticket to ablate."
    if not any(table.lines for table in checks):
        return "Not yet run."
    return (
        "A ticket passes if it is more accurate than each of its ablations (one-sided paired "
        f"t-test over seeds, {LEVEL:.0%} for each). No: an ablation is as accurate on average, or "
        "more. Not told apart: the ticket is ahead of all, but not by enough."
    )


def _accuracy_table(points: Sequence[Point]) -> Table:
    """Mean and interval by method and sparsity."""
    columns = sorted(
        {(point.model, point.density) for point in points}, key=lambda c: (c[0], -c[1])
    )
    several = len({model for model, _ in columns}) > 1
    by_label = defaultdict[str, dict[tuple[str, float], str]](dict)
    for point in points:
        by_label[point.label][point.model, point.density] = _with_interval(point, ".1f")
    headers = [f"{model + ' ' if several else ''}{removed(d)}" for model, d in columns]
    lines = [[label, *(found.get(c, "") for c in columns)] for label, found in by_label.items()]
    return Table(["accuracy %", *headers], lines)


def _difference_table(differences: Sequence[Difference]) -> Table:
    headers = [
        "compared with",
        "model",
        "sparsity",
        "difference",
        "corrected p",
        "seeds",
        "outcome",
    ]
    return Table(
        headers,
        [
            [
                d.baseline,
                d.model,
                removed(d.density),
                _with_interval(d, "+.1f") if d.seeds else "",
                "" if math.isnan(d.p) else f"{d.p:.2g}",
                str(d.seeds),
                d.outcome,
            ]
            for d in differences
        ],
    )


def _cost_table(points: Sequence[Point]) -> Table:
    headers = [
        "method", "model", "sparsity", "accuracy %", "search epochs", "train epochs", "time",
        "on the front",
    ]  # fmt: skip
    return Table(
        headers,
        [
            [
                p.label,
                p.model,
                removed(p.density),
                f"{p.accuracy:.1f}",
                f"{p.search_epochs:.1f}",
                f"{p.train_epochs:.1f}",
                minutes(p.seconds / 60),
                "yes" if p.on_front else "no",
            ]
            for p in points
        ],
    )


def _with_interval(thing: Point | Difference, form: str) -> str:
    centre = thing.accuracy if isinstance(thing, Point) else thing.mean
    if math.isnan(thing.low):
        return f"{centre:{form}}"
    return f"{centre:{form}} [{thing.low:{form}}, {thing.high:{form}}]"
