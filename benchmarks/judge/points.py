"""Where methods stand: one point for each at each density, from the rows of a comparison."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import mean

from benchmarks.plan.block import Line
from benchmarks.plan.cell import PROTOCOL
from benchmarks.plan.comparison import Candidate
from benchmarks.results.store import Row
from lottery.core.choices import PrunedAt
from lottery.core.summary import interval


@dataclass(frozen=True)
class Point:
    """One method at one density.

    Attributes:
        candidate: whether it is the method that is compared.
        accuracy: mean over seeds, in percent; `low` and `high` are the ends of its interval.
        epochs: passes over the training set, search and training together.
        seconds: the same in wall time.
        on_front: no other method at this density is as accurate for less, or better for as much.
        by_seed: accuracy.
        checked: whether the sanity checks apply to the candidate.
    """

    label: str
    candidate: bool
    method: str
    objective: str
    options: str
    pruned_at: PrunedAt
    source: str
    model: str
    dataset: str
    density: float
    seeds: int
    accuracy: float
    low: float
    high: float
    search_epochs: float
    train_epochs: float
    epochs: float
    seconds: float
    on_front: bool
    by_seed: Mapping[int, float]
    checked: bool
    protocol: int = PROTOCOL


def points_of(tickets: Iterable[tuple[Line, list[Row]]], candidate: Candidate) -> list[Point]:
    """One for each ticket's line, from its rows."""
    points = [_point(line, rows, candidate) for line, rows in tickets]
    return [replace(point, on_front=_on_front(point, points)) for point in points]


def _point(line: Line, rows: Sequence[Row], candidate: Candidate) -> Point:
    cell = line.cell
    assert cell is not None
    assert cell.density is not None
    by_seed = {int(row["seed"]): float(row["accuracy"]) for row in rows}
    accuracy, low, high = interval(list(by_seed.values()))
    search, train, search_seconds, train_seconds = (
        mean(float(row[name]) for row in rows)
        for name in ("search_epochs", "train_epochs", "search_seconds", "train_seconds")
    )
    return Point(
        label=line.label,
        candidate=line.label == cell.method == candidate.name,
        method=cell.method,
        objective=rows[0]["objective"],
        options=rows[0]["options"],
        pruned_at=cell.pruned_at,
        source=cell.source,
        model=cell.model,
        dataset=cell.dataset,
        density=cell.density,
        seeds=len(rows),
        accuracy=accuracy,
        low=low,
        high=high,
        search_epochs=search,
        train_epochs=train,
        epochs=search + train,
        seconds=search_seconds + train_seconds,
        on_front=False,
        by_seed=by_seed,
        checked=candidate.checked,
    )


def _on_front(point: Point, points: Iterable[Point]) -> bool:
    """Whether a point is on the Pareto front of accuracy against epochs at its density."""
    return not any(
        other.accuracy >= point.accuracy
        and other.epochs <= point.epochs
        and (other.accuracy, other.epochs) != (point.accuracy, point.epochs)
        for other in points
        if (other.model, other.density) == (point.model, point.density)
    )
