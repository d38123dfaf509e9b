"""The process of its own that a method from outside the suite runs in.

It gets what it needs as copies: the network's weights at the step where it draws, the training
images, the recipe. The test set is not in its memory, nor the suite's data, networks, stages or
store: it has one connection, on which it sends what it found.
"""

import hashlib
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import connection as connections
from multiprocessing import parent_process
from multiprocessing.connection import Connection
from pathlib import PurePath
from typing import Any

import torch
from torch import Tensor

import baselines  # noqa: F401
import lottery.search.crbg
import lottery.search.cts  # noqa: F401
from benchmarks.plan.cell import Cell
from benchmarks.run.closed_test_set import DATA_FILES, RuleBroken
from benchmarks.run.code import Code, run_code
from benchmarks.run.runtime import tuned_processor
from benchmarks.run.wire import Message, Tensors, receive, send
from lottery.core.choices import Precision
from lottery.core.errors import BadInput
from lottery.core.mask import Mask
from lottery.core.network import Network
from lottery.core.randomness import derive, generator, seeded_globals
from lottery.core.registry import Registry
from lottery.core.result import Result
from lottery.data.batches import Data, Normalisation
from lottery.data.datasets import AUDIT, Dataset, Images, Pictures, datasets
from lottery.data.streaming import StreamedData
from lottery.models.zoo import MODELS, build
from lottery.search.registry import Method, methods, no_check, no_plan
from lottery.training.loop import Resumable
from lottery.training.recipe import Recipe
from lottery.training.runner import Runner


@dataclass(frozen=True)
class Errand:
    """What a method is to draw, but for the tensors, which follow on the connection.

    Attributes:
        brought: files that the cell's model is from.
        pictures: that the training set is streamed from; None where its images are sent.
        data_files: device and inode of the datasets' files, which are not to be opened.
    """

    code: Code
    brought: tuple[Code, ...]
    cell: Cell
    dataset: Dataset
    device: str
    precision: Precision
    start_step: int
    threads: int
    data_files: frozenset[tuple[int, int]]
    pictures: Pictures | None = None


def describe(connection: Connection, code: Code) -> None:
    """Say what a method is, or what else a file registers; then answer questions of the method's
    `check` and `plan` until nobody asks."""

    def answer() -> None:
        with _Watched():
            new = _registered(code)
            if new["model"] or new["dataset"]:
                _refuse_method_beside(new)
                send(connection, {"kind": "plug-in", **new})
                return
            method = _only_method(code, new)
            send(connection, {"kind": "method", **_facts(method)})
            while True:
                question, _ = receive(connection)
                send(connection, _answer(method, question))

    _serve(connection, code, answer)


def draw(connection: Connection, errand: Errand) -> None:
    """Run a method and send what it returns."""
    torch.set_num_threads(errand.threads)

    def work() -> None:
        send(connection, {"kind": "ready", "drawn": 0})
        _, given = receive(connection)
        cell = errand.cell
        for code in errand.brought:
            run_code(code)
        network, data = _network(errand, given), _data(errand, given)
        before = _fingerprints(network, data)
        seed = derive(cell.seed, "global", cell.method)
        with tuned_processor(), seeded_globals(seed), _Watched(errand.data_files):
            method = _only_method(errand.code, _registered(errand.code))
            lent = {"runner": RemoteRunner(connection, errand, data)} if method.wants_runner else {}
            source = generator(cell.seed, "method", cell.method)
            result = method.draw(network, data, cell.density, source, **cell.options, **lent)
            message, tensors = _result(result)
        for thing, old, new in zip(
            ("weights", "training data"), before, _fingerprints(network, data), strict=True
        ):
            if old != new:
                raise RuleBroken(f"{cell.method} changed the {thing} that it was given")
        send(connection, {**message, "drawn": data.drawn}, **tensors)

    _serve(connection, errand.code, work)


def _serve(connection: Connection, code: Code, work: Callable[[], None]) -> None:
    """Work, and say what went wrong; whoever started this process decides when it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        work()
    except EOFError:  # nobody asks any more
        return
    except BaseException as error:  # a method may raise whatever it likes
        rule = next((e for e in (error, error.__context__) if isinstance(e, RuleBroken)), None)
        where = [
            f for f in traceback.extract_tb(error.__traceback__) if f.filename == str(code.path)
        ]
        send(
            connection,
            {
                "kind": "error",
                "broken": str(rule) if rule else "",
                "bad_input": isinstance(error, BadInput),
                "text": " ".join(f"{type(error).__name__}: {error}".split()),
                "bare": " ".join(str(error).split()),
                "line": where[-1].lineno if where else 0,
                "traceback": traceback.format_exc(),
            },
        )


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        connections.wait([parent.sentinel])
        os._exit(1)


REGISTRIES: dict[str, Registry[Any]] = {
    "method": methods,
    "model": MODELS,
    "dataset": datasets,
}


def _registered(code: Code) -> dict[str, list[str]]:
    """The names that a file registers, by kind; of a package, that of its method."""
    if code.path is None:
        return {"method": [code.name], "model": [], "dataset": []}
    methods.names()  # installed packages load now: they are not of the file
    before = {kind: registry.present().keys() for kind, registry in REGISTRIES.items()}
    run_code(code)
    return {
        kind: sorted(registry.present().keys() - before[kind])
        for kind, registry in REGISTRIES.items()
    }


def _refuse_method_beside(new: dict[str, list[str]]) -> None:
    """Models and datasets run in the suite's process too, and no method may.

    Raises:
        BadInput: a file registers a method beside them.
    """
    if new["method"]:
        kind = "model" if new["model"] else "dataset"
        raise BadInput(
            f"registers the method {new['method'][0]!r} beside the {kind} {new[kind][0]!r}; a "
            "method is to be in a file of its own, which runs apart"
        )


def _only_method(code: Code, new: dict[str, list[str]]) -> Method:
    """The one method that was registered.

    Raises:
        BadInput: it is not exactly one.
    """
    found = new["method"]
    if len(found) != 1:
        what = f"{len(found)} methods ({', '.join(found)})" if found else "no method"
        raise BadInput(f'registers {what}; exactly one @method("new_name") is needed')
    return methods[found[0]]


def _facts(method: Method) -> Message:
    """What the suite has to know of a method before it runs.

    Raises:
        BadInput: a default of an option that is no number, text, True, False or None.
    """
    for name, default in method.options.items():
        if not (default is None or type(default) in (bool, int, float, str)):
            raise BadInput(
                f"option {name!r} of {method.name} has a {type(default).__name__} as its default, "
                "not a number, text, True, False or None"
            )
    return {
        "name": method.name,
        "strong": bool(method.strong),
        "own_weights": bool(method.own_weights),
        "pruned_at": method.pruned_at,
        "sets_density": bool(method.sets_density),
        "options": method.options,
        "runner": method.wants_runner,
        "checks": method.check is not no_check,
        "plans": method.plan is not no_plan,
    }


def _answer(method: Method, question: Message) -> Message:
    density, options = question["density"], question["options"]
    if question["kind"] == "check":
        method.check(density, options)
        return {"kind": "checked"}
    plan = method.plan(Recipe(**question["recipe"]), question["start"], density, options)
    return {"kind": "planned", "plan": {str(name): float(value) for name, value in plan.items()}}


class _Watched:
    """Has this process's own Python code refuse to open the datasets' files from here on. A process
    that is bent on it has other ways: this catches mistakes and plain cheating."""

    def __init__(self, files: frozenset[tuple[int, int]] = frozenset()) -> None:
        self._files = files
        self._broken: list[str] = []

    def __enter__(self) -> None:
        sys.addaudithook(self._hear)  # it cannot be taken away again

    def __exit__(self, *error: object) -> None:
        if self._broken:
            raise RuleBroken(self._broken[0])

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and isinstance(arguments[0], str | bytes | os.PathLike):
            path = os.fsdecode(arguments[0])
            if PurePath(path).name in DATA_FILES or self._is_data(path):
                self._refuse(f"it opened a dataset's file, {PurePath(path).name}")
        elif event == AUDIT:
            self._refuse(f"it read the dataset {arguments[0]}")
        elif event in ("gc.get_objects", "gc.get_referrers"):
            self._refuse(f"it looked for objects that are not its own ({event})")

    def _is_data(self, path: str) -> bool:
        """Also under another name: through a link, or renamed."""
        try:
            found = os.stat(path)
        except (OSError, ValueError):
            return False
        return (found.st_dev, found.st_ino) in self._files

    def _refuse(self, what: str) -> None:
        self._broken.append(f"{what}; a method sees the training data alone")
        raise RuleBroken(self._broken[-1])


def _network(errand: Errand, given: Tensors) -> Network:
    cell = errand.cell
    network = build(
        cell.model,
        errand.dataset.shape,
        errand.dataset.classes,
        cell.seed,
        initialisation=cell.initialisation,
        device=errand.device,
        precision=errand.precision,
    )
    device = network.device
    return network.at(given["weights"].to(device), given["rest"].to(device))


def _data(errand: Errand, given: Tensors) -> Data:
    if errand.pictures is not None:
        return StreamedData(errand.pictures, errand.dataset, errand.device, errand.threads)
    moments = Normalisation(given["mean"], given["std"])
    images = Images(given["images"], given["labels"])
    return Data(images, errand.dataset, moments, errand.device)


def _fingerprints(network: Network, data: Data) -> tuple[str, str]:
    return tuple(  # type: ignore[return-value]
        hashlib.sha256(b"".join(t.detach().cpu().numpy().tobytes() for t in tensors)).hexdigest()
        for tensors in ((network.weights, network.rest), data.content())
    )


def _result(result: Any) -> tuple[Message, Tensors]:
    """What a method returned, as plain tensors."""
    if isinstance(result, Tensor):
        return {"kind": "result", "type": "scores", "log": []}, {"scores": _plain(result)}
    if isinstance(result, Mask):
        result = Result(result)
    if not isinstance(result, Result):
        return {"kind": "result", "type": type(result).__name__, "log": []}, {}
    tensors = {"mask": Mask(result.mask.layout, result.mask.keep).packed()}
    for name in ("scores", "soft_gates"):
        if (value := getattr(result, name)) is not None:
            tensors[name] = _plain(value)
    if result.trained is not None:
        tensors |= {"weights": result.trained.weights, "rest": result.trained.rest}
    return {"kind": "result", "type": "result", "log": list(result.log)}, tensors


def _plain(tensor: Tensor) -> Tensor:
    return tensor.detach().cpu().as_subclass(Tensor)


class RemoteRunner(Runner):
    """A runner whose loops are kept, and whose trainings are run, by the suite."""

    def __init__(self, connection: Connection, errand: Errand, data: Data) -> None:
        cell = errand.cell
        self._connection = connection
        keeper = RemoteKeeper(connection, data)
        super().__init__(data, cell.recipe, cell.seed, errand.start_step, keeper)

    def train(self, network: Network, mask: Mask) -> Network:
        bits = Mask(mask.layout, mask.keep).packed()
        message = {"kind": "train", "drawn": self.data.drawn}
        send(self._connection, message, weights=network.weights, rest=network.rest, mask=bits)
        _, found = receive(self._connection)
        device = network.device
        return network.at(found["weights"].to(device), found["rest"].to(device))


class RemoteKeeper:
    """Reports a loop's steps to the suite, which keeps its state and says when to stop."""

    def __init__(self, connection: Connection, data: Data) -> None:
        self._connection = connection
        self._data = data

    def resume(self, loop: str, first: int, state: Resumable) -> int:
        message = {"kind": "resume", "loop": loop, "first": first, "drawn": self._data.drawn}
        send(self._connection, message)
        reply, saved = receive(self._connection)
        try:
            if saved:
                state.load(saved)
        except ValueError:
            return first
        return int(reply["step"])

    def done(self, loop: str, step: int, state: Resumable) -> None:
        message = {"kind": "done", "loop": loop, "step": step, "drawn": self._data.drawn}
        send(self._connection, message)
        while receive(self._connection)[0]["kind"] == "state":  # it is to be kept
            send(self._connection, {"kind": "state", "drawn": self._data.drawn}, **state.tensors())
