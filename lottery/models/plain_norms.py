"""Passes in which norms do not normalise."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils.hooks import RemovableHandle

from lottery.core.errors import BadInput
from lottery.core.network import Network
from lottery.core.outputs import Inputs
from lottery.core.prunable import is_norm

Substitutes = Mapping[Callable[..., Any], Callable[..., Tensor]]


def scale_channels(x: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    """The scale and shift of a norm, by channel, the second dimension of x."""
    return scale_last(x, (-1, *[1] * (x.dim() - 2)), weight, bias)


def scale_last(
    x: Tensor,
    shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    *_: Any,
    **__: Any,
) -> Tensor:
    """The scale and shift of a norm, along the last dimensions of x, which have the shape."""
    if weight is not None:
        x = x * weight.view(*shape)
    return x if bias is None else x + bias.view(*shape)


def scale_batch(
    x: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    *_: Any,
    **__: Any,
) -> Tensor:
    """The scale and shift of batch and instance norms."""
    return scale_channels(x, weight, bias)


def scale_group(
    x: Tensor,
    groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    *_: Any,
    **__: Any,
) -> Tensor:
    """The scale and shift of group norms."""
    return scale_channels(x, weight, bias)


# Called as torch's functions are: of norms only scale and shift are left.
SCALES: Substitutes = {
    F.batch_norm: scale_batch,
    F.instance_norm: scale_batch,
    F.group_norm: scale_group,
    F.layer_norm: scale_last,
    F.rms_norm: scale_last,
}


def rescale(x: Tensor, *_: Any, **__: Any) -> Tensor:
    """In a norm's place, a division by the largest value there is, taken as a constant: zeros stay
    zero, nothing is mixed, and what comes after neither saturates nor leaves float64's range."""
    largest = x.detach().abs().amax()
    return x / torch.where(largest > 0, largest, 1)


class PlainNetwork(Network):
    """A network whose passes, in evaluation mode, have substitutes for some functions of torch.

    So a norm is recognised by what it calls, not by its class: one that permutes its input first,
    or has an activation behind it, is right as well.

    Args:
        network: what it is a copy of, in float64.
        substitutes: what stands for which function.

    Raises:
        BadInput: in a pass, a norm that calls none of torch's functions; the text names it.
    """

    def __init__(self, network: Network, module: nn.Module, substitutes: Substitutes) -> None:
        super().__init__(module.double(), network.layout, device=network.device)
        self._substitutes = substitutes

    def run(
        self,
        x: Inputs,
        weights: Tensor | Mapping[str, Tensor],
        rest: Tensor,
        *,
        training: bool = False,
    ) -> Tensor:
        mode = _Substituted(self._substitutes)
        hooks = [hook for item in _norms(self.module) for hook in mode.watch(*item)]
        try:
            with mode:
                return super().run(x, weights, rest, training=False)
        finally:
            for hook in hooks:
                hook.remove()


def _norms(module: nn.Module) -> list[tuple[str, nn.Module]]:
    """The modules that call themselves norms and hold no other layers, with their names."""
    return [
        (name, layer)
        for name, layer in module.named_modules()
        if is_norm(layer) and not any(any(True for _ in c.parameters()) for c in layer.children())
    ]


class _Substituted(TorchFunctionMode):
    def __init__(self, substitutes: Substitutes) -> None:
        super().__init__()
        self._substitutes = substitutes
        self._count = 0

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        substitute = self._substitutes.get(func)
        if substitute is None:
            return func(*args, **(kwargs or {}))
        self._count += func in SCALES
        return substitute(*args, **(kwargs or {}))

    def watch(self, name: str, layer: nn.Module) -> list[RemovableHandle]:
        """Refuse the pass if a norm calls nothing that there is a substitute for."""
        seen = [0]

        def before(*_: Any) -> None:
            seen[0] = self._count

        def after(*_: Any) -> None:
            if self._count == seen[0]:
                raise BadInput(
                    f"{name} ({type(layer).__name__}) normalises by means of its own, which cannot "
                    "be taken out of the network; torch's norms can, and those that call them"
                )

        return [layer.register_forward_pre_hook(before), layer.register_forward_hook(after)]
