"""The ordered prunable tensors of a model."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import prod

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Entry:
    """One tensor of a layout: its parameter name, its shape, its start in the flat vector."""

    name: str
    shape: tuple[int, ...]
    offset: int

    @property
    def size(self) -> int:
        return prod(self.shape)

    @property
    def span(self) -> slice:
        """The part of a flat vector that belongs to this tensor."""
        return slice(self.offset, self.offset + self.size)


@dataclass(frozen=True)
class Layout:
    """Names, shapes and offsets of tensors that are laid end to end in one flat vector."""

    entries: tuple[Entry, ...]

    @classmethod
    def of_shapes(cls, shapes: Iterable[tuple[str, Iterable[int]]]) -> "Layout":
        """Lay out (name, shape) pairs in the order given."""
        entries, offset = [], 0
        for name, shape in shapes:
            entry = Entry(name, tuple(shape), offset)
            entries.append(entry)
            offset += entry.size
        return cls(tuple(entries))

    @classmethod
    def prunable(cls, module: nn.Module, keep_dense: Iterable[str] = ()) -> "Layout":
        """The weights of every Conv2d and Linear of `module`, in the module's own order.

        `keep_dense` names submodules whose weights stay out (VGG-16's classifier). Biases and
        norms are never prunable.

        Raises:
            ValueError: the module has no prunable weight, or `keep_dense` names none of its layers.
        """
        layers = {
            name: layer
            for name, layer in module.named_modules()
            if isinstance(layer, nn.Conv2d | nn.Linear)
        }
        for name in keep_dense:
            if layers.pop(name, None) is None:
                raise ValueError(f"keep_dense names {name!r}, which is no Conv2d or Linear here")
        if not layers:
            raise ValueError(f"{type(module).__name__} has no prunable weight (Conv2d or Linear)")
        return cls.of_shapes(
            (f"{name}.weight" if name else "weight", layer.weight.shape)
            for name, layer in layers.items()
        )

    @cached_property
    def total(self) -> int:
        """d: the number of elements of the flat vector."""
        return sum(entry.size for entry in self.entries)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(entry.name for entry in self.entries)

    @property
    def layer_names(self) -> tuple[str, ...]:
        """The modules that the tensors are weights of; "" is the network itself."""
        return tuple(name.removesuffix("weight").removesuffix(".") for name in self.names)

    def views(self, flat: Tensor) -> dict[str, Tensor]:
        """Views of a flat vector, shape (d,), in the tensors' own shapes. Differentiable.

        Raises:
            ValueError: a vector of another length.
        """
        if flat.shape != (self.total,):
            raise ValueError(f"expected a flat vector of {self.total}, got {tuple(flat.shape)}")
        parts = torch.split(flat, [entry.size for entry in self.entries])
        return {e.name: part.view(e.shape) for e, part in zip(self.entries, parts, strict=True)}

    def flatten(self, tensors: Mapping[str, Tensor]) -> Tensor:
        """Lay tensors, by name, end to end into a flat vector of shape (d,)."""
        if not self.entries:
            return torch.empty(0)
        return torch.cat([tensors[name].reshape(-1) for name in self.names])

    def fan_in(self, name: str) -> int:
        """Inputs to one output unit of a tensor: the product of all dimensions but the first."""
        return prod(next(entry for entry in self.entries if entry.name == name).shape[1:])
