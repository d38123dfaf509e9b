"""The command line."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tyro

from benchmarks.run.job import Brought, Job
from lottery.core.errors import BadInput, shown


@dataclass(frozen=True)
class RunOptions:
    """What every command that runs cells takes."""

    preset: str = "demo"
    """Scale: demo (bundled digits, minutes on a CPU), quick (real data, shortened) or paper; or the
    path of a .toml file based on one of them."""
    seeds: tuple[str, ...] = ()
    """Seeds, e.g. 0 1 2 or 0,1,2; the preset's own where none are given."""
    only: tuple[str, ...] = ()
    """Only cells that match, e.g. method=cts sparsity=98.2 paper=cts, or density=1.8%."""
    device: str = "auto"
    """auto, cpu or cuda."""
    precision: str = "preset"
    """preset (what the preset says), float32, bfloat16 or auto."""
    data_root: Path = Path(os.environ.get("LOTTERY_DATA") or "data")
    """Folder of the datasets (or LOTTERY_DATA)."""
    results: Path = Path("results")
    """Folder of the results; a preset has its own folder in it."""
    cache_root: Path = Path(os.environ.get("LOTTERY_CACHE") or ".cache")
    """Folder of finished and interrupted stages (or LOTTERY_CACHE)."""
    jobs: str = "auto"
    """Processes that share the cells; auto is what suits them and the device."""
    cell_limit: str = "24h"
    """How long a method of a file or a package may take to draw one ticket, e.g. 90s or 2h."""
    time_budget: str = ""
    """Stop cleanly after this long, e.g. 9m, 90s or 2h; all that is finished is kept."""
    plugin: tyro.conf.UseAppendAction[tuple[Path, ...]] = ()
    """A Python file with a method, or with models and datasets; may be given several times."""
    dataset_folder: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """NAME=DIR: a folder of pictures as a dataset: train/ and val/ or test/, with a folder for each
    class; may be given several times."""
    image_size: int = 0
    """Side of the images of --dataset-folder; as the pictures are where it is not given."""
    model: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """The model that is run in place of the papers', also timm:NAME or torchvision:NAME; or
    PAPERS=NAME, in place of one of theirs; may be given several times."""
    dataset: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """The dataset that is run in place of the papers', likewise."""
    list: bool = False
    """Print the cells, their estimated cost and which are done; run nothing."""

    def job(self, precision: str) -> Job:
        """The run that is asked for, at a preset's precision unless another was said.

        Raises:
            BadInput: an invalid time budget or number of processes.
        """
        return Job(
            self.data_root,
            self.cache_root,
            self.device,
            precision if self.precision == "preset" else self.precision,
            parse_duration(self.time_budget),
            parse_jobs(self.jobs),
            parse_duration(self.cell_limit, "cell limit") or 86400.0,
            self.brought(),
        )

    def brought(self) -> Brought:
        """The files and folders that are brought along.

        Raises:
            BadInput: no NAME=DIR, the same name twice, or a negative size.
        """
        folders: dict[str, Path] = {}
        for text in self.dataset_folder:
            name, equals, folder = text.partition("=")
            if not (name and equals and folder) or name in folders:
                raise BadInput(f"--dataset-folder takes NAME=DIR, each name once, not {text!r}")
            folders[name] = Path(folder)
        if self.image_size < 0:
            raise BadInput(f"--image-size {self.image_size} is not a number of pixels")
        return Brought(self.plugin, folders, self.image_size)


@dataclass(frozen=True)
class Options(RunOptions):
    """Run the cells of a table or figure that are not done yet, then print it."""

    suite: tyro.conf.Positional[str] = ""
    """Table or figure, e.g. table2 or sanity-checks; a wrong name lists them all."""


def parse_seeds(texts: Sequence[str]) -> tuple[int, ...]:
    """Seeds as integers, separated by blanks or commas.

    Raises:
        BadInput: one is not a whole number, or negative.
    """
    texts = [text for given in texts for text in re.split(r"[,\s]+", given) if text] or list(texts)
    for text in texts:
        if not re.fullmatch(r"[0-9]{1,18}", text):
            raise BadInput(f"seed {shown(text)} is not a whole number of at least 0")
    return tuple(dict.fromkeys(int(text) for text in texts))


def parse_duration(text: str, what: str = "time budget") -> float | None:
    """Seconds of a duration such as 9m; None for an empty one.

    Raises:
        BadInput: not a positive duration.
    """
    if not text:
        return None
    match = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)([smh]?)", text)
    if not match or float(match[1]) == 0:
        raise BadInput(f"{what} {text!r} is not a duration such as 90s, 9m or 2h")
    return float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[match[2]]


def parse_jobs(text: str) -> int | None:
    """How many processes share the work; None for "auto".

    Raises:
        BadInput: neither "auto" nor a whole number of at least 1.
    """
    if text == "auto":
        return None
    if not re.fullmatch(r"[1-9][0-9]{0,8}", text):
        raise BadInput(f"--jobs {shown(text)} is neither auto nor a whole number of at least 1")
    return int(text)
