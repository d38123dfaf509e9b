"""How a ticket is trained."""

from dataclasses import dataclass

from lottery.core.choices import GRADIENTS, Gradient
from lottery.core.errors import check_name


@dataclass(frozen=True)
class Recipe:
    """SGD with momentum and step decay; by default what made the CTS paper's CIFAR-10 numbers.

    Where the paper's text (Section V-A) and its authors' code differ, the defaults are the code's:
    docs/recipe.md lists each choice with what it changes.

    Attributes:
        epochs: length of the whole training, the part before the rewind point included.
        rewind_epochs: the rewind point k, in epochs.
        batch_size: images per step; the last batch of an epoch may be smaller.
        replicas: equal parts of a batch that normalise with their own BatchNorm statistics, as on
            so many devices; in a gate search each part also draws its own noise. Gradients are
            averaged over the parts.
        gradient: "sum_clipped_all": the loss is summed over the images of a part, and the gradient
            of all parameters, pruned weights included, is clipped; the sum is so large that every
            step is of norm clip_norm. "mean_clipped": the loss is a mean over the images, and the
            gradient of the kept weights alone is clipped.
        lr: learning rate at the start, or after the warm-up.
        milestones: fractions of the training at which the learning rate is multiplied by gamma.
        weight_decay: on every parameter, norms included.
        clip_norm: upper bound on the gradient's norm.
        warmup_epochs: over which the learning rate rises in a line from 0.

    Raises:
        ValueError: a rewind point or a warm-up outside the training, or a batch that does not fall
            into parts.
        UnknownName: another kind of gradient.
    """

    epochs: int = 160
    rewind_epochs: float = 9
    batch_size: int = 512
    replicas: int = 4
    gradient: Gradient = "sum_clipped_all"
    lr: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 1e-3
    milestones: tuple[float, ...] = (79 / 160, 119 / 160)
    gamma: float = 0.1
    clip_norm: float = 2.0
    warmup_epochs: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.rewind_epochs < self.epochs:
            raise ValueError(f"rewind_epochs {self.rewind_epochs} is outside [0, {self.epochs})")
        if not 0 <= self.warmup_epochs < self.epochs:
            raise ValueError(f"warmup_epochs {self.warmup_epochs} is outside [0, {self.epochs})")
        if self.replicas < 1 or self.batch_size % self.replicas:
            raise ValueError(
                f"a batch of {self.batch_size} does not fall into {self.replicas} equal parts"
            )
        check_name("gradient", self.gradient, GRADIENTS)

    @property
    def part_size(self) -> int:
        """Images that are normalised together, in training, search and test."""
        return self.batch_size // self.replicas

    def steps(self, per_epoch: int) -> int:
        return self.epochs * per_epoch

    def rewind_step(self, per_epoch: int) -> int:
        """k: the number of steps after which the rewind point is taken."""
        return round(self.rewind_epochs * per_epoch)

    def lr_at(self, progress: float) -> float:
        """Learning rate at a fraction of the training, in [0, 1)."""
        drops = sum(progress >= milestone for milestone in self.milestones)
        risen = min(1.0, progress * self.epochs / self.warmup_epochs) if self.warmup_epochs else 1.0
        return self.lr * risen * self.gamma**drops
