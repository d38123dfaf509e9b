"""Methods from outside the suite, each in a process of its own; see benchmarks.run.method_process.

Nothing of theirs runs in this process, and what they send is data: JSON and plain tensors, checked
here again.
"""

import inspect
import json
import multiprocessing
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from benchmarks.plan.cell import Cell
from benchmarks.run import method_process
from benchmarks.run.closed_test_set import RuleBroken, data_files, inodes_of
from benchmarks.run.code import Code
from benchmarks.run.method_process import Errand
from benchmarks.run.stages import StageKeeper
from benchmarks.run.watch import Stopped, Watch
from benchmarks.run.wire import Message, Tensors, receive, send
from lottery.core.choices import PRUNED_AT
from lottery.core.errors import BadInput, check_name, shown
from lottery.core.mask import Mask
from lottery.core.network import Network
from lottery.core.result import Log, Result
from lottery.data.batches import Data
from lottery.data.streaming import StreamedData
from lottery.search.registry import Method, no_check, no_plan
from lottery.training.loop import Resumable
from lottery.training.recipe import Recipe

ANSWER_SECONDS = 120.0  # for a file to be imported, and for each answer of its check and plan
GRACE_SECONDS = 10.0  # for a method that is to stop, to come to the end of its step
LOOP = re.compile(r"[A-Za-z0-9][\w.-]{0,99}")


class MethodFailed(Exception):
    """A method raised, or its process ended or took too long; the text is one line.

    Attributes:
        details: the whole traceback, as the method's process had it.
    """

    def __init__(self, text: str, details: str = "") -> None:
        super().__init__(text)
        self.details = details


class MethodProcess:
    """A process and the connection to it.

    Args:
        target: of benchmarks.run.method_process, with what it is given after its connection.
        largest: bytes that its tensors may have.
    """

    def __init__(self, target: Callable[..., None], given: Any, largest: int) -> None:
        # A server that has imported torch, and run nothing, forks it in a moment.
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["benchmarks.run.method_process"])
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=target, args=(theirs, given), daemon=False)
        self._largest = largest
        self._process.start()
        theirs.close()

    def send(self, message: Mapping[str, Any], **tensors: Tensor) -> None:
        with suppress(OSError):  # it has ended: the next to receive says so
            send(self._connection, message, **tensors)

    def receive(self, check: Callable[[], None]) -> tuple[Message, Tensors]:
        """Its next message; `check`, called a few times a second, may raise.

        Raises:
            MethodFailed: it ended without one, or sent something else.
            RuleBroken: it says that it broke a rule.
            BadInput: it says that it was given what it cannot take.
        """
        while not self._connection.poll(0.2):
            check()
        try:
            message, tensors = receive(self._connection, self._largest)
            kind = str(message["kind"])
        except (EOFError, ConnectionError):
            self._process.join(5)
            status = self._process.exitcode
            raise MethodFailed(f"its process ended with status {status}") from None
        except (OSError, ValueError, KeyError) as error:
            raise MethodFailed(f"its process sent no valid message: {error}") from error
        if kind == "error":
            _raise(message)
        return message, tensors

    def end(self) -> None:
        self._process.kill()
        self._process.join()
        self._connection.close()


def _raise(message: Message) -> None:
    if message.get("broken"):
        raise RuleBroken(_line(message["broken"]))
    if message.get("bad_input"):
        raise BadInput(_line(message.get("bare")))
    where = f" (line {message['line']})" if message.get("line") else ""
    raise MethodFailed(_line(message.get("text")) + where, str(message.get("traceback", "")))


def _line(text: object) -> str:
    return " ".join(str(text).split())[:1000]


# --- what a method is ---------------------------------------------------------------------------


Registered = Mapping[str, Sequence[str]]  # names of what a file registers, by kind


def contents_of(code: Code) -> Method | Registered:
    """What a file registers: one method, without its code, which draws in a process of its own; or
    models and datasets, by name.

    Raises:
        BadInput: it does not load, or registers nothing, or more than one method.
    """
    process = _asked(code)
    try:
        facts, _ = process.receive(_within(ANSWER_SECONDS))
        if facts["kind"] == "plug-in":
            return {kind: [str(n) for n in facts[kind]] for kind in ("model", "dataset")}
        options = dict(facts["options"])
        return Method(
            str(facts["name"]),
            _signed(options, runner=bool(facts["runner"])),
            facts["strong"] is True,
            facts["own_weights"] is True,
            check_name("pruned_at", str(facts["pruned_at"]), PRUNED_AT),
            facts["sets_density"] is True,
            _plan_of(code) if facts["plans"] else no_plan,
            _check_of(code) if facts["checks"] else no_check,
        )
    except (MethodFailed, RuleBroken) as error:
        raise BadInput(f"{code.path} does not load: {error}") from error
    except BadInput as error:
        raise BadInput(f"{code.path} {error}") from error
    except (KeyError, TypeError) as error:
        raise BadInput(f"{code.path} does not load: it said {error!r}") from error
    finally:
        process.end()


def described(code: Code) -> Method:
    """The method of a file.

    Raises:
        BadInput: its file does not load, or does not register exactly one method.
    """
    found = contents_of(code)
    if isinstance(found, Method):
        return found
    kind = "model" if found["model"] else "dataset"
    raise BadInput(
        f"{code.path} registers the {kind} {found[kind][0]!r} and no method; give it as --plugin"
    )


def _asked(code: Code) -> MethodProcess:
    return MethodProcess(method_process.describe, code, largest=2**16)


def _within(seconds: float) -> Callable[[], None]:
    end = time.monotonic() + seconds

    def check() -> None:
        if time.monotonic() > end:
            raise MethodFailed(f"it does not answer within {seconds:.0f} s")

    return check


def _signed(options: Mapping[str, Any], *, runner: bool) -> Callable[..., Any]:
    """A stand-in for a method's function, with its parameters."""

    def draw(*arguments: Any, **options: Any) -> Any:
        raise TypeError("this method draws in a process of its own")

    kind = inspect.Parameter
    parameters = [
        *(kind(n, kind.POSITIONAL_ONLY) for n in "network data density generator".split()),
        *([kind("runner", kind.KEYWORD_ONLY)] if runner else []),
        *(kind(name, kind.KEYWORD_ONLY, default=value) for name, value in options.items()),
    ]
    draw.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return draw


def _check_of(code: Code) -> Callable[[float | None, Mapping[str, Any]], None]:
    def check(density: float | None, options: Mapping[str, Any]) -> None:
        _answer(code, json.dumps({"kind": "check", "density": density, "options": dict(options)}))

    return check


def _plan_of(
    code: Code,
) -> Callable[[Recipe, float, float | None, Mapping[str, Any]], dict[str, float]]:
    def plan(
        recipe: Recipe, start: float, density: float | None, options: Mapping[str, Any]
    ) -> dict[str, float]:
        question = {"kind": "plan", "recipe": asdict(recipe), "start": start, "density": density}
        found = _answer(code, json.dumps({**question, "options": dict(options)})).get("plan")
        if not isinstance(found, dict):
            return {}
        return {str(k): float(v) for k, v in found.items() if isinstance(v, int | float) and v >= 0}

    return plan


@cache
def _answer(code: Code, question: str) -> Message:
    """What a method's check or plan says, each asked once."""
    process = _asked(code)
    try:
        process.receive(_within(ANSWER_SECONDS))
        process.send(json.loads(question))
        return process.receive(_within(ANSWER_SECONDS))[0]
    except (MethodFailed, RuleBroken) as error:
        raise BadInput(f"{code.path or code.name}: {error}") from error
    finally:
        process.end()


# --- what it draws ------------------------------------------------------------------------------


class Trains(Protocol):
    """Trains a network under a mask by the shared recipe, as a stage."""

    def __call__(self, network: Network, mask: Mask) -> Network: ...


class _Remote(Resumable):
    """The state of a loop that runs in a method's process."""

    def __init__(self, ask: Callable[[], Tensors]) -> None:
        self._ask = ask
        self.saved: Tensors = {}

    def tensors(self) -> dict[str, Tensor]:
        return self._ask()

    def load(self, saved: dict[str, Tensor]) -> None:
        self.saved = saved


class Drawing:
    """A method drawing in its process, served from here.

    Args:
        errand: what it is told.
        dense: the network that it draws for.
        data: the training set.
        keeper: of the stage that this is, which is charged for the images that the method draws.
        train: for its runner.
        watch: who may stop it.
        limit: seconds that it may take.
    """

    def __init__(
        self,
        errand: Errand,
        dense: Network,
        data: Data,
        keeper: StageKeeper,
        train: Trains,
        watch: Watch,
        limit: float,
    ) -> None:
        self._errand = errand
        self._dense = dense
        self._data = data
        self._keeper = keeper
        self._train = train
        self._watch = watch
        self._limit = limit
        self._seen = 0  # images that it has drawn itself
        self._stop_by: float | None = None

    def result(self) -> Result | Tensor:
        """What the method returned, or its name where that is neither scores nor a mask.

        Raises:
            MethodFailed, RuleBroken, BadInput: see MethodProcess.receive.
            TypeError, ValueError: it returned something else.
            Stopped: with the state of its loops kept.
        """
        with self._process() as process:
            while True:
                message, tensors = process.receive(self._check)
                self._count(message)
                if message["kind"] == "result":
                    return self._returned(message, tensors)
                self._serve(process, message, tensors)

    @contextmanager
    def _process(self) -> Iterator[MethodProcess]:
        weights, data = self._dense.weights, self._data
        largest = 2**24 + 64 * 8 * (len(weights) + len(self._dense.rest))
        with self._keeper.uncharged():  # its start is no part of the search
            process = MethodProcess(method_process.draw, self._errand, largest)
        try:
            with self._keeper.uncharged():
                self._end = time.monotonic() + self._limit
                process.receive(self._check)
                process.send(
                    {"kind": "given"}, weights=weights, rest=self._dense.rest, **_images(data)
                )
            yield process
        finally:
            process.end()

    def _check(self) -> None:
        now = time.monotonic()
        if now > self._end:
            raise MethodFailed(f"it took longer than the {self._limit:.0f} s of --cell-limit")
        if reason := self._watch.stop_reason():
            self._stop_by = self._stop_by or now + GRACE_SECONDS
            if now > self._stop_by:
                raise Stopped(reason)

    def _count(self, message: Message) -> None:
        """Images that the method says it has drawn; never fewer than before."""
        drawn = message.get("drawn")
        if isinstance(drawn, int) and drawn > self._seen:
            self._keeper.count(drawn - self._seen)
            self._seen = drawn

    def _serve(self, process: MethodProcess, message: Message, tensors: Tensors) -> None:
        kind = message["kind"]
        if kind == "train":
            mask = Mask.unpacked(self._dense.layout, tensors["mask"])
            start = self._at(tensors)
            trained = self._train(start, Mask(mask.layout, mask.keep.to(self._dense.device)))
            process.send({"kind": "trained"}, weights=trained.weights, rest=trained.rest)
            return
        loop, state = str(message.get("loop")), _Remote(lambda: self._state_of(process))
        if kind not in ("resume", "done") or not LOOP.fullmatch(loop):
            raise MethodFailed(f"its process sent an invalid message, of loop {shown(loop)}")
        if kind == "resume":
            step = self._keeper.resume(loop, int(message["first"]), state)
            process.send({"kind": "resumed", "step": step}, **state.saved)
        else:
            self._keeper.done(loop, int(message["step"]), state)
            process.send({"kind": "on"})

    def _state_of(self, process: MethodProcess) -> Tensors:
        process.send({"kind": "state"})
        return process.receive(self._check)[1]

    def _at(self, tensors: Tensors) -> Network:
        """The suite's own network at parameters that the method sent."""
        found = []
        for name, mine in (("weights", self._dense.weights), ("rest", self._dense.rest)):
            if tensors[name].shape != mine.shape or tensors[name].dtype != mine.dtype:
                raise ValueError(f"{self._errand.cell.method}'s {name} do not fit the network")
            found.append(tensors[name].to(self._dense.device))
        return self._dense.at(*found)

    def _returned(self, message: Message, tensors: Tensors) -> Result | Tensor:
        device = self._dense.device
        if message["type"] == "scores":
            return tensors["scores"].to(device)
        if message["type"] != "result":
            name = _line(message["type"])
            method = self._errand.cell.method
            raise TypeError(f"{method} returned a {name}, not scores, a Mask or Result")
        keep = Mask.unpacked(self._dense.layout, tensors["mask"]).keep.to(device)
        parts = {n: tensors[n].to(device) for n in ("scores", "soft_gates") if n in tensors}
        return Result(
            Mask(self._dense.layout, keep),
            **parts,
            log=_log(message["log"]),
            trained=self._at(tensors) if "weights" in tensors else None,
        )


def _images(data: Data) -> Tensors:
    """What a method's process gets of the training set; it streams pictures by itself."""
    if isinstance(data, StreamedData):
        return {}
    return {"images": data.images, "labels": data.labels, "mean": data._mean, "std": data._std}


def _log(log: Any) -> Log:
    """A log as the tables beside the rows take it.

    Raises:
        ValueError: it is not a log.
    """
    if not isinstance(log, list) or not all(isinstance(line, dict) for line in log):
        raise ValueError("the log is not a list with a dict for each epoch")
    for line in log:
        for name, value in line.items():
            if type(value) not in (int, float) and name != "kept":
                raise ValueError(f"{name} of the log is not a number")
    return log


def errand_of(
    code: Code,
    cell: Cell,
    brought: tuple[Code, ...],
    data: Data,
    test: Data,
    dense: Network,
    start_step: int,
    data_root: Path,
) -> Errand:
    """What a method is told.

    Args:
        test: which it is not to see.
    """
    pictures = data.pictures if isinstance(data, StreamedData) else None
    held_out = inodes_of(test) if isinstance(test, StreamedData) else frozenset()
    return Errand(
        code,
        brought,
        cell,
        data.dataset,
        str(dense.device),
        dense.precision,
        start_step,
        torch.get_num_threads(),
        data_files(data_root) | held_out,
        pictures,
    )
