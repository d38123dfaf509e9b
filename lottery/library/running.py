"""Running a method's loops, with a bar on the terminal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tqdm import tqdm

from lottery.core.mask import Mask
from lottery.core.network import Network
from lottery.data.batches import Data
from lottery.training.loop import Keeper, NoKeeper, Resumable
from lottery.training.recipe import Recipe
from lottery.training.runner import Runner

# (loop, steps done, steps in all)
Report = Callable[[str, int, int], object]


class ReportingRunner(Runner):
    """A runner that says how far each loop is."""

    def __init__(
        self, data: Data, recipe: Recipe, seed: int, progress: bool | Report | None
    ) -> None:
        # Where the user's model is; nothing but a training has to know how long an epoch is.
        per_epoch = data.steps_per_epoch(recipe.batch_size) if recipe.rewind_epochs else 0
        super().__init__(data, recipe, seed, recipe.rewind_step(per_epoch))
        self._progress = progress
        self._trainings = 0

    def loop(self, name: str, steps: range, step: Callable[[int], None], state: Resumable) -> None:
        with self._reported(name, steps):
            super().loop(name, steps, step, state)

    def train(self, network: Network, mask: Mask) -> Network:
        self._trainings += 1
        with self._reported(f"training {self._trainings}", self.training_steps):
            return super().train(network, mask)

    @contextmanager
    def _reported(self, name: str, steps: range) -> Iterator[None]:
        if callable(self._progress):
            self.keeper: Keeper = _Reporter(name, steps, self._progress)
            yield
        else:
            # None is a bar on a terminal alone.
            disable = None if self._progress is None else not self._progress
            with tqdm(desc=name, total=len(steps), disable=disable, unit="step") as bar:
                self.keeper = _Reporter(name, steps, lambda *_: bar.update())
                yield


class _Reporter(NoKeeper):
    """Keeps nothing, and reports each step."""

    def __init__(self, name: str, steps: range, report: Report) -> None:
        self._name, self._steps, self._report = name, steps, report

    def done(self, loop: str, step: int, state: Resumable) -> None:
        self._report(self._name, step - self._steps.start, len(self._steps))
