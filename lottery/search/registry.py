"""Methods and objectives by name."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

from lottery.core.choices import PRUNED_AT, PrunedAt
from lottery.core.errors import BadInput, check_name
from lottery.core.registry import Registry, check_registered_name
from lottery.training.recipe import Recipe

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
        check_registered_name("method", self.name, letter_first=True)
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
