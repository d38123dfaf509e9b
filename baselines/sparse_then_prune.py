"""Sparse then prune (Prasetyo, Yudistira & Widodo 2023): a penalty, pruning, fine-tuning."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor

from lottery.core.errors import BadInput, check_name
from lottery.core.mask import Mask, kept_count
from lottery.core.network import Network
from lottery.core.randomness import child
from lottery.core.result import Result
from lottery.data.batches import Data
from lottery.search.gates import cosine
from lottery.search.registry import method
from lottery.search.rounds import check_finite
from lottery.training.cuda_graphs import set_lr
from lottery.training.loop import Resumable
from lottery.training.recipe import Recipe
from lottery.training.runner import Runner

# The weight of each penalty, unless it is set: of the attention's as in the authors' code.
STRENGTHS = {"attention": 0.01, "l1": 1e-5}


def plan(
    recipe: Recipe, start: float, density: float | None, options: Mapping[str, Any]
) -> dict[str, float]:
    """The training under the penalty, which all densities share, and the fine-tuning."""
    training = {f"penalised {options}": options["epochs"]}
    return {**training, f"fine-tuning {options} {density}": options["fine_tuning_epochs"]}


@method("sparse_then_prune", own_weights=True, pruned_at="init", plan=plan)
def sparse_then_prune(
    network: Network,
    data: Data,
    density: float,
    generator: torch.Generator,
    *,
    runner: Runner,
    penalty: str = "l1",
    strength: float | None = None,
    lr: float = 0.02,
    momentum: float = 0.9,
    weight_decay: float = 1e-4,
    epochs: int = 100,
    fine_tuning_lr: float = 2e-3,
    fine_tuning_epochs: int = 20,
    batch_size: int = 128,
) -> Result:
    """Train under a sparsity penalty, prune globally by magnitude, fine-tune what is left.

    The paper fine-tunes a ViT that was trained on ImageNet-21k, for 20 epochs of SGD with momentum
    0.9 and weight decay 1e-4; its public code penalises not weights but the last block's attention,
    by the mean of log(1 + a^2), times 0.01, and prunes by global magnitude. Here there is no other
    data: the network starts from its initial weights, so the length of the training and both rates
    are ours.

    Args:
        density: fraction of prunable weights kept.
        penalty: "attention", as in the authors' code, for transformers of timm; or "l1", the sum of
            the prunable weights' absolute values, for any network.
        strength: factor on the penalty; None for 0.01 of the attention's and 1e-5 of l1.
        lr, momentum, weight_decay, epochs, batch_size: of SGD with a cosine schedule.
        fine_tuning_lr, fine_tuning_epochs: of the pruned network, without the penalty.

    Returns:
        The mask over the fine-tuned weights, which are judged as they are; as scores the
        magnitudes that it was taken from.

    Raises:
        BadInput: an invalid density, or one that keeps no weight; or a network without attention.
        UnknownName: another penalty.
        ValueError: weights that are not finite.
    """
    layout = network.layout
    kept_count(density, layout.total)
    check_name("penalty", penalty, list(STRENGTHS))
    factor = STRENGTHS[penalty] if strength is None else strength
    sgd: dict[str, Any] = {"momentum": momentum, "weight_decay": weight_decay}
    descend = partial(_descend, network, data, runner, sgd=sgd, batch_size=batch_size)
    theta = torch.cat([network.weights, network.rest])
    with PENALTIES[penalty](network) as of:
        source, keep = child(generator, "penalised"), torch.ones_like(network.weights)
        theta = descend(source, theta, keep, epochs, lr, lambda weights: factor * of(weights))
    magnitudes = theta[: layout.total].abs()
    check_finite(layout, magnitudes)
    mask = Mask.top(layout, magnitudes, density)
    source, keep = child(generator, "fine-tuning"), mask.keep.float()
    theta = descend(source, theta, keep, fine_tuning_epochs, fine_tuning_lr)
    trained = network.at(theta[: layout.total], theta[layout.total :])
    return Result(mask, scores=magnitudes, trained=trained)


Penalty = Callable[[Tensor], Tensor]


def _descend(
    network: Network,
    data: Data,
    runner: Runner,
    generator: torch.Generator,
    theta: Tensor,
    keep: Tensor,
    epochs: int,
    lr: float,
    penalty: Penalty | None = None,
    *,
    sgd: Mapping[str, Any],
    batch_size: int,
) -> Tensor:
    """All parameters after SGD on augmented images, those that `keep` leaves out at zero.

    The penalty is a function of the prunable weights, asked right after the forward pass.
    """
    d = network.layout.total
    keep = torch.cat([keep, torch.ones_like(theta[d:])])
    theta = (theta * keep).requires_grad_()
    optimiser = torch.optim.SGD([theta], lr, **sgd)
    stream = data.stream(batch_size, generator, augment=True)
    total = epochs * stream.steps_per_epoch

    def step(i: int) -> None:
        x, y = stream[i]
        value = network.task_loss(network.run(x, theta[:d], theta[d:]), y)
        if penalty:
            value = value + penalty(theta[:d])
        (theta.grad,) = torch.autograd.grad(value, theta)
        theta.grad *= keep  # so that a zero weight stays zero
        set_lr(optimiser, lr * cosine(i / total))
        optimiser.step()

    name = "penalised" if penalty else "fine-tuning"
    runner.loop(name, range(total), step, Resumable(optimiser, theta=theta))
    return theta.detach()


@contextmanager
def l1(network: Network) -> Iterator[Penalty]:
    """The sum of the weights' absolute values."""
    yield lambda weights: weights.abs().sum()


@contextmanager
def attention(network: Network) -> Iterator[Penalty]:
    """The mean of log(1 + a^2) over the last block's attention a, in the last forward pass.

    a is worked out once more from the queries and keys of timm's module, which keeps it to itself.

    Raises:
        BadInput: a network without such a block.
    """
    # Not by its class: timm takes seconds to import. Swin's attention has a bias and is another.
    blocks = [m for m in network.module.modules() if hasattr(m, "qkv") and hasattr(m, "q_norm")]
    if not blocks:
        raise BadInput("the penalty on attention needs a vision transformer of timm; try l1")
    block: Any = blocks[-1]
    seen = list[Tensor]()
    hook = block.qkv.register_forward_hook(lambda layer, inputs, output: seen.append(output))

    def penalty(weights: Tensor) -> Tensor:
        return attention_of(block, seen.pop()).square().log1p().mean()

    try:
        yield penalty
    finally:
        hook.remove()


def attention_of(block: Any, qkv: Tensor) -> Tensor:
    """Softmax of scaled products, shape (n, heads, tokens, tokens), in float32.

    Args:
        qkv: queries, keys and values of all heads, shape (n, tokens, 3 * heads * width).
    """
    heads = qkv.float().view(*qkv.shape[:2], 3, block.num_heads, -1).permute(2, 0, 3, 1, 4)
    queries: Tensor = block.q_norm(heads[0])
    keys: Tensor = block.k_norm(heads[1])
    return (float(block.scale) * queries @ keys.transpose(-2, -1)).softmax(-1)


PENALTIES = {"attention": attention, "l1": l1}
