"""What is lent to a method that runs long."""

from collections.abc import Callable

from torch import Tensor

from lottery.core.mask import Mask
from lottery.core.network import Network
from lottery.data.batches import Data
from lottery.training.loop import Keeper, NoKeeper, Resumable, run_steps
from lottery.training.recipe import Recipe
from lottery.training.train import train

Judge = Callable[[Network, Tensor, Tensor], list[Tensor]]


class Runner:
    """Runs loops and trains tickets for a method. This plain one keeps nothing between runs.

    Args:
        data: the training set.
        recipe: how tickets are trained.
        seed: of the training's data order.
        start_step: the step of the recipe that the method's network is at, 0 or k.
        keeper: who the loops report to.
        judge: measures a search as it goes on, from the network, the mask as zeros and ones and
            the gates without noise, each of shape (d,): the accuracy under each. What it sees is
            not for the method. None where nobody asks.
    """

    def __init__(
        self,
        data: Data,
        recipe: Recipe,
        seed: int,
        start_step: int = 0,
        keeper: Keeper | None = None,
        judge: Judge | None = None,
    ) -> None:
        self.data = data
        self.recipe = recipe
        self.seed = seed
        self.start_step = start_step
        self.keeper = keeper or NoKeeper()
        self.judge = judge

    @property
    def training_steps(self) -> range:
        """The steps of the recipe that are left from where the method's network is."""
        per_epoch = self.data.steps_per_epoch(self.recipe.batch_size)
        return range(self.start_step, self.recipe.steps(per_epoch))

    def loop(self, name: str, steps: range, step: Callable[[int], None], state: Resumable) -> None:
        """Run a loop of the method's own; `name` tells it from the method's other loops."""
        run_steps(name, steps, step, state, self.keeper)

    def train(self, network: Network, mask: Mask) -> Network:
        """Train the network under a mask to the recipe's end, from the step that it is at."""
        return train(
            network, mask, self.data, self.recipe, self.seed, self.training_steps, self.keeper
        )
