"""How a density is shared out among layers."""

import math
from pathlib import Path

import torch
from torch import Tensor

from lottery.core.errors import BadInput
from lottery.core.layout import Layout
from lottery.core.mask import Mask, kept_count, top_k
from lottery.core.ticket import Ticket

KINDS = ("global", "uniform", "erk")


def keep_layerwise(layout: Layout, scores: Tensor, density: float, layers: str) -> Mask:
    """Keep the highest scores of every layer, as many as its share of the density.

    Args:
        scores: shape (d,).
        layers: "global" (one ranking, no shares), "uniform", "erk", or the path of a ticket file,
            whose layer densities are taken; its own density must then be the one asked for.

    Returns:
        A mask of exactly round(density * d) weights.

    Raises:
        BadInput: an unknown kind, or a ticket of another layout or density.
    """
    if layers == "global":
        return Mask.top(layout, scores, density)
    counts = layer_counts(layout, density, layers)
    parts = [top_k(scores[e.span], n) for e, n in zip(layout.entries, counts, strict=True)]
    return Mask(layout, torch.cat(parts))


def layer_counts(layout: Layout, density: float, layers: str) -> list[int]:
    """How many weights each layer keeps; they add up to round(density * d).

    Raises:
        BadInput: as keep_layerwise, or a density that is invalid or keeps no weight.
    """
    total = kept_count(density, layout.total)
    if layers == "uniform":
        return _rounded([density * entry.size for entry in layout.entries], layout, total)
    if layers == "erk":
        return _rounded(erdos_renyi_kernel(layout, density), layout, total)
    if not Path(layers).exists():
        raise BadInput(f"layers {layers!r} is none of {', '.join(KINDS)} and no ticket file")
    other = Ticket.load(Path(layers)).mask
    if other.layout != layout or other.kept != total:
        raise BadInput(
            f"ticket {layers} keeps {other.kept} of {other.layout.total} weights, "
            f"{total} of {layout.total} in layers like these are asked for"
        )
    return list(other.kept_per_layer().values())


def erdos_renyi_kernel(layout: Layout, density: float) -> list[float]:
    """Kept weights per layer in proportion to the sum of the tensor's dimensions (ERK, Evci et al.
    2020, Section 3): density_l ~ (n_in + n_out + kernel sizes) / (their product), at most 1.

    Layers that would exceed 1 are dense, and the others share what is left.
    """
    dense: set[str] = set()
    while True:
        free = [e for e in layout.entries if e.name not in dense]
        left = density * layout.total - sum(e.size for e in layout.entries if e.name in dense)
        scale = left / sum(sum(e.shape) for e in free) if free else 0.0
        over = {e.name for e in free if scale * sum(e.shape) > e.size}
        if not over:
            break
        dense |= over
    return [float(e.size) if e.name in dense else scale * sum(e.shape) for e in layout.entries]


def _rounded(wanted: list[float], layout: Layout, total: int) -> list[int]:
    """Whole counts within the layers' sizes that add up, by largest remainder."""
    counts = [math.floor(w + 1e-9) for w in wanted]
    order = sorted(range(len(wanted)), key=lambda i: counts[i] - wanted[i])
    sizes = [entry.size for entry in layout.entries]
    while sum(counts) < total:
        for i in order:
            if sum(counts) < total and counts[i] < sizes[i]:
                counts[i] += 1
    return counts
