"""The ordered prunable tensors of a model."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from math import prod

import torch
from torch import Tensor, nn

from lottery.core.prunable import LeftOut, described, prunable


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
    """Names, shapes and offsets of tensors that are laid end to end in one flat vector.

    Attributes:
        left_out: parameters of the module that are not in it; two layouts without a difference but
            this one are the same.
    """

    entries: tuple[Entry, ...]
    left_out: tuple[LeftOut, ...] = field(default=(), compare=False, repr=False)

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
        """The weights of every convolution and linear layer of `module`, in the module's own order.

        A tensor that several layers share is there once. Biases, norms and frozen parameters are
        never prunable; `left_out` has them with the reason.

        Args:
            keep_dense: submodules whose weights stay out (VGG-16's classifier).

        Raises:
            ValueError: the module has no prunable weight, or `keep_dense` names a module without.
            BadInput: a layer's weight is made from other tensors (weight_norm, a pruned layer).
        """
        found, left_out = prunable(module, keep_dense)
        return cls(cls.of_shapes(found).entries, tuple(left_out))

    def __str__(self) -> str:
        """What is prunable and what is not, line by line."""
        return "\n".join(described([(e.name, e.shape) for e in self.entries], self.left_out))

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
        return tuple(name.rpartition(".")[0] for name in self.names)

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
