"""What is said of a comparison in words: its verdict, what was tested, what is missing."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import get_args

from benchmarks.judge.differences import Difference, Outcome, Rank
from benchmarks.judge.points import Point
from benchmarks.judge.statistics import FEW, POWER
from benchmarks.judge.tables.notes import unlike
from benchmarks.judge.tables.sections import Table
from benchmarks.plan.block import Line
from benchmarks.plan.cell import Cell
from benchmarks.plan.comparison import Candidate
from benchmarks.results.store import Row
from lottery.core.summary import LEVEL, least_difference

TEST = (
    "Difference: this method minus the baseline, in points: of every seed the mean over "
    "sparsities, then the mean over seeds with its 95% interval (Student's t, uncorrected). Better "
    f"and worse: a two-sided paired t-test over seeds at {LEVEL:.0%}, corrected for the number of "
    "baselines by Hochberg's method. A difference that passes before the correction alone, or has "
    f"no spread to test, is {FEW!r}. Seeds needed: how many would detect it in {POWER:.0%} of "
    "cases if it and its spread are as measured. docs/verdict.md says how far to trust this."
)
TEST_BY_DENSITY = (
    "The same test at each sparsity, corrected for the number of all of these comparisons "
    "together, apart from those above."
)
PHRASES: Mapping[Outcome, str] = {
    "better": "better than",
    "worse": "worse than",
    "indistinguishable": "indistinguishable from",
    "equal on every seed": "equal on every seed to",
    "not enough seeds to tell": "not enough seeds to tell from",
}


def summary(
    candidate: Candidate,
    points: Sequence[Point],
    overall: Sequence[Difference],
    place: Rank | None,
) -> str:
    """The verdict in a sentence."""
    if not points:
        return f"{candidate.name}: no result yet."
    if place is None:
        return f"{candidate.name}: nothing to compare it with yet."
    told = defaultdict[Outcome, list[str]](list)
    for difference in overall:
        told[difference.outcome].append(difference.baseline)
    said = "; ".join(
        f"{PHRASES[word]} {', '.join(told[word])}" for word in get_args(Outcome) if told[word]
    )
    return f"{candidate.name} is {standing(place)}: {said}."


def standing(place: Rank) -> str:
    """A rank in words."""
    by_tests = f"{place.best} to {place.worst}" if place.best < place.worst else str(place.best)
    return f"number {place.place} of {place.of} by mean accuracy (by the tests {by_tests})"


def reach(overall: Sequence[Difference]) -> str:
    """How large a difference has to be."""
    seeds, count = min((d.seeds for d in overall), default=0), len(overall)
    if seeds < 2:
        return f"With fewer than two seeds nothing is tested: {FEW}."
    return (
        f"With {seeds} seeds a difference is significant at {least_difference(seeds, count):.1f} "
        "times its own standard deviation over seeds; where all the others are, too, at "
        f"{least_difference(seeds, 1):.1f} times."
    )


def unequal(overall: Sequence[Difference]) -> list[str]:
    """Whose mean is over fewer densities than the others'."""
    most = max((d.densities for d in overall), default=0)
    few = [f"{d.baseline} ({d.densities})" for d in overall if d.densities < most]
    return [f"Over fewer than {most} sparsities: {', '.join(few)}."] if few else []


def inequalities(points: Sequence[Point], tickets: Sequence[tuple[Line, list[Row]]]) -> list[str]:
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


def missing(
    asked: Collection[Cell], everything: Collection[Cell], rows: Sequence[Row]
) -> list[str]:
    """The cells that were asked for and have no row, and how many others have none, as a note."""
    done, wanted = {row["cell_key"] for row in rows}, {cell.key for cell in asked}
    lost = [cell for cell in everything if cell.key not in done]
    by_name = defaultdict[str, list[str]](list)
    for cell in lost:
        if cell.key in wanted:
            name = replace(cell, seed=0).describe().removesuffix(" seed 0")
            by_name[name].append(str(cell.seed))
    others = sum(cell.key not in wanted for cell in lost)
    if not by_name:
        return [f"{others} cells of the comparison have no result."] if others else []
    names = "; ".join(f"{name}, seed {' '.join(found)}" for name, found in by_name.items())
    said = f"Without a result, failed or not yet run ({len(lost) - others} cells): {names}."
    return [said, *([f"Another {others} were not asked for."] if others else [])]


def sanity_note(candidate: Candidate, checks: Sequence[Table]) -> str:
    if not candidate.checked:
        return "Not run: the method trains weights of its own, so there is no ticket to ablate."
    if not any(table.lines for table in checks):
        return "Not yet run."
    return (
        "A ticket passes if it is more accurate than each of its ablations (one-sided paired "
        f"t-test over seeds, {LEVEL:.0%} for each). No: an ablation is as accurate on average, or "
        "more. Indistinguishable: the ticket is ahead of all, but not by enough."
    )
