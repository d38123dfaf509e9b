"""How a ticket is trained."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """SGD with momentum and step decay; by default the CTS paper's for CIFAR-10 (Section V-A).

    Attributes:
        epochs: length of the whole training, the part before the rewind point included.
        rewind_epochs: the rewind point k, in epochs.
        batch_size: images per step; the last, smaller batch of an epoch is dropped.
        lr: learning rate at the start.
        milestones: fractions of the training at which the learning rate is multiplied by gamma.
        weight_decay: on every parameter, norms included.
        clip_norm: upper bound on the gradient's norm.
    """

    epochs: int = 160
    rewind_epochs: float = 7.5
    batch_size: int = 512
    lr: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 1e-3
    milestones: tuple[float, ...] = (0.5, 0.75)
    gamma: float = 0.1
    clip_norm: float = 2.0

    def __post_init__(self) -> None:
        if not 0 <= self.rewind_epochs < self.epochs:
            raise ValueError(f"rewind_epochs {self.rewind_epochs} is outside [0, {self.epochs})")

    def steps(self, per_epoch: int) -> int:
        return self.epochs * per_epoch

    def rewind_step(self, per_epoch: int) -> int:
        """k: the number of steps after which the rewind point is taken."""
        return round(self.rewind_epochs * per_epoch)

    def lr_at(self, progress: float) -> float:
        """Learning rate at a fraction of the training, in [0, 1)."""
        return self.lr * self.gamma ** sum(progress >= milestone for milestone in self.milestones)
