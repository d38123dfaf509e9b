"""Loops that resume where they stopped."""

from typing import Any

import pytest
import torch

from lottery.training.loop import NoKeeper, Resumable, run_steps
from tests.conftest import Checkpoints, Stopped


def loop(
    optimiser: type[torch.optim.Optimizer], **options: Any
) -> tuple[torch.Tensor, torch.Tensor, Resumable]:
    """A parameter, a tally and the state of both."""
    parameter = torch.linspace(-1, 1, 5).requires_grad_()
    tally = torch.zeros(3)
    return parameter, tally, Resumable(optimiser([parameter], **options), w=parameter, tally=tally)


def step_of(parameter: torch.Tensor, tally: torch.Tensor, state: Resumable, i: int) -> None:
    parameter.grad = (parameter.detach() * (i + 1)).sin()
    state._optimiser.step()
    tally[i % 3] += i


OPTIMISERS = [
    (torch.optim.SGD, {"lr": 0.1}, 0),
    (torch.optim.SGD, {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.1}, 1),
    (torch.optim.Adam, {"lr": 0.1}, 3),
]


@pytest.mark.parametrize(("optimiser", "options", "count"), OPTIMISERS)
def test_a_state_loaded_elsewhere_goes_on_alike(
    optimiser: type[torch.optim.Optimizer], options: dict[str, float], count: int
) -> None:
    w, tally, state = loop(optimiser, **options)
    for i in range(4):
        step_of(w, tally, state, i)
    tensors = state.tensors()
    assert len(tensors) == 2 + count
    assert set(tensors) >= {"w", "tally"}
    saved = {name: tensor.clone() for name, tensor in tensors.items()}
    for i in range(4, 8):
        step_of(w, tally, state, i)

    again, tally_again, other = loop(optimiser, **options)
    other.load(saved)
    for i in range(4, 8):
        step_of(again, tally_again, other, i)
    assert torch.equal(again, w)
    assert torch.equal(tally_again, tally)
    # What was saved is not what the loop now changes.
    assert torch.equal(saved["tally"], torch.tensor([0.0 + 3, 1, 2]))


def test_steps_run_in_order_and_are_reported() -> None:
    class Spy(NoKeeper):
        said: list[tuple[str, int]] = []  # noqa: RUF012

        def done(self, loop: str, step: int, state: Resumable) -> None:
            self.said.append((loop, step))

    ran: list[int] = []
    _, _, state = loop(torch.optim.SGD, lr=0.1)
    run_steps("mine", range(2, 5), ran.append, state, Spy())
    assert ran == [2, 3, 4]
    assert Spy.said == [("mine", 3), ("mine", 4), ("mine", 5)]


@pytest.mark.parametrize(("kept", "expected"), [(0, [3, 4, 5]), (4, [4, 5]), (6, []), (9, [])])
def test_a_loop_goes_on_from_where_the_keeper_says(kept: int, expected: list[int]) -> None:
    class Kept(NoKeeper):
        def resume(self, loop: str, first: int, state: Resumable) -> int:
            return kept or first

    ran: list[int] = []
    _, _, state = loop(torch.optim.SGD, lr=0.1)
    run_steps("mine", range(3, 6), ran.append, state, Kept())
    assert ran == expected


def test_a_keeper_stops_a_loop_after_the_step_that_it_was_told_of() -> None:
    ran: list[int] = []
    _, _, state = loop(torch.optim.SGD, lr=0.1)
    keeper = Checkpoints(stop=2)
    with pytest.raises(Stopped):
        run_steps("mine", range(4), ran.append, state, keeper)
    assert ran == [0, 1]
    run_steps("mine", range(4), ran.append, state, keeper)
    assert ran == [0, 1, 2, 3]
    assert keeper.first_steps == [0, 2]
