"""Milliseconds a step as tables."""

from collections.abc import Sequence

from benchmarks.judge.tables.sections import Section, Table
from benchmarks.judge.tables.text import NONE
from benchmarks.results.store import Row
from lottery.core.csv_table import TEXT, Schema, number

_COLUMNS = {
    **dict.fromkeys(("model", "dataset"), TEXT),
    "batch_size": number(1),
    **dict.fromkeys(("work", "device", "precision"), TEXT),
    **dict.fromkeys(
        "ms_per_step images_per_second plain_ms_per_step times_plain roofline_ms".split(), number(0)
    ),
    "peak_memory_mib": number(0, empty=True),
    **dict.fromkeys(("torch", "version"), TEXT),
    "protocol": number(0),
    **dict.fromkeys(("commit", "finished_at"), TEXT),
}
ROWS = Schema(_COLUMNS, frozenset(_COLUMNS))
NUMBERS = [name for name, kind in _COLUMNS.items() if kind.decimal]
DENSE, KL, GATES = "dense training", "CTS-KL search", "CTS gates alone"  # kinds of work
HEADERS = (
    "work", "ms a step", "images/s", "of a dense step", "plain float32 NCHW, ms", "times faster",
    "roofline, ms", "peak memory, MiB",
)  # fmt: skip


def throughput_sections(rows: Sequence[Row]) -> list[Section]:
    """A section per device, precision, model and batch size."""
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        place = (row["model"], row["batch_size"], row["precision"], row["device"])
        groups.setdefault(place, []).append(row)
    return [
        _section(f"{model}, batch {batch_size}, {precision}, {device}", of_place)
        for (model, batch_size, precision, device), of_place in groups.items()
    ]


def _section(heading: str, rows: Sequence[Row]) -> Section:
    """Times, also in units of the dense step."""
    times = {row["work"]: float(row["ms_per_step"]) for row in rows}
    lines = [_line(row, times.get(DENSE)) for row in rows]
    notes: tuple[str, ...] = ()
    if KL in times and GATES in times:
        share = times[GATES] / times[KL]
        notes = (f"Gates, pressure and Adam are {share:.1%} of a CTS-KL search step.",)
    return Section(heading, (Table(HEADERS, lines),), notes)


def _line(row: Row, dense: float | None) -> list[str]:
    return [
        row["work"],
        _short(row["ms_per_step"]),
        f"{float(row['images_per_second']):.0f}",
        f"{float(row['ms_per_step']) / dense:.3g}" if dense else NONE,
        _short(row["plain_ms_per_step"]),
        _short(row["times_plain"]),
        _short(row["roofline_ms"]),
        f"{float(row['peak_memory_mib']):.0f}" if row["peak_memory_mib"] else NONE,
    ]


def _short(text: str) -> str:
    value = float(text)
    return f"{value:.0f}" if value >= 1000 else f"{value:.3g}"
