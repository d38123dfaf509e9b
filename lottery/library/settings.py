"""What a user's keywords mean for a method."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from lottery.core.errors import BadInput
from lottery.core.layout import Layout
from lottery.core.mask import kept_count
from lottery.search.registry import Method, objectives
from lottery.training.recipe import Recipe


@contextmanager
def own_objective(objective: Any) -> Iterator[dict[str, str]]:
    """The option that names an objective, which may be a function that has no name yet."""
    if not callable(objective):
        yield {}
        return
    name = getattr(objective, "__name__", type(objective).__name__)
    if name in objectives.names():
        name = f"{name} (own)"
    with objectives.temporarily({name: objective}):
        yield {"objective": name}


def recipe_of(method: Method, recipe: Recipe | None, epochs: int | None, batch_size: int) -> Recipe:
    """The training that a ticket is for: the recipe, or the suite's of another length.

    Raises:
        BadInput: there are both, or neither and the method takes its length from it.
    """
    if recipe and epochs is not None:
        raise BadInput("epochs are the recipe's where there is one: give one of the two")
    if recipe:
        return recipe
    if epochs is None and method.wants_runner and "epochs" not in method.options:
        raise BadInput(
            f"{method.name} needs epochs, the length of the training that the ticket is for, "
            "or that training's recipe"
        )
    if epochs is not None and epochs < 1:
        raise BadInput(f"epochs must be at least 1, got {epochs}")
    return Recipe(
        epochs=epochs or 1,
        rewind_epochs=0,
        batch_size=batch_size,
        replicas=1,
        gradient="mean_clipped",
    )


def complete(
    method: Method, options: Mapping[str, Any], epochs: int | None, batch_size: int | None
) -> dict[str, Any]:
    """A method's options as stated; where it has a length or a batch of its own, the user's.

    Raises:
        UnknownName: an option that the method does not have.
    """
    shared = {"epochs": epochs, "batch_size": batch_size}
    own = {k: v for k, v in shared.items() if v is not None and k in method.options}
    method.changed(options)
    return {**own, **options}


def check_density(
    method: Method, density: float | None, options: Mapping[str, Any], layout: Layout
) -> None:
    """Check the density target before anything runs.

    Raises:
        BadInput: it is needed and missing, or not wanted; outside (0, 1], or keeps no weight.
    """
    method.check(density, {**method.options, **options})
    if density is not None:
        kept_count(density, layout.total)
    elif _of_float(method.draw):
        raise BadInput(
            f"{method.name} needs a density, the fraction of the prunable weights to keep"
        )


def _of_float(draw: Callable[..., Any]) -> bool:
    """Whether a method says that its density is a number, and not perhaps None."""
    return list(inspect.signature(draw).parameters.values())[2].annotation is float
