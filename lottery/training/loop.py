"""Loops that can be interrupted and resume where they stopped."""

from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Tensor


class Resumable:
    """The tensors that a loop changes in place: its own by name, and its optimiser's."""

    def __init__(self, optimiser: torch.optim.Optimizer, **tensors: Tensor) -> None:
        self._tensors = tensors
        self._optimiser = optimiser

    def tensors(self) -> dict[str, Tensor]:
        """All of them by name, on whatever device they are."""
        found = {name: tensor.detach() for name, tensor in self._tensors.items()}
        for i, (parameter, _) in enumerate(self._parameters()):
            for name, value in self._optimiser.state[parameter].items():
                if isinstance(value, Tensor):
                    found[f"optimiser.{i}.{name}"] = value
        return found

    @torch.no_grad()
    def load(self, saved: dict[str, Tensor]) -> None:
        """Put saved tensors back, in place.

        Raises:
            ValueError: they are not those of this loop; nothing was changed.
        """
        self._check(saved)
        for name, tensor in self._tensors.items():
            tensor.copy_(saved[name])
        for i, (parameter, group) in enumerate(self._parameters()):
            prefix = f"optimiser.{i}."
            for name in saved:
                if name.startswith(prefix):
                    key = name.removeprefix(prefix)
                    # Adam's step count stays on the CPU, unless it is the fused one; all else
                    # goes where the parameter is.
                    place = "cpu" if key == "step" and not group.get("fused") else parameter.device
                    self._optimiser.state[parameter][key] = saved[name].clone().to(place)

    def _check(self, saved: dict[str, Tensor]) -> None:
        for name, tensor in self._tensors.items():
            if name not in saved or saved[name].shape != tensor.shape:
                raise ValueError(f"its {name} are not those of this loop")
        shapes = {f"optimiser.{i}": p.shape for i, (p, _) in enumerate(self._parameters())}
        for name in saved.keys() - self._tensors.keys():
            # The state of a parameter has its shape, or is a count.
            if saved[name].numel() != 1 and saved[name].shape != shapes.get(
                name.rpartition(".")[0]
            ):
                raise ValueError(f"its {name} is not of this loop")

    def _parameters(self) -> list[tuple[Tensor, dict[str, Any]]]:
        """Each with the options of its group."""
        return [(p, group) for group in self._optimiser.param_groups for p in group["params"]]


class Keeper(Protocol):
    """Who a loop reports to. It may keep the loop's state, show progress, or stop the loop."""

    def resume(self, loop: str, first: int, state: Resumable) -> int:
        """Fill in the state that was kept and return the next step to run; `first` if none was."""

    def done(self, loop: str, step: int, state: Resumable) -> None:
        """Called when `step` steps are done. May raise to stop the loop."""


class NoKeeper:
    """Keeps nothing."""

    def resume(self, loop: str, first: int, state: Resumable) -> int:
        return first

    def done(self, loop: str, step: int, state: Resumable) -> None:
        pass


def run_steps(
    loop: str, steps: range, step: Callable[[int], None], state: Resumable, keeper: Keeper
) -> None:
    """Call `step(i)` for every i in `steps`, from where the keeper says the loop was."""
    for i in range(keeper.resume(loop, steps.start, state), steps.stop):
        step(i)
        keeper.done(loop, i + 1, state)
