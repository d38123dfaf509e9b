"""What the papers claim in words, and whether the rows bear it out."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Final, Literal

from benchmarks.judge.statistics import UNCLEAR, paired, paired_p
from benchmarks.judge.tables.sanity import sanity_check
from benchmarks.judge.tables.sections import Section, Table
from benchmarks.judge.tables.text import NONE
from benchmarks.plan.block import Block, Line
from benchmarks.plan.place import on_grid
from benchmarks.results.lookup import Results
from lottery.core.summary import LEVEL, removed

HOLDS: Final = "holds"
FAILS: Final = "does not hold"
OPEN: Final = "not yet run"
Outcome = Literal["holds", "does not hold", "indistinguishable"]
HEADERS = ("claim", "paper", "here", "verdict", "scale", "rows")
PAPER = "paper"  # the preset of the papers' own scale
NEARLY = 0.9  # of a printed factor counts as met


@dataclass(frozen=True)
class Finding:
    """What was measured of a claim, in words, and what it says."""

    measured: str
    outcome: Outcome


@dataclass(frozen=True)
class Claim:
    """A claim, and how it is read off a suite's blocks; None where rows are missing."""

    text: str
    where: str
    suite: str
    check: Callable[[Sequence[Block], Results], Finding | None]


# --- reading a suite's lines --------------------------------------------------------------------


def _tickets(blocks: Iterable[Block], paper: str, table: str) -> list[tuple[Block, Line]]:
    return [
        (block, line)
        for block in blocks
        if (block.paper, block.table) == (paper, table)
        for line in block.tickets
    ]


def _at(lines: Iterable[tuple[Block, Line]], label: str, density: float | None) -> Line | None:
    """The line of a label at a density, on the network that the block comes to first."""
    return next(
        (
            line
            for _, line in lines
            if line.cell and line.label == label and line.cell.density == density
        ),
        None,
    )


def _mean(results: Results, line: Line, *columns: str) -> float:
    return mean(sum(float(row[c]) for c in columns) for row in results.rows(line.cell))


def _measured(results: Results, *lines: Line | None) -> list[Line] | None:
    """The lines, if all are there and have rows."""
    found = [line for line in lines if line and results.rows(line.cell)]
    return found if len(found) == len(lines) else None


def _ahead(differences: Iterable[dict[int, float]]) -> Outcome:
    """Of claims that a method is ahead everywhere: by its means, and by a test of each."""
    found = [list(each.values()) for each in differences]
    if any(mean(values) <= 0 for values in found):
        return FAILS
    return HOLDS if all(paired_p(values, "greater") < LEVEL for values in found) else UNCLEAR


# --- the claims ---------------------------------------------------------------------------------


def _faster(blocks: Sequence[Block], results: Results) -> Finding | None:
    lines = _tickets(blocks, "cts", "Table II")
    found = _measured(results, *(_at(lines, label, on_grid(22)) for label in ("CTS-KL", "LTR")))
    if not found:
        return None
    seconds, epochs = (
        [_mean(results, line, f"search_{unit}", f"train_{unit}") for line in found]
        for unit in ("seconds", "epochs")
    )
    cts, ltr = (line.printed.minutes if line.printed else None for line in found)
    printed = ltr / cts if ltr and cts else 0.0
    ratio = seconds[1] / seconds[0]
    text = f"{ratio:.1f} times by time, {epochs[1] / epochs[0]:.1f} by epochs"
    return Finding(text, HOLDS if ratio >= NEARLY * printed else FAILS)


def _sparse_end(blocks: Sequence[Block], results: Results) -> Finding | None:
    lines, differences = _tickets(blocks, "cts", "Table II"), dict[str, dict[int, float]]()
    for power in (22, 26):
        found = _measured(results, *(_at(lines, x, on_grid(power)) for x in ("CTS-KL", "LTR")))
        if not found:
            return None
        mine, other = (results.accuracies(line.cell) for line in found if line.cell)
        differences[removed(on_grid(power))] = paired(mine, other)
    return _gaps(differences)


def _above_saliency(blocks: Sequence[Block], results: Results) -> Finding | None:
    lines, differences = _tickets(blocks, "cts", "Fig. 2"), dict[str, dict[int, float]]()
    densities = {line.cell.density for _, line in lines if line.cell and line.label == "CTS-KL"}
    for density in sorted((d for d in densities if d), reverse=True):
        mine = _at(lines, "CTS-KL", density)
        for label in ("SNIP", "GraSP", "SynFlow"):
            found = _measured(results, mine, _at(lines, label, density))
            if not found:
                return None
            a, b = (results.accuracies(line.cell) for line in found if line.cell)
            differences[f"{label} at {removed(density)}"] = paired(a, b)
    return _gaps(differences) if differences else None


def _gaps(differences: dict[str, dict[int, float]]) -> Finding | None:
    """Ahead where, and the smallest lead, of differences by seed."""
    if not all(differences.values()):
        return None
    means = {name: mean(values.values()) for name, values in differences.items()}
    least = min(means, key=lambda name: means[name])
    ahead = sum(value > 0 for value in means.values())
    text = f"ahead in {ahead} of {len(means)}; least: {means[least]:+.1f} points, {least}"
    return Finding(text, _ahead(differences.values()))


def _sanity(blocks: Sequence[Block], results: Results) -> Finding | None:
    said = []
    for block, line in _tickets(blocks, "cts", "Table I"):
        if line.cell and line.printed and line.printed.passes:
            found = sanity_check(line.cell, block, results)
            if found and found.passes in ("yes", "no"):
                said.append((line.label, found.passes == line.printed.passes))
    if not said:
        return None
    other = [label for label, same in said if not same]
    text = f"{len(said) - len(other)} of {len(said)} that are decided agree"
    text += f"; not {', '.join(other)}" if other else ""
    return Finding(text, FAILS if other else HOLDS)


def _sparsity_of_crbg(blocks: Sequence[Block], results: Results) -> Finding | None:
    lines = _tickets(blocks, "crbg", "Table II")
    found = _measured(results, _at(lines, "CRBG", None), _at(lines, "Edge-popup", 0.5))
    if not found:
        return None
    sparsities = [100 * (1 - _mean(results, line, "density")) for line in found]
    accuracies = [_mean(results, line, "accuracy") for line in found]
    crbg, edge_popup = (line.printed.sparsity if line.printed else None for line in found)
    printed = crbg / edge_popup if crbg and edge_popup else 0.0
    ratio, difference = sparsities[0] / sparsities[1], accuracies[0] - accuracies[1]
    text = f"{ratio:.2f} times the sparsity, {difference:+.1f} points"
    return Finding(text, HOLDS if ratio >= NEARLY * printed and difference >= -1 else FAILS)


CLAIMS = (
    Claim("CTS-KL is more accurate than SNIP, GraSP and SynFlow at every sparsity", "CTS Fig. 2",
          "sparsity-accuracy", _above_saliency),
    Claim("CTS-KL is more accurate than LTR at 99.3% and 99.7%", "CTS Table II", "table2",
          _sparse_end),
    Claim("CTS-KL is 12 times faster than LTR at 99.3%", "CTS Table II", "table2", _faster),
    Claim("CTS's tickets pass the sanity checks, those of saliency do not", "CTS Table I", "table1",
          _sanity),
    Claim("CRBG has nearly double the sparsity of edge-popup at equal accuracy", "CRBG Table II",
          "table2", _sparsity_of_crbg),
)  # fmt: skip


Suites = Mapping[str, tuple[Sequence[Block], Results]]  # by name, what each shows and its rows


def claims_section(scales: Mapping[str, Suites]) -> Section:
    """Each claim at the first scale that has its rows.

    Args:
        scales: presets by name, the papers' own first, with the suites that have rows.
    """
    lines = [_claim_line(claim, scales) for claim in CLAIMS]
    measured = sum(line[4] == PAPER for line in lines)
    holding = sum(line[3] == HOLDS for line in lines)
    lead = f"{measured} of {len(CLAIMS)} claims were measured at the papers' scale; {holding} hold."
    note = (
        "Holds: a method that is said to be ahead is so by its means and by a one-sided paired "
        "t-test over seeds at 5%, each; a printed factor is met to nine tenths. Demo and quick are "
        "shorter, or of another task: what they say is a hint."
    )
    return Section("Claims", (Table(HEADERS, lines),), (note,), lead)


def _claim_line(claim: Claim, scales: Mapping[str, Suites]) -> list[str]:
    for scale, suites in scales.items():
        if claim.suite in suites and (found := claim.check(*suites[claim.suite])):
            rows = f"{scale}-{claim.suite}"
            said = found.outcome if scale == PAPER else f"{found.outcome} in {scale}"
            return [claim.text, claim.where, found.measured, said, scale, rows]
    return [claim.text, claim.where, NONE, OPEN, NONE, NONE]
