"""A leaderboard: the methods of many verdicts in one ranking, for each comparison and preset."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean
from typing import Any

from benchmarks.judge.differences import Difference, over_densities
from benchmarks.judge.points import Point
from benchmarks.judge.statistics import paired_p
from benchmarks.judge.tables.sections import Section, Table
from benchmarks.judge.tables.text import NONE
from benchmarks.judge.tables.verdict import with_interval
from benchmarks.judge.verdict_file import points_in
from lottery.core.summary import LEVEL, removed

NOTE = (
    "Ranked by mean accuracy over the sparsities. Behind: the first's accuracy minus the method's, "
    "paired by seed, with a 95% interval. May be best: no, if a one-sided paired t-test over all "
    "sparsities says that the first is ahead, with p times the number of the other methods: the "
    "truly best is denied it in at most one leaderboard of twenty, although the same numbers "
    "choose the first (multiple comparisons with the best, Hsu 1984). Beats: how many of the "
    "comparison's baselines, by the method's own verdict. Sanity: at how many sparsities the "
    "sanity checks are passed. Verified: the folder passes check-submission; otherwise the verdict "
    "stands alone. docs/verdict.md says more."
)


@dataclass(frozen=True)
class Entry:
    """A verdict's file.

    Attributes:
        verified: whether it is of a submission that was checked.
    """

    path: Path
    said: Mapping[str, Any]
    points: tuple[Point, ...]
    verified: bool

    @property
    def name(self) -> str:
        return str(self.said["method"]["name"])

    @property
    def source(self) -> str:
        return str(self.said["method"]["source"])

    @property
    def kind(self) -> tuple[str, str, str, int]:
        """What has to agree in verdicts that are ranked together."""
        said = self.said
        return said["comparison"], said["preset"], said["fingerprint"], said["protocol"]


def entry(path: Path, said: Mapping[str, Any], *, verified: bool) -> Entry:
    """A verdict's file as it was read.

    Raises:
        BadInput: its points are none.
    """
    return Entry(path, said, tuple(points_in(path, said)), verified)


def leaderboards(entries: Iterable[Entry]) -> list[tuple[Section, Table]]:
    """For each comparison and preset the ranking, and where each verdict comes from."""
    groups = defaultdict[tuple[str, str, str, int], list[Entry]](list)
    for each in entries:
        groups[each.kind].append(each)
    return [_leaderboard(groups[kind]) for kind in sorted(groups)]


def _leaderboard(entries: Sequence[Entry]) -> tuple[Section, Table]:
    name, preset, fingerprint, protocol = entries[0].kind
    ranked, left_out = _distinct(entries)
    notes = [NOTE, f"Fingerprint {fingerprint}, protocol {protocol}."]
    if left_out:
        notes.append(f"Not ranked, as cells have no result: {', '.join(left_out)}.")
    tables = (_ranking(ranked),) if ranked else ()
    if spread := _spread(list(ranked.values())):
        notes.append(spread)
    heading = f"{name}, preset {preset}"
    lead = f"Methods beside the baselines: {len(ranked)}."
    return Section(heading, tables, tuple(notes), lead), _provenance(entries)


def _distinct(entries: Sequence[Entry]) -> tuple[dict[str, Entry], list[str]]:
    """Complete verdicts by label, of each version of a method that with most seeds; and the names
    of those that are not complete. A name that stands for several files has its hash behind it."""
    best: dict[tuple[str, str], Entry] = {}
    for each in sorted(entries, key=lambda e: (e.verified, len(e.said["seeds"]))):
        if not each.said["missing"]:
            best[each.name, each.source] = each
    names = [name for name, _ in best]
    labels = {
        f"{name} ({source[:6]})" if names.count(name) > 1 else name: each
        for (name, source), each in sorted(best.items())
    }
    done = {key for key, _ in best.items()}
    lost = {
        f"{e.name} ({len(e.said['missing'])})" for e in entries if (e.name, e.source) not in done
    }
    return labels, sorted(lost)


def _ranking(entries: Mapping[str, Entry]) -> Table:
    points = {
        label: [replace(p, label=label) for p in each.points if p.candidate]
        for label, each in entries.items()
    }
    for label, theirs in _baselines(list(entries.values())).items():
        points.setdefault(label, theirs)
    order = sorted(points, key=lambda label: -mean(p.accuracy for p in points[label]))
    behind = _behind(order[0], points)
    columns = sorted({(p.model, p.density) for p in points[order[0]]}, key=lambda c: (c[0], -c[1]))
    several = len({model for model, _ in columns}) > 1
    lines = [
        [
            str(place + 1),
            label,
            f"{mean(p.accuracy for p in points[label]):.1f}",
            *_behind_texts(behind.get(label), len(order) - 1),
            *(_own(entries[label].said) if label in entries else (NONE, NONE)),
            *(_at(points[label], column) for column in columns),
            f"{mean(p.epochs for p in points[label]):.1f}",
            str(min(p.seeds for p in points[label])),
            ("yes" if entries[label].verified else "no") if label in entries else "baseline",
        ]
        for place, label in enumerate(order)
    ]
    sparsities = [f"{model + ' ' if several else ''}{removed(d)}" for model, d in columns]
    own = ("beats", "sanity")
    headers = ["rank", "method", "accuracy %", "behind", "p", "may be best", *own, *sparsities]
    return Table([*headers, "epochs", "seeds", "verified"], lines)


def _baselines(entries: Sequence[Entry]) -> dict[str, list[Point]]:
    """Each baseline as the verdict with most seeds has it."""
    found: dict[str, list[Point]] = {}
    for each in sorted(entries, key=lambda e: -len(e.said["seeds"])):
        mine = defaultdict[str, list[Point]](list)
        for point in each.points:
            if not point.candidate:
                mine[point.label].append(point)
        found = {**mine, **found}
    return found


def _behind(first: str, points: Mapping[str, Sequence[Point]]) -> dict[str, Difference]:
    """The first's accuracy minus that of every other, over all densities."""
    everything = [
        replace(point, label=label, candidate=label == first)
        for label, found in points.items()
        for point in found
    ]
    return {d.baseline: d for d in over_densities(everything)}


def _behind_texts(difference: Difference | None, others: int) -> tuple[str, str, str]:
    """By how much it is behind the first, the p-value of not being the best, and whether it may
    be: Bonferroni's correction holds whichever method the others are compared with."""
    if difference is None or not difference.seeds:
        return "", "", "yes"
    behind = with_interval(difference, ".1f")
    p = paired_p([*difference.by_seed.values()], "greater")
    if math.isnan(p):
        return behind, "", "yes"
    corrected = min(1.0, others * p)
    return behind, f"{corrected:.2g}", "no" if corrected < LEVEL else "yes"


def _own(said: Mapping[str, Any]) -> tuple[str, str]:
    """Than how many baselines it is better, and at how many sparsities it passes its checks."""
    better = [each.get("outcome") == "better" for each in said["over_densities"]]
    passes = [each.get("passes") == "yes" for each in said["sanity"]]
    return f"{sum(better)} of {len(better)}", f"{sum(passes)} of {len(passes)}" if passes else NONE


def _at(points: Iterable[Point], column: tuple[str, float]) -> str:
    found = (f"{p.accuracy:.1f}" for p in points if (p.model, p.density) == column)
    return next(found, "")


def _spread(entries: Sequence[Entry]) -> str:
    """By how much the verdicts' baselines differ at the same seeds; empty where they agree."""
    seen = defaultdict[tuple[str, str, float, int], set[float]](set)
    for each in entries:
        for p in each.points:
            if not p.candidate:
                for seed, accuracy in p.by_seed.items():
                    seen[p.label, p.model, p.density, seed].add(accuracy)
    most = max((max(found) - min(found) for found in seen.values()), default=0.0)
    if most < 0.005:
        return ""
    return (
        f"One baseline at one seed differs by up to {most:.2f} points between these verdicts: they "
        "were made on unlike machines."
    )


def _provenance(entries: Sequence[Entry]) -> Table:
    made_with = ("device", "precision", "torch", "commit")
    headers = ["method", "source", "seeds", "verified", *made_with, "from"]
    lines = [
        [
            each.name,
            each.source or NONE,
            " ".join(map(str, each.said["seeds"])),
            "yes" if each.verified else "no",
            *(_made_with(each.said, name) for name in made_with),
            each.path.parent.name if each.verified else each.path.name,
        ]
        for each in sorted(entries, key=lambda e: (e.name, e.source))
    ]
    return Table(headers, lines)


def _made_with(said: Mapping[str, Any], name: str) -> str:
    found = said["made_with"].get(name, ())
    return "; ".join(map(str, found)) if isinstance(found, list) else NONE
