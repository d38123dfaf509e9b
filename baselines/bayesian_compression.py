"""What the two priors of Bayesian compression share (Louizos, Ullrich & Welling 2017).

Every input of a layer is a group: one random scale multiplies all weights that read it.
"""

import math
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lottery.core.errors import BadInput
from lottery.core.layout import Layout
from lottery.core.mask import Mask
from lottery.core.network import Network
from lottery.core.randomness import child, derive
from lottery.core.result import Result
from lottery.data.batches import Data
from lottery.models.paths import effective
from lottery.search.rounds import check_finite
from lottery.training.cuda_graphs import set_lr
from lottery.training.loop import Resumable
from lottery.training.runner import Runner

START_LOG_VARIANCE = -9.0  # of every posterior, as in the authors' code


class Scales(Protocol):
    """The posterior of the scales z under one prior; g is the number of inputs of all layers."""

    parameters: dict[str, Tensor]

    def draw(self, layer: int, count: int, noise: torch.Generator) -> Tensor:
        """Samples of the scales of a layer's inputs, shape (count, inputs)."""

    def negative_kl(self) -> Tensor:
        """-KL(q(z) || p(z)), a scalar, up to a constant."""

    def mean(self) -> Tensor:
        """Posterior means, shape (g,)."""

    def log_dropout(self) -> Tensor:
        """What the threshold is on, shape (g,): the higher, the less an input matters."""


def compress(
    network: Network,
    data: Data,
    generator: torch.Generator,
    make_scales: Callable[[Layout, torch.device], Scales],
    *,
    runner: Runner,
    threshold: float,
    first_deviation: float,
    lr: float,
    epochs: int,
    warm_up: float,
    batch_size: int,
) -> Result:
    """Train the posterior of weights and scales; remove the inputs that drown in noise.

    The loss is the cross-entropy plus KL / n (Eq. 2), n the number of training images, with one
    sample of scales and pre-activations for each image. Biases and norms have no posterior.

    Args:
        make_scales: from the layout of the inputs and the device to the scales.
        threshold: inputs whose log dropout rate reaches it are removed.
        first_deviation: upper bound on the standard deviation of the first layer's weights, of
            which the prior's is 1.
        lr, epochs, batch_size: of Adam, its rate falling linearly to zero.
        warm_up: fraction of the training over which the KL term is faded in.

    Returns:
        A mask of whole neurons, over weights that are the posterior means. A weight goes with
        either of its neurons, so there are no scores.

    Raises:
        BadInput: a convolution in groups.
        ValueError: rates that are not finite in the end.
    """
    check_layers(network)
    inputs = inputs_of(network.layout)
    mean, rest = network.weights.clone(), network.rest.clone()
    log_variance = torch.full_like(mean, START_LOG_VARIANCE)
    scales = make_scales(inputs, network.device)
    learnt = {"mean": mean, "rest": rest, "log_variance": log_variance, **scales.parameters}
    parameters = [tensor.requires_grad_() for tensor in learnt.values()]
    optimiser = torch.optim.Adam(parameters, lr=lr, fused=True)
    stream = data.stream(batch_size, child(generator, "order"), augment=True)
    total = epochs * stream.steps_per_epoch
    noise = torch.Generator(network.device)
    first = network.layout.entries[0].span

    def step(i: int) -> None:
        progress = i / total
        noise.manual_seed(derive(generator.initial_seed(), "noise", i))
        x, y = stream[i]
        variance = log_variance.exp()
        logits = run_noisy(network, x, mean, rest, variance, scales, noise)
        kl = -scales.negative_kl() - weights_negative_kl(mean, variance, log_variance)
        share = min(1.0, progress / warm_up if warm_up else 1.0)
        value = network.task_loss(logits, y) + share * kl / len(data)
        gradients = torch.autograd.grad(value, parameters)
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient
        set_lr(optimiser, lr * (1 - progress))
        optimiser.step()
        with torch.no_grad():
            log_variance[first].clamp_(max=2 * math.log(first_deviation))

    runner.loop("search", range(total), step, Resumable(optimiser, **learnt))
    rates = scales.log_dropout().detach()
    check_finite(inputs, rates)
    columns = Mask(network.layout, spread(network.layout, rates < threshold))
    mask = effective(network, columns, data.dataset.shape)
    weights = mean.detach() * spread(network.layout, scales.mean().detach())
    return Result(mask, trained=network.at(weights * mask.keep, rest))


def weights_negative_kl(mean: Tensor, variance: Tensor, log_variance: Tensor) -> Tensor:
    """-KL(N(mean, variance) || N(0, 1)), summed over weights (Eq. 8)."""
    squares = variance.sum() + mean.square().sum()
    return 0.5 * (len(mean) + log_variance.sum() - squares)


def check_layers(network: Network) -> None:
    """Check that every layer's weights read all of its inputs.

    Raises:
        BadInput: a convolution in groups, whose weights do not.
    """
    for name in network.layout.names:
        layer = _layer(network, name)
        if isinstance(layer, nn.Conv2d) and layer.groups > 1:
            raise BadInput(f"Bayesian compression has no scales for {name}: it is in groups")


def inputs_of(layout: Layout) -> Layout:
    """The inputs of every layer, laid end to end."""
    return Layout.of_shapes((e.name, e.shape[1:2]) for e in layout.entries)


def spread(layout: Layout, values: Tensor) -> Tensor:
    """From a value for every input, shape (g,), to one for every weight, shape (d,)."""
    parts = inputs_of(layout).views(values)
    columns = [parts[e.name].view(1, -1, *[1] * (len(e.shape) - 2)) for e in layout.entries]
    spans = [c.expand(e.shape).reshape(-1) for c, e in zip(columns, layout.entries, strict=True)]
    return torch.cat(spans)


def run_noisy(
    network: Network,
    x: Tensor,
    mean: Tensor,
    rest: Tensor,
    variance: Tensor,
    scales: Scales,
    noise: torch.Generator,
) -> Tensor:
    """Logits under a sample of scales and pre-activations for each image (Eqs. 6 and 11).

    A layer's inputs are multiplied by their scales, and its outputs drawn from the normal
    distribution that normal weights give them (local reparametrisation).

    Args:
        x: images, shape (n, c, h, w).
        mean, variance: of the weights, shape (d,).
        rest: all other parameters.
    """
    variances = network.layout.views(variance)
    with ExitStack() as hooks:
        for index, name in enumerate(network.layout.names):
            scale, blur = _scaling(index, scales, noise), _blurring(variances[name], noise)
            layer = _layer(network, name)
            hooks.callback(layer.register_forward_pre_hook(scale).remove)
            hooks.callback(layer.register_forward_hook(blur).remove)
        return network.run(x, mean, rest)


def _scaling(index: int, scales: Scales, noise: torch.Generator) -> Callable[..., Any]:
    def scale(layer: nn.Module, inputs: tuple[Tensor]) -> Tensor:
        (x,) = inputs
        z = scales.draw(index, len(x), noise)
        between, after = (0, 2) if isinstance(layer, nn.Conv2d) else (x.dim() - 2, 0)
        return x * z.view(len(x), *[1] * between, -1, *[1] * after)

    return scale


def _blurring(variance: Tensor, noise: torch.Generator) -> Callable[..., Any]:
    def blur(layer: nn.Module, inputs: tuple[Tensor], output: Tensor) -> Tensor:
        square = inputs[0].square()
        if isinstance(layer, nn.Conv2d):
            of_output = layer._conv_forward(square, variance, None)
        else:
            of_output = F.linear(square, variance)
        # The root's slope is infinite at zero, where a unit's inputs all are.
        deviation = (of_output + 1e-12).sqrt()
        blurred: Tensor = output + deviation * torch.empty_like(output).normal_(generator=noise)
        return blurred

    return blur


def _layer(network: Network, name: str) -> nn.Module:
    return network.module.get_submodule(name.removesuffix("weight").removesuffix("."))
