"""The gate search, with a relaxation and a pressure simple enough to follow by hand."""

from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from lottery.core.network import Network
from lottery.core.randomness import generator
from lottery.core.result import Log
from lottery.data import Dataset, Images
from lottery.data.batches import Data, Normalisation
from lottery.search.gates import constant, cosine, drop_after, plan_epochs, search_gates
from lottery.search.objectives import Batch
from lottery.search.pressures import Constraint
from lottery.search.relaxations import Relaxation
from lottery.training.loop import Keeper, NoKeeper
from lottery.training.recipe import Recipe
from lottery.training.runner import Runner
from tests.conftest import interrupted

# One linear unit of four weights and four images of one bright pixel each: weight i times its gate
# is the output for image i.
WEIGHTS = torch.tensor([1.0, -2.0, 0.5, 4.0])
START = torch.tensor([0.1, 0.2, 0.3, 0.4])


@pytest.fixture
def unit() -> Network:
    return Network(nn.Sequential(nn.Flatten(), nn.Linear(4, 1, bias=False))).at(WEIGHTS)


@pytest.fixture
def bright() -> Data:
    images = torch.eye(4, dtype=torch.uint8).reshape(4, 1, 1, 4)
    facts = Dataset("bright", 1, (4, 1, 1), 4, 0)
    normalisation = Normalisation(torch.zeros(4), torch.ones(4))
    return Data(Images(images, torch.arange(4)), facts, normalisation)


class Plain(Relaxation):
    """Gates that are the parameter itself; remembers the noise's seeds."""

    def __init__(self) -> None:
        self.seeds: list[int] = []

    def sample(self, parameter: Tensor, generator: torch.Generator) -> Tensor:
        self.seeds.append(generator.initial_seed())
        return parameter * 1.0

    def keep(self, parameter: Tensor) -> tuple[Tensor, Tensor]:
        return parameter.detach().abs(), torch.tensor([1.0, 2.0, 3.0, 4.0])

    def mean_gate(self, parameter: Tensor) -> Tensor:
        return parameter.detach()


@dataclass
class Push(Constraint):
    """Adds its strength times the derivative of keep, and grows by 1 a step; remembers what it is
    told."""

    strength: Tensor
    norms: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)

    def gradient(
        self, keep: Tensor, keep_gradient: Tensor, objective: Tensor, norm: Tensor
    ) -> Tensor:
        self.norms.append(norm.item())
        self.strength += 1
        return self.strength * keep_gradient

    def set_rate(self, factor: float) -> None:
        self.rates.append(factor)


def total(network: Network, gates: Tensor, batch: Batch) -> Tensor:
    """Sum of the outputs: with a batch of one image i, its gradient is weight i at gate i."""
    return network(batch.x, gates).sum()


def run(
    unit: Network, bright: Data, keeper: Keeper | None = None, **changes: Any
) -> tuple[Tensor, Log]:
    options: dict[str, Any] = {
        "relaxation": Plain(),
        "pressure": Push(torch.zeros(())),
        "objective": total,
        "start": START,
        "optimiser": partial(torch.optim.SGD, lr=0.1),
        "schedule": constant,
        "epochs": 2,
        "batch_size": 4,
        "generator": generator(0, "search"),
        "runner": Runner(bright, Recipe(), 0, keeper=keeper),
    }
    return search_gates(unit, bright, **{**options, **changes})


def test_two_steps_by_hand(unit: Network, bright: Data) -> None:
    """parameter -= 0.1 * (weights + strength * [1, 2, 3, 4]), with strength 1 and then 2."""
    parameter, log = run(unit, bright)
    expected = [
        0.1 - 0.1 * (2 + 3),
        0.2 - 0.1 * (-4 + 6),
        0.3 - 0.1 * (1 + 9),
        0.4 - 0.1 * (8 + 12),
    ]
    assert parameter.tolist() == pytest.approx(expected)
    assert not parameter.requires_grad
    # Objective sum(w * p) before each step and keep |p| after it: p is 0.1 .. 0.4, then
    # 0.1 - 0.1 * 2 = -0.1, 0.2, 0.3 - 0.1 * 3.5 = -0.05, 0.4 - 0.1 * 8 = -0.4, and then `expected`.
    first, second = log
    assert [first.pop("kept"), second.pop("kept")] == [[0], [2]]  # gates above a half, one layer
    assert first == pytest.approx(
        {
            "objective": 0.1 - 0.4 + 0.15 + 1.6,
            "expected_density": (0.1 + 0.2 + 0.05 + 0.4) / 4,
            "density": 0,
            "strength": 1,
        }
    )
    assert second == pytest.approx(
        {
            "objective": -0.1 - 0.4 - 0.025 - 1.6,
            "expected_density": sum(map(abs, expected)) / 4,
            "density": 0.5,
            "strength": 2,
        }
    )


def test_the_start_and_the_weights_stay_as_they_are(unit: Network, bright: Data) -> None:
    run(unit, bright)
    assert START.tolist() == pytest.approx([0.1, 0.2, 0.3, 0.4])
    assert unit.weights.tolist() == [1, -2, 0.5, 4]


def test_a_log_row_is_the_objectives_mean_and_the_epochs_end(unit: Network, bright: Data) -> None:
    _, log = run(unit, bright, batch_size=2, epochs=3, objective=lambda n, gates, batch: gates[0])
    assert [row["strength"] for row in log] == [2, 4, 6]
    # Gate 0 falls by 0.1 * (1 + strength) a step: 0.1, -0.1, -0.4, -0.8, -1.3, -1.9.
    assert [row["objective"] for row in log] == pytest.approx([0.0, -0.6, -1.6])


def test_without_a_pressure_the_objectives_gradient_is_all(unit: Network, bright: Data) -> None:
    parameter, log = run(unit, bright, pressure=None, epochs=1)
    assert parameter.tolist() == pytest.approx([0.1 - 0.1, 0.2 + 0.2, 0.3 - 0.05, 0.4 - 0.4])
    assert log[0]["strength"] == 0


def test_the_schedule_multiplies_the_rate_by_progress(unit: Network, bright: Data) -> None:
    seen: list[float] = []

    def schedule(progress: float) -> float:
        seen.append(progress)
        return 1.0 if progress < 0.5 else 0.0

    halved, _ = run(unit, bright, batch_size=1, epochs=2, schedule=schedule)
    assert seen == [0, 1 / 8, 2 / 8, 3 / 8, 4 / 8, 5 / 8, 6 / 8, 7 / 8]
    # The first epoch's four steps of one image each; strength 1 + 2 + 3 + 4.
    expected = START - 0.1 * (WEIGHTS + 10 * torch.tensor([1.0, 2, 3, 4]))
    torch.testing.assert_close(halved, expected)


def test_gates_see_whole_epochs_without_augmentation(unit: Network, bright: Data) -> None:
    bright.dataset = Dataset("bright", 1, (4, 1, 1), 4, 0, crop_padding=1, flip=True)
    run(unit, bright, batch_size=3, epochs=5)
    assert bright.drawn == 5 * 3  # an image left alone is dropped
    run(unit, bright, batch_size=2, epochs=5)
    assert bright.drawn == 5 * 3 + 5 * 4
    plain = run(unit, bright)[0]
    bright.dataset = Dataset("bright", 1, (4, 1, 1), 4, 0)
    assert torch.equal(run(unit, bright)[0], plain)


def test_every_step_has_noise_of_its_own(unit: Network, bright: Data) -> None:
    one, same, other = Plain(), Plain(), Plain()
    run(unit, bright, relaxation=one)
    used = generator(0, "search")
    torch.rand(3, generator=used)
    run(unit, bright, relaxation=same, generator=used)
    run(unit, bright, relaxation=other, generator=generator(1, "search"))
    assert len(set(one.seeds)) == 2
    assert same.seeds == one.seeds
    assert not set(other.seeds) & set(one.seeds)


class Noisy(Plain):
    """Gates that are the parameter plus noise; remembers the noise."""

    def __init__(self) -> None:
        self.noise: list[Tensor] = []

    def sample(self, parameter: Tensor, generator: torch.Generator) -> Tensor:
        self.noise.append(torch.rand(4, generator=generator))
        return parameter + self.noise[-1]


def half_square(network: Network, gates: Tensor, batch: Batch) -> Tensor:
    """With a batch of one image i, its gradient at gate i is weight i squared times the gate."""
    return 0.5 * network(batch.x, gates).square().sum()


@pytest.mark.parametrize("replicas", [1, 2])
def test_every_part_has_noise_of_its_own_and_gradients_are_averaged(
    unit: Network, bright: Data, replicas: int
) -> None:
    """By hand, two steps of four images; the pressure is told the mean of the parts' norms."""
    relaxation, pressure = Noisy(), Push(torch.zeros(()))
    found, log = run(
        unit,
        bright,
        relaxation=relaxation,
        pressure=pressure,
        objective=half_square,
        replicas=replicas,
    )
    assert len({tuple(noise.tolist()) for noise in relaxation.noise}) == 2 * replicas
    stream, draws = bright.stream(4, generator(0, "search")), iter(relaxation.noise)
    parameter, squares = START.double(), WEIGHTS.double() ** 2
    for step in range(2):
        order = stream[step][1].tolist()
        size = 4 // replicas
        gradient, norm, value = torch.zeros(4, dtype=torch.float64), 0.0, 0.0
        for part in [order[i : i + size] for i in range(0, 4, size)]:
            seen = torch.tensor([float(i in part) for i in range(4)], dtype=torch.float64)
            gates = parameter + next(draws)
            of_part = seen * squares * gates
            gradient += of_part / replicas
            norm += sum(g**2 for g in of_part.tolist()) ** 0.5 / replicas
            value += (0.5 * of_part * gates).sum().item() / replicas
        assert pressure.norms[step] == pytest.approx(norm, rel=1e-5)
        assert log[step]["objective"] == pytest.approx(value, rel=1e-5)
        parameter = parameter - 0.1 * (gradient + (step + 1) * torch.tensor([1.0, 2, 3, 4]))
    torch.testing.assert_close(found, parameter.float())


def test_an_image_is_never_a_part_of_its_own(unit: Network, bright: Data) -> None:
    relaxation = Noisy()
    run(unit, bright, relaxation=relaxation, replicas=4, epochs=1)
    assert len(relaxation.noise) == 2


def test_the_pressure_is_told_the_rates_factor(unit: Network, bright: Data) -> None:
    pressure = Push(torch.zeros(()))
    run(unit, bright, pressure=pressure, epochs=4, schedule=drop_after(0.75, 4, 0.25))
    assert pressure.rates == [1, 1, 0.25, 0.25]


class EveryEpoch:
    """Doubles the parameter after each epoch and tallies the epochs."""

    def __init__(self) -> None:
        self.tally = torch.zeros(())
        self.epochs: list[int] = []

    def __call__(self, parameter: Tensor, epoch: int) -> None:
        assert not parameter.requires_grad
        parameter.mul_(2)
        self.tally += epoch
        self.epochs.append(epoch)


def test_after_an_epoch_the_parameter_may_be_changed(unit: Network, bright: Data) -> None:
    change = EveryEpoch()
    parameter, _ = run(unit, bright, epochs=1, after_epoch=change)
    expected, _ = run(unit, bright, epochs=1)
    assert torch.equal(parameter, 2 * expected)
    change = EveryEpoch()
    run(unit, bright, batch_size=2, epochs=3, after_epoch=change)
    assert change.epochs == [1, 2, 3]


@pytest.mark.parametrize("stop", range(1, 9))
@pytest.mark.parametrize("every", [1, 3])
def test_a_stopped_search_goes_on_to_the_same_end(
    unit: Network, bright: Data, stop: int, every: int
) -> None:
    def search(keeper: Keeper) -> tuple[Tensor, Log, float, float]:
        pressure, change = Push(torch.zeros(())), EveryEpoch()
        parameter, log = run(
            unit,
            bright,
            keeper,
            pressure=pressure,
            batch_size=2,
            epochs=4,
            optimiser=partial(torch.optim.Adam, lr=0.1),
            schedule=drop_after(0.5, 4),
            after_epoch=change,
            tally=change.tally,
        )
        return parameter, log, pressure.strength.item(), change.tally.item()

    parameter, *rest = interrupted(search, stop, every)
    expected, *expected_rest = search(NoKeeper())
    assert torch.equal(parameter, expected)
    assert rest == expected_rest
    assert rest[1:] == [8, 1 + 2 + 3 + 4]


@pytest.mark.parametrize(
    ("share", "epochs", "full"),
    [
        (0.88, 160, 139),
        (0.88, 80, 69),
        (0.88, 20, 16),
        (0.9, 160, 143),
        (0.9, 20, 17),
        (0.5, 4, 1),
        (0.88, 3, 1),
        (0.88, 1, 1),
        (1, 160, 160),
        (1, 1, 1),
    ],
)
def test_the_rate_drops_after_so_many_epochs(share: float, epochs: int, full: int) -> None:
    """int(share * epochs) - 1, at least one; never where the share is 1. 98 steps an epoch."""
    drop = drop_after(share, epochs)
    rates = [drop(i / (98 * epochs)) for i in range(98 * epochs)]
    assert rates == [1.0] * (98 * full) + [0.1] * (98 * (epochs - full))
    assert drop_after(0.5, 4, 0.25)(0.25) == 0.25


def test_schedules() -> None:
    assert [constant(p) for p in (0, 0.5, 0.99)] == [1, 1, 1]
    assert [cosine(p) for p in (0, 1 / 3, 0.5, 2 / 3)] == pytest.approx([1, 0.75, 0.5, 0.25])


def test_the_plan_of_a_search_is_its_epochs() -> None:
    assert plan_epochs(Recipe(), 0, 0.5, {"epochs": 7, "lr": 1}) == {
        "search {'epochs': 7, 'lr': 1} 0.5": 7
    }
