"""Which weights are kept."""

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from lottery.core.errors import BadInput
from lottery.core.layout import Layout


def kept_count(density: float, total: int) -> int:
    """round(density * total), the number of weights that a density keeps.

    Raises:
        BadInput: density outside (0, 1], or so small that no weight is kept.
    """
    if not 0 < density <= 1:
        raise BadInput(f"density {density} is outside (0, 1]")
    count = round(density * total)
    if count == 0:
        raise BadInput(
            f"density {density} keeps none of {total} weights; "
            f"the smallest that keeps one is about {1 / total:.3g}"
        )
    return count


def layer_count(density: float, size: int) -> int:
    """round(density * size), but at least one: rounding alone empties no layer, which would cut
    the network in two."""
    return max(1, round(density * size))


def top_k(scores: Tensor, count: int) -> Tensor:
    """Bool vector, True at the `count` highest scores; among equals the earliest are taken.

    Raises:
        ValueError: a score is NaN.
    """
    if scores.numel() and scores.amax().isnan():  # the maximum of numbers and NaN is NaN
        raise ValueError(f"{int(scores.isnan().sum())} of {scores.numel()} scores are NaN")
    return top_k_of_numbers(scores, count)


def top_k_of_numbers(scores: Tensor, count: int) -> Tensor:
    """`top_k` unchecked, for scores without NaN: a check would wait for a GPU."""
    if count == 0:
        return torch.zeros_like(scores, dtype=torch.bool)
    if scores.is_cuda or scores.dtype not in (torch.float32, torch.float64):
        best = scores.sort(descending=True, stable=True).indices[:count]
        return torch.zeros_like(scores, dtype=torch.bool).index_fill_(0, best, True)
    # numpy is vectorised where torch is not on a CPU: an edge-popup step does this every time.
    values = scores.detach().numpy()
    rank = len(values) - count
    limit = np.partition(values, rank)[rank]
    keep = values >= limit
    if surplus := np.count_nonzero(keep) - count:
        ties = np.flatnonzero(values == limit)
        keep[ties[len(ties) - surplus :]] = False
    return torch.from_numpy(keep)


@dataclass(frozen=True, eq=False)
class Mask:
    """One flat bool vector over a layout, shape (d,): True is kept."""

    layout: Layout
    keep: Tensor

    def __post_init__(self) -> None:
        if self.keep.dtype != torch.bool or self.keep.shape != (self.layout.total,):
            raise ValueError(
                f"a mask over {self.layout.total} weights needs as many bools, "
                f"got {tuple(self.keep.shape)} of {self.keep.dtype}"
            )

    @classmethod
    def full(cls, layout: Layout, device: torch.device | str = "cpu") -> "Mask":
        return cls(layout, torch.ones(layout.total, dtype=torch.bool, device=device))

    @classmethod
    def top(
        cls, layout: Layout, scores: Tensor, density: float, within: "Mask | None" = None
    ) -> "Mask":
        """Keep exactly round(density * d) weights of highest score, whatever ties or infinities.

        Args:
            scores: shape (d,). Ties go to the lower index.
            density: fraction of all d weights to keep, in (0, 1].
            within: only weights that this mask keeps may be kept (nothing pruned comes back).

        Raises:
            ValueError: wrong shape, NaN scores, a density outside (0, 1] or that keeps no weight,
                or more weights asked for than `within` has.
        """
        count = kept_count(density, layout.total)
        if scores.shape != (layout.total,):
            raise ValueError(f"expected {layout.total} scores, got shape {tuple(scores.shape)}")
        if within is None:
            return cls(layout, top_k(scores, count))
        if count > within.kept:
            raise ValueError(f"density {density} asks for {count} weights, only {within.kept} left")
        keep = within.keep.clone()
        keep[within.keep] = top_k(scores[within.keep], count)
        return cls(layout, keep)

    @classmethod
    def top_per_layer(cls, layout: Layout, scores: Tensor, density: float) -> "Mask":
        """Keep `layer_count` weights of highest score in every layer of a layout.

        Raises:
            BadInput: a density outside (0, 1], or that keeps no weight.
            ValueError: scores of the wrong shape, or NaN.
        """
        kept_count(density, layout.total)
        if scores.shape != (layout.total,):
            raise ValueError(f"expected {layout.total} scores, got shape {tuple(scores.shape)}")
        parts = [top_k(scores[e.span], layer_count(density, e.size)) for e in layout.entries]
        return cls(layout, torch.cat(parts))

    @cached_property
    def kept(self) -> int:
        """How many weights are kept."""
        return int(self.keep.sum())

    @property
    def density(self) -> float:
        return self.kept / self.layout.total

    def kept_per_layer(self) -> dict[str, int]:
        return {e.name: int(self.keep[e.span].sum()) for e in self.layout.entries}

    def inputs_kept(self) -> dict[str, int]:
        """How many inputs of each layer a kept weight reads (the weights' second dimension)."""
        views = self.layout.views(self.keep)
        return {
            name: int(keep.transpose(0, 1).flatten(1).any(1).sum()) for name, keep in views.items()
        }

    def layers_emptied(self) -> int:
        """How many layers have lost every weight."""
        return sum(count == 0 for count in self.kept_per_layer().values())

    def packed(self) -> Tensor:
        """The mask as bits, eight to a byte: uint8, shape (ceil(d / 8),), on the CPU."""
        return torch.from_numpy(np.packbits(self.keep.cpu().numpy()))

    @classmethod
    def unpacked(cls, layout: Layout, bits: Tensor) -> "Mask":
        """The mask that `packed` made bits of.

        Raises:
            ValueError: bits that are not of this layout's size.
        """
        if bits.dtype != torch.uint8 or bits.shape != (-(-layout.total // 8),):
            raise ValueError(f"mask bits do not fit a layout of {layout.total} weights")
        return cls(layout, torch.from_numpy(np.unpackbits(bits.numpy(), count=layout.total) == 1))

    @cached_property
    def sha256(self) -> str:
        """Hash of the packed bits: equal for equal masks."""
        return hashlib.sha256(self.packed().numpy().tobytes()).hexdigest()
