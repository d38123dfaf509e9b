"""Methods and objectives by name."""

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import entry_points
from typing import Any, Generic, TypeVar

from lottery.core.choices import PRUNED_AT, PrunedAt
from lottery.core.errors import BadInput, check_name
from lottery.training.recipe import Recipe

T = TypeVar("T")


class Registry(Generic[T]):
    """Things of one kind by name; an installed package adds more through an entry-point group."""

    def __init__(self, kind: str, group: str | None = None) -> None:
        self.kind = kind
        self._group = group
        self._found: dict[str, T] = {}

    def add(self, name: str, thing: T) -> None:
        """Register under a name.

        Raises:
            ValueError: the name is taken.
        """
        if name in self._found:
            raise ValueError(f"{self.kind} {name!r} is registered already")
        self._found[name] = thing

    @contextmanager
    def temporarily(self, things: Mapping[str, T] | None = None) -> Iterator[None]:
        """Add things, or put them in place of others, for as long as the block runs; what else is
        added within it goes too."""
        self._load_plugins()
        before = self._found
        self._found = {**before, **(things or {})}
        try:
            yield
        finally:
            self._found = before

    def names(self) -> list[str]:
        self._load_plugins()
        return sorted(self._found)

    def __getitem__(self, name: str) -> T:
        """Look a name up.

        Raises:
            UnknownName: with the nearest valid names.
            BadInput: an installed package that adds names does not load.
        """
        return self._found[check_name(self.kind, name, self.names())]

    def _load_plugins(self) -> None:
        if self._group is None:
            return
        for plugin in entry_points(group=self._group):
            try:
                plugin.load()  # importing the module runs its decorators
            except Exception as error:  # whatever an installed package raises
                raise BadInput(
                    f"the {self.kind} {plugin.name!r} of an installed package ({plugin.value}) "
                    f"does not load: {type(error).__name__}: {error}"
                ) from error
        self._group = None


GIVEN = ("network", "data", "density", "generator")  # what every method takes
Plan = Callable[[Recipe, float, float | None, Mapping[str, Any]], dict[str, float]]


def no_plan(
    recipe: Recipe, start: float, density: float | None, options: Mapping[str, Any]
) -> dict[str, float]:
    """The plan of a method that takes next to no time."""
    return {}


Check = Callable[[float | None, Mapping[str, Any]], None]


def no_check(density: float | None, options: Mapping[str, Any]) -> None:
    """The check of a method that takes whatever its options' types allow."""


@dataclass(frozen=True)
class Method:
    """A pruning method.

    `draw(network, data, density, generator, *, option=default, ...)` returns scores, a float
    vector of shape (d,), or a Mask where the method decides more than an order. A method that runs
    long asks for the keyword `runner` (lottery.training.runner.Runner); every other keyword is an
    option.

    Attributes:
        strong: judged with the weights frozen as they were drawn; otherwise trained after masking.
        pruned_at: "init" or "rewind", where the method draws unless a cell says otherwise.
        own_weights: True where the method trains weights of its own, judged as it left them.
        sets_density: False where the method, as it is by default, takes no density target.
        plan: (recipe, epochs before the method, density, options) -> epochs that the method will
            run, by name; work that two densities share has the same name. For estimates only.
        check: (density, options) -> raises BadInput where the method would, before anything runs.

    Raises:
        BadInput: a name that is no file's name, another `pruned_at`, or a `draw` that does not take
            the four arguments or has an option without a default.
    """

    name: str
    draw: Callable[..., Any]
    strong: bool = False
    own_weights: bool = False
    pruned_at: PrunedAt = "rewind"
    sets_density: bool = True
    plan: Plan = no_plan
    check: Check = no_check

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", self.name):
            raise BadInput(
                f"method name {self.name!r} has to be letters, digits, _ and -, a letter first"
            )
        check_name(f"pruned_at of method {self.name}", self.pruned_at, PRUNED_AT)
        runner = {"runner": None} if self.wants_runner else {}
        try:
            inspect.signature(self.draw).bind(*GIVEN, **runner)
        except TypeError as error:
            raise BadInput(
                f"method {self.name!r} does not take (network, data, density, generator, *, "
                f"option=default, ...): {error}"
            ) from error

    @cached_property
    def options(self) -> dict[str, Any]:
        """The method's options and their defaults."""
        return {
            name: parameter.default
            for name, parameter in inspect.signature(self.draw).parameters.items()
            if parameter.kind is parameter.KEYWORD_ONLY and name != "runner"
        }

    @cached_property
    def wants_runner(self) -> bool:
        return "runner" in inspect.signature(self.draw).parameters

    def changed(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """The options that differ from their defaults.

        Raises:
            UnknownName: an option that the method does not have.
        """
        for name in options:
            check_name(f"option of {self.name}", name, sorted(self.options))
        return {name: value for name, value in options.items() if value != self.options[name]}


methods: Registry[Method] = Registry("method", "lottery.methods")
objectives: Registry[Callable[..., Any]] = Registry("objective")

F = TypeVar("F", bound=Callable[..., Any])


def method(
    name: str,
    *,
    strong: bool = False,
    own_weights: bool = False,
    pruned_at: PrunedAt = "rewind",
    sets_density: bool = True,
    plan: Plan = no_plan,
    check: Check = no_check,
) -> Callable[[F], F]:
    """Register a function as a method; see Method for what it takes and returns."""

    def register(draw: F) -> F:
        made = Method(name, draw, strong, own_weights, pruned_at, sets_density, plan, check)
        methods.add(name, made)
        return draw

    return register


def objective(name: str) -> Callable[[F], F]:
    """Register an objective R (CTS Section IV-C).

    `R(network, gates, batch)` returns a scalar to minimise, differentiable in the gates, shape
    (d,); the batch is a `lottery.search.objectives.Batch`.
    """

    def register(function: F) -> F:
        objectives.add(name, function)
        return function

    return register
