"""Training a ticket, and judging one."""

from dataclasses import dataclass

import torch
from torch import Tensor

from lottery.core.finite import NotFinite
from lottery.core.mask import Mask
from lottery.core.network import Network
from lottery.core.randomness import generator
from lottery.data.batches import Data, mean_over_parts
from lottery.training.cuda_graphs import captured, set_lr
from lottery.training.loop import Keeper, NoKeeper, Resumable, run_steps
from lottery.training.recipe import Recipe


def train(
    network: Network,
    mask: Mask,
    data: Data,
    recipe: Recipe,
    seed: int,
    steps: range,
    keeper: Keeper | None = None,
) -> Network:
    """Train a masked network for the given steps of the recipe; pruned weights stay exactly zero.

    The optimiser starts fresh, the learning rate is that of the step number, and the data order
    and augmentation depend on the seed and the step alone, so that every ticket of a seed sees the
    same batches (Algorithm 3, line 9: training goes on for T - k steps).

    Args:
        network: where training starts; it is left as it is.
        mask: over the network's layout.
        steps: part of range(recipe.steps(...)).

    Returns:
        The network at its new parameters, its pruned weights zero.
    """
    d = network.layout.total
    keep = mask.keep.to(network.device, torch.float32)
    kept = torch.cat([keep, torch.ones_like(network.rest)])
    theta = (torch.cat([network.weights, network.rest]) * kept).requires_grad_()
    optimiser = torch.optim.SGD(
        [theta], recipe.lr, recipe.momentum, weight_decay=recipe.weight_decay
    )
    order = generator(seed, "training")
    stream = data.stream(recipe.batch_size, order, augment=True)
    total = recipe.steps(stream.steps_per_epoch)
    sums = recipe.gradient == "sum_clipped_all"

    def part_gradient(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Of the loss on one part by all parameters, pruned weights included; and the loss."""
        logits = network.run(x, theta[:d], theta[d:])
        loss = network.task_loss.total(logits, y) if sums else network.task_loss(logits, y)
        (gradient,) = torch.autograd.grad(loss, theta)
        return gradient, loss.detach()

    def learn(x: Tensor, y: Tensor) -> Tensor:
        gradient, loss = mean_over_parts(part_gradient, x, y, recipe.replicas)
        theta.grad = gradient if sums else gradient * kept
        torch.nn.utils.clip_grad_norm_(theta, recipe.clip_norm)
        theta.grad *= kept  # a weight of zero then stays zero under weight decay
        optimiser.step()
        return loss

    learn_from = captured(learn, optimiser)

    def step(i: int) -> None:
        set_lr(optimiser, recipe.lr_at(i / total))
        learn_from(*stream[i])

    # Named by its mask: a method may train several, one after the other.
    loop = f"training-{mask.sha256[:12]}"
    run_steps(loop, steps, step, Resumable(optimiser, theta=theta), keeper or NoKeeper())
    return network.at(theta[:d], theta[d:])


@dataclass(frozen=True)
class Accuracy:
    """Percent of images whose label is among the 1, 3 or 5 highest logits."""

    top1: float
    top3: float
    top5: float


@torch.no_grad()
def evaluate(
    network: Network, data: Data, gates: Tensor | None = None, *, part_size: int = 128
) -> Accuracy:
    """Accuracy over every image of `data`, under gates of shape (d,) where given.

    Args:
        part_size: at most so many images are normalised together, in nearly equal parts.

    Raises:
        NotFinite: the network's logits are not numbers, so there is no accuracy.
    """
    hits, bad = torch.zeros(5, device=network.device), torch.zeros((), device=network.device)
    for x, y in data.chunks(part_size):
        logits = network(x, gates, training=False)
        bad += (~torch.isfinite(logits)).any(1).sum()
        best = logits.topk(min(5, logits.shape[1]), dim=1).indices
        found = (best == y[:, None]).float().cumsum(1).sum(0)
        hits[: len(found)] += found
        hits[len(found) :] += len(y)  # fewer than five classes: the label is surely among them
    if bad:
        raise NotFinite(
            f"the network's outputs are NaN or infinite on {bad:.0f} of {len(data)} images: "
            "it has diverged"
        )
    percent = (100 * hits / len(data)).tolist()
    return Accuracy(percent[0], percent[2], percent[4])
