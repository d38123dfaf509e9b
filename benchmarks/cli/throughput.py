"""python -m benchmarks throughput: measure, keep the rows, print the table."""

import datetime
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from rich.console import Console
from rich.progress import track

from benchmarks.cli.filters import select
from benchmarks.cli.options import Options
from benchmarks.cli.terminal import show
from benchmarks.judge.tables import markdown
from benchmarks.judge.tables.throughput import NUMBERS, ROWS, throughput_sections
from benchmarks.plan.cell import PROTOCOL
from benchmarks.plan.place import dataset_of
from benchmarks.plan.presets import Preset
from benchmarks.results.provenance import commit
from benchmarks.run.devices import choose_device, choose_precision, device_name
from benchmarks.run.estimate import forward_flops
from benchmarks.run.runtime import tuned_processor
from benchmarks.throughput.roofline import peak_memory, reset_peak_memory, roofline_seconds
from benchmarks.throughput.workloads import WORKLOADS, Task, seconds_per_step
from lottery.core.choices import Precision
from lottery.core.csv_table import read_csv
from lottery.core.errors import BadInput
from lottery.core.files import lock_file, require_writable, write_text
from lottery.data import DATASETS
from lottery.training.cuda_graphs import eager

STEPS = 12
IDENTITY = ["model", "dataset", "batch_size", "work", "device", "precision"]
FILTERS = {
    "model": lambda point: point.model,
    "work": lambda point: point.work,
    "batch_size": lambda point: str(point.batch_size),
}


@dataclass(frozen=True)
class Point:
    """What is measured: a kind of work on a model at a batch size."""

    model: str
    dataset: str
    batch_size: int
    work: str


def run(options: Options, preset: Preset) -> int:
    """Measure what is asked for and print all that the results file holds; exit status 0.

    Raises:
        BadInput: nothing was measured; the text is one line.
    """
    if options.plugin or options.model or options.dataset or options.dataset_folder:
        raise BadInput("throughput measures the suite's models on the papers' data: no others")
    if options.seeds or options.time_budget or options.jobs != "auto":
        raise BadInput("throughput measures steps: it takes no --seeds, --jobs or --time-budget")
    device = choose_device(options.device)
    # The engine as it runs on large images, whatever the preset says about small ones.
    asked = "auto" if options.precision == "preset" else options.precision
    precision = choose_precision(asked, device)
    points = select(_points(preset), options.only, FILTERS)
    if options.list:
        print(pd.DataFrame(map(asdict, points)).to_string(index=False))
        return 0
    path = options.results / preset.name / "throughput.csv"
    require_writable("results", path.parent)
    for group in track(list(_by_task(points)), "throughput", console=Console(stderr=True)):
        measured = pd.DataFrame(_measure(group, device, precision))
        with lock_file(path.with_name(f".{path.name}.lock")):
            write_text(path, _merged(path, measured).to_csv(index=False))
    found = throughput_sections(read_csv(path, ROWS).rows)
    write_text(path.with_suffix(".md"), markdown(found))
    show(found, path.with_suffix(".md"))
    return 0


def _points(preset: Preset) -> list[Point]:
    return [
        Point(model, dataset_of(model), batch_size, work)
        for model, sizes in preset.throughput.items()
        for batch_size in sizes
        for work in WORKLOADS
    ]


def _by_task(points: Iterable[Point]) -> Iterator[list[Point]]:
    """Points of one model and batch size together, so that they are measured in one stretch."""
    group: list[Point] = []
    for point in points:
        if group and (point.model, point.batch_size) != (group[0].model, group[0].batch_size):
            yield group
            group = []
        group.append(point)
    yield group


def _measure(
    points: Sequence[Point], device: torch.device, precision: Precision
) -> Iterator[dict[str, Any]]:
    """The rows of one model and batch size: the engine's step and the plain one in turn."""
    first, facts = points[0], DATASETS[points[0].dataset]
    flops = first.batch_size * forward_flops(first.model, first.dataset)
    for point in points:
        work, forwards = WORKLOADS[point.work]
        task, plain = (
            Task.made_up(point.model, facts, point.batch_size, device, precision, plain=p)
            for p in (False, True)
        )
        reset_peak_memory(device)
        with tuned_processor():
            seconds = seconds_per_step(work, task, STEPS)
        memory = peak_memory(device)
        with eager():
            plain_seconds = seconds_per_step(work, plain, STEPS)
        x, _ = task.data.stream(point.batch_size, torch.Generator())[0]
        limit = roofline_seconds(task.network, x, flops, forwards, precision)
        yield {
            **asdict(point),
            "device": device_name(device),
            "precision": precision,
            "ms_per_step": round(1e3 * seconds, 3),
            "images_per_second": round(point.batch_size / seconds),
            "plain_ms_per_step": round(1e3 * plain_seconds, 3),
            "times_plain": round(plain_seconds / seconds, 2),
            "roofline_ms": round(1e3 * limit, 3),
            "peak_memory_mib": None if memory is None else memory >> 20,
            "torch": torch.__version__,
            "version": version("lottery-benchmarks"),
            "protocol": PROTOCOL,
            "commit": commit(),
            "finished_at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        }


def _merged(path: Path, measured: pd.DataFrame) -> pd.DataFrame:
    """What the file holds, with the new rows in place of those of the same points."""
    held = read_rows(path)
    old = [held] if len(held) else []
    return pd.concat([*old, measured]).drop_duplicates(IDENTITY, keep="last", ignore_index=True)


def read_rows(path: Path) -> pd.DataFrame:
    """What a results file of this suite holds; empty where there is none.

    Raises:
        BadInput: it is of another kind, or holds what does not fit, named by row and column.
    """
    frame = pd.DataFrame(read_csv(path, ROWS).rows)
    for name in frame.columns.intersection(NUMBERS):
        frame[name] = pd.to_numeric(frame[name])
    return frame
