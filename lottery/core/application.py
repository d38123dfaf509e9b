"""A ticket laid over a module of anybody's."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import prune

from lottery.core.errors import BadInput
from lottery.core.layout import Layout
from lottery.core.mask import Mask

WRAPPERS = (nn.DataParallel, nn.parallel.DistributedDataParallel)


def unwrapped(module: nn.Module) -> nn.Module:
    """The module within torch.compile's and the parallel wrappers."""
    while True:
        if isinstance(module, WRAPPERS):
            module = module.module
        elif isinstance(inner := getattr(module, "_orig_mod", None), nn.Module):
            module = inner
        else:
            return module


def parameters_of(module: nn.Module, layout: Layout) -> dict[str, nn.Parameter]:
    """The tensors of a layout in a module, by name.

    Raises:
        BadInput: one is not there, or has another shape.
    """
    own = dict(module.named_parameters())
    for entry in layout.entries:
        # Of a module that torch.nn.utils.prune masks already.
        found = own.get(entry.name, own.get(f"{entry.name}_orig"))
        shape = None if found is None else tuple(found.shape)
        if shape != entry.shape:
            what = "no such parameter" if shape is None else f"one of shape {shape}"
            raise BadInput(
                f"the ticket is over {entry.name} of shape {entry.shape}, "
                f"{type(module).__name__} has {what}"
            )
        own[entry.name] = found  # type: ignore[assignment]
    return {entry.name: own[entry.name] for entry in layout.entries}


@torch.no_grad()
def zero_(module: nn.Module, mask: Mask) -> None:
    """Set pruned weights to zero, in place."""
    keep = mask.layout.views(mask.keep)
    for name, parameter in parameters_of(module, mask.layout).items():
        parameter.masked_fill_(~keep[name].to(parameter.device), 0)


@torch.no_grad()
def load_(module: nn.Module, layout: Layout, weights: Tensor, rest: Tensor) -> None:
    """Put weights, shape (d,), and all other parameters that are not frozen into a module.

    Raises:
        BadInput: they do not fit.
    """
    prunable = parameters_of(module, layout)
    taken = {id(parameter) for parameter in prunable.values()}
    others = {
        name: p for name, p in module.named_parameters() if p.requires_grad and id(p) not in taken
    }
    others_layout = Layout.of_shapes((name, p.shape) for name, p in others.items())
    if rest.shape != (others_layout.total,):
        raise BadInput(
            f"the ticket has {len(rest)} numbers besides its prunable weights, "
            f"{type(module).__name__} has {others_layout.total} that are not frozen"
        )
    values = {**layout.views(weights), **others_layout.views(rest)}
    for name, parameter in {**prunable, **others}.items():
        parameter.copy_(values[name])


def is_at(module: nn.Module, mask: Mask, weights: Tensor) -> bool:
    """Whether a module's kept weights are these, of shape (d,)."""
    views, keep = mask.layout.views(weights), mask.layout.views(mask.keep)
    for name, parameter in parameters_of(module, mask.layout).items():
        kept = keep[name].to(parameter.device)
        if not torch.equal(parameter.detach()[kept], views[name].to(parameter)[kept]):
            return False
    return True


@torch.no_grad()
def write_statistics_(module: nn.Module, statistics: Mapping[str, Tensor]) -> None:
    """Put running statistics, by the name of the buffer, into a module's norms.

    Raises:
        BadInput: a norm is not there, or keeps none.
    """
    buffers = dict(module.named_buffers())
    for name, value in statistics.items():
        if name not in buffers or buffers[name].shape != value.shape:
            raise BadInput(f"{type(module).__name__} has no {name} of shape {tuple(value.shape)}")
        buffers[name].copy_(value)


def reparametrise_(module: nn.Module, mask: Mask) -> None:
    """Mask weights in every pass, by torch.nn.utils.prune."""
    views = mask.layout.views(mask.keep)
    places = _places(module, parameters_of(module, mask.layout))
    for name, (layer, attribute) in places:
        keep = views[name].to(getattr(layer, attribute).device)
        prune.custom_from_mask(layer, attribute, keep)  # type: ignore[no-untyped-call]
    pruned = {id(layer) for _, (layer, _) in places}
    for layer in module.modules():
        # Attention reads the weight of its output layer without calling it.
        if isinstance(layer, nn.MultiheadAttention) and id(layer.out_proj) in pruned:
            layer.register_forward_pre_hook(_mask_output_layer)


def _mask_output_layer(attention: nn.Module, inputs: Any) -> None:
    layer: Any = attention.out_proj
    hooks: list[Callable[..., Any]] = list(layer._forward_pre_hooks.values())
    for hook in hooks:
        hook(layer, inputs)


def _places(
    module: nn.Module, wanted: Mapping[str, nn.Parameter]
) -> list[tuple[str, tuple[nn.Module, str]]]:
    """Every (name, (layer, attribute)) of the parameters wanted; of a shared one several."""
    names = {id(parameter): name for name, parameter in wanted.items()}
    return [
        (names[id(parameter)], (layer, attribute))
        for layer in module.modules()
        for attribute, parameter in list(layer._parameters.items())
        if id(parameter) in names
    ]
