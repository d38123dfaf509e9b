"""Sparse variational dropout (Molchanov, Ashukha & Vetrov 2017)."""

import torch
import torch.nn.functional as F
from torch import Tensor

from lottery.core.mask import Mask, kept_count
from lottery.core.network import Network
from lottery.core.randomness import child, derive
from lottery.core.result import Result
from lottery.data.batches import Data
from lottery.search.gates import plan_epochs
from lottery.search.registry import method
from lottery.search.rounds import check_finite
from lottery.training.cuda_graphs import set_lr
from lottery.training.loop import Resumable
from lottery.training.runner import Runner


@method("sparse_vd", own_weights=True, pruned_at="init", plan=plan_epochs)
def sparse_vd(
    network: Network,
    data: Data,
    density: float | None,
    generator: torch.Generator,
    *,
    runner: Runner,
    threshold: float = 3.0,
    lr: float = 1e-3,
    epochs: int = 100,
    warm_up: float = 0.1,
    batch_size: int = 128,
) -> Result:
    """Train weights with Gaussian noise of learnt variance; prune where noise drowns the weight.

    The loss is the cross-entropy plus KL / n (Section 4, Eq. 14), n the number of training images.
    Noise is added to the weights once per batch, so that any layer type works; the paper samples
    each image's pre-activations instead (local reparameterisation), which has less variance.

    Args:
        density: of the ticket, which keeps the weights of lowest log alpha; None keeps those with
            log alpha below the threshold, as the paper.
        threshold: on log alpha (Section 4.4).
        lr, epochs, batch_size: of Adam, its rate falling linearly to zero.
        warm_up: fraction of the training over which the KL term is faded in.

    Returns:
        The mask over the trained weights, which are judged as they are.

    Raises:
        BadInput: an invalid density, or one that keeps no weight.
        ValueError: weights or variances that are not finite in the end.
    """
    if density is not None:
        kept_count(density, network.layout.total)
    d = network.layout.total
    theta = torch.cat([network.weights, network.rest]).requires_grad_()
    log_sigma2 = torch.full_like(network.weights, -10.0).requires_grad_()
    optimiser = torch.optim.Adam([theta, log_sigma2], lr=lr)
    stream = data.stream(batch_size, child(generator, "order"), augment=True)
    total = epochs * stream.steps_per_epoch
    noise = torch.Generator(network.device)

    def step(i: int) -> None:
        progress = i / total
        noise.manual_seed(derive(generator.initial_seed(), "weight noise", i))
        epsilon = torch.empty_like(log_sigma2).normal_(generator=noise)
        x, y = stream[i]
        weights = theta[:d] + torch.exp(0.5 * log_sigma2) * epsilon
        kl = negative_kl(log_alpha(theta[:d], log_sigma2)).sum().neg() / len(data)
        value = network.task_loss(network.run(x, weights, theta[d:]), y)
        value = value + min(1.0, progress / warm_up if warm_up else 1.0) * kl
        theta.grad, log_sigma2.grad = torch.autograd.grad(value, (theta, log_sigma2))
        set_lr(optimiser, lr * (1 - progress))
        optimiser.step()

    state = Resumable(optimiser, theta=theta, log_sigma2=log_sigma2)
    runner.loop("search", range(total), step, state)
    scores = -log_alpha(theta[:d], log_sigma2).detach()
    check_finite(network.layout, scores)
    if density is None:
        mask = Mask(network.layout, scores > -threshold)
    else:
        mask = Mask.top(network.layout, scores, density)
    return Result(mask, scores=scores, trained=network.at(theta[:d] * mask.keep, theta[d:]))


def log_alpha(theta: Tensor, log_sigma2: Tensor) -> Tensor:
    """log(sigma^2 / theta^2), shape (d,), within [-10, 10] so that exact zeros stay finite."""
    return (log_sigma2 - torch.log(theta.square() + 1e-16)).clamp(-10, 10)


def negative_kl(log_alpha: Tensor) -> Tensor:
    """The paper's approximation of -KL per weight, shape (d,), up to a constant (Eq. 14)."""
    k1, k2, k3 = 0.63576, 1.87320, 1.48695
    return k1 * torch.sigmoid(k2 + k3 * log_alpha) - 0.5 * F.softplus(-log_alpha) - k1
