"""Stages: the long parts of a cell, each run once, kept by content, and resumed."""

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import Timeout
from torch import Tensor

from benchmarks.plan.cell import content_hash
from benchmarks.run.watch import Stopped, Watch
from lottery.core.files import lock_file
from lottery.core.ticket import read_tensors, write_tensors
from lottery.data.batches import Data
from lottery.training.loop import Resumable

Tensors = dict[str, Tensor]
Facts = dict[str, Any]
CHECKPOINT_SECONDS = 60.0


@dataclass(frozen=True)
class Spent:
    """What a stage cost: its wall time, the training images it drew, and the devices it took."""

    seconds: float
    images: int
    devices: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> "Spent":
        """From JSON.

        Raises:
            ValueError: it is not the cost of a stage.
        """
        values = json.loads(text)
        devices = tuple(map(str, values.get("devices", ())))
        seconds, images = float(values["seconds"]), int(values["images"])
        if not (math.isfinite(seconds) and seconds >= 0 and images >= 0):
            raise ValueError(f"{text} is not a cost")
        return cls(seconds, images, devices)


@dataclass(frozen=True)
class Stage:
    """A finished stage: tensors, JSON facts, cost."""

    tensors: Tensors
    facts: Facts
    spent: Spent


class NotCached(LookupError):
    """A stage is not on disk, where no stage is to be run."""


class Meter:
    """A clock and an image counter that a stage loaded from disk advances by what it cost once.

    So a method whose parts were computed before, by whichever run and on whichever device, is
    charged for them in full. The watch's bar follows.
    """

    def __init__(self, data: Data, watch: Watch, device: str) -> None:
        self._data = data
        self._watch = watch
        self._device = device
        self._first = data.drawn
        self._shift = 0.0
        self._elsewhere = 0  # images drawn for what was loaded, or in another process
        self._devices: tuple[str, ...] = ()  # those of all that was loaded, one after the other

    def mark(self) -> Spent:
        images = self._data.drawn + self._elsewhere
        return Spent(time.perf_counter() + self._shift, images, self._devices)

    def since(self, mark: Spent) -> Spent:
        now = self.mark()
        devices = dict.fromkeys([*now.devices[len(mark.devices) :], self._device])
        return Spent(now.seconds - mark.seconds, now.images - mark.images, tuple(devices))

    def set(self, mark: Spent, spent: Spent) -> None:
        """Make what was spent since a mark be `spent`."""
        now = self.since(mark)
        self._shift += spent.seconds - now.seconds
        self._elsewhere += spent.images - now.images
        self._devices += spent.devices
        self.show(earlier=True)

    def show(self, *, earlier: bool = False) -> None:
        """Bring the watch's bar to the images drawn; see `Watch.drawn`."""
        self._watch.drawn(self.mark().images - self._first, earlier=earlier)

    def count(self, images: int) -> None:
        """Add images that were drawn in another process."""
        self._elsewhere += images


class Stages:
    """The cache folder of one task's stages.

    Args:
        root: the cache folder.
        data: the training set, whose drawn images are counted.
        watch: asked at every step whether to stop.
        device: the name of the one that works now.
        cached_only: whether to refuse to make what is not there.
    """

    def __init__(
        self, root: Path, data: Data, watch: Watch, device: str, *, cached_only: bool = False
    ) -> None:
        self._root = root
        self._cached_only = cached_only
        self._watch = watch
        self._meter = Meter(data, watch, device)

    @contextmanager
    def place(
        self,
        kind: str,
        config: Mapping[str, Any],
        check: Callable[[Stage], object] = vars,
    ) -> Iterator["Place"]:
        """Hold the place of a stage for a block, which makes the stage where it is missing.

        Args:
            kind: names the folder.
            config: everything that determines the stage.
            check: raises what is no Stopped where a stage from disk is not of its structure; it is
                then missing.

        Raises:
            Stopped: while waiting for another process that makes it.
            NotCached: it is not there, and only what is there was asked for.
        """
        mark = self._meter.mark()
        path = self._root / kind / f"{content_hash({'kind': kind, **config})}.safetensors"
        if self._cached_only and not path.exists():
            raise NotCached(f"there is no {path}")
        path.parent.mkdir(parents=True, exist_ok=True)
        with claim(path.with_suffix(".lock"), self._watch):
            place = Place(path, config, self._meter, self._watch, self._load(path, check))
            if place.missing and self._cached_only:
                raise NotCached(f"{path} is damaged")
            if not place.missing and not self._cached_only:
                forget(path.with_suffix(""))  # what a process killed just after it was kept left
            yield place
        self._meter.set(mark, place.stage.spent)

    def _load(self, path: Path, check: Callable[[Stage], object]) -> Stage | None:
        if not path.exists():
            return None
        try:
            tensors, header = read_tensors(path)
            if odd := header.keys() - {"facts", "spent", "config"}:
                raise ValueError(f"{path} is damaged: its header has {sorted(odd)}")
            stage = Stage(tensors, json.loads(header["facts"]), Spent.parse(header["spent"]))
            check(stage)
            return stage
        except Exception as error:  # whatever a file of odd structure comes to
            self._watch.write(f"warning: {path.name}: {error}; the stage is run again")
            return None


class Place:
    """Where a stage is, or is to be.

    Attributes:
        keeper: whom the loops that make it report to.
    """

    def __init__(
        self,
        path: Path,
        config: Mapping[str, Any],
        meter: Meter,
        watch: Watch,
        stage: Stage | None,
    ) -> None:
        self._path = path
        self._config = config
        self._meter = meter
        self._begun = meter.mark()  # waiting for the lock costs nothing
        self._stage = stage
        self.keeper = StageKeeper(path.with_suffix(""), meter, self._begun, watch)

    @property
    def missing(self) -> bool:
        return self._stage is None

    @property
    def stage(self) -> Stage:
        """The stage, from disk or as it was kept."""
        if self._stage is None:
            raise LookupError(f"{self._path} was not made")
        return self._stage

    def keep(self, tensors: Tensors, facts: Facts | None = None) -> None:
        """Write what was made since the place was held, for good."""
        made = {name: tensor.detach() for name, tensor in tensors.items()}
        stage = Stage(made, facts or {}, self._meter.since(self._begun))
        header = {
            "facts": json.dumps(stage.facts),
            "spent": json.dumps(vars(stage.spent)),
            "config": json.dumps(self._config),
        }
        write_tensors(self._path, stage.tensors, header)
        forget(self._path.with_suffix(""))
        self._stage = stage


class StageKeeper:
    """Keeps checkpoints of a stage's loops, and stops them when the watch says so."""

    def __init__(self, path: Path, meter: Meter, mark: Spent, watch: Watch) -> None:
        self._path = path
        self._meter = meter
        self._mark = mark
        self._watch = watch
        self._saved = time.monotonic()

    def _file(self, loop: str) -> Path:
        return self._path.with_name(f"{self._path.name}.{loop}.partial")

    def resume(self, loop: str, first: int, state: Resumable) -> int:
        path = self._file(loop)
        if not path.exists():
            return first
        try:
            tensors, header = read_tensors(path)
            spent, step = Spent.parse(header["spent"]), int(header["step"])
            if header.keys() != {"spent", "step"} or step < first:
                raise ValueError(f"{path} is damaged")
            state.load(tensors)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            self._watch.write(f"warning: checkpoint {path.name}: {error}; the loop starts anew")
            path.unlink()
            return first
        self._meter.set(self._mark, spent)
        return step

    def done(self, loop: str, step: int, state: Resumable) -> None:
        self._meter.show()
        reason = self._watch.stop_reason()
        if reason or time.monotonic() - self._saved > CHECKPOINT_SECONDS:
            spent = self._meter.since(self._mark)
            header = {"step": str(step), "spent": json.dumps(vars(spent))}
            write_tensors(self._file(loop), state.tensors(), header)
            self._saved = time.monotonic()
        if reason:
            raise Stopped(reason)

    def count(self, images: int) -> None:
        """Charge the stage for images that were drawn in another process."""
        self._meter.count(images)

    @contextmanager
    def uncharged(self) -> Iterator[None]:
        """What runs in this block costs the stage nothing."""
        mark = self._meter.mark()
        yield
        self._meter.set(mark, Spent(0.0, 0))


def forget(stage: Path) -> None:
    """Remove the checkpoints of a finished stage, and what a killed process left of one."""
    for pattern in (f"{stage.name}.*.partial", f".{stage.name}.*.tmp"):
        for path in stage.parent.glob(pattern):
            path.unlink(missing_ok=True)


@contextmanager
def claim(path: Path, watch: Watch) -> Iterator[None]:
    """Hold a lock file that is freed when the process ends; wait for it, but heed the watch."""
    lock = lock_file(path)
    while True:
        try:
            lock.acquire(timeout=0.2)
            break
        except Timeout:
            watch.check()
    try:
        yield
    finally:
        lock.release()
