"""Gates drawn tensor by tensor, in one vector that holds their gradient afterwards."""

from collections.abc import Callable

import torch
from torch import Tensor

from lottery.core.layout import Entry, Layout


class LayerGates:
    """Gates, each in [0, 1] and with derivative 1 by its parameter where it lies between, else 0.

    A search over flat gates keeps the noise, the gates and the gated weights of all layers until
    the backward pass. This keeps the gated weights alone, one vector of length d for all steps;
    when the backward pass is through with a layer, its part becomes the gradient by the gates'
    parameter. A gate is told from its gated weight: closed where that is 0, fully open where it is
    the weight itself; a weight of exactly 0 has no gradient either way.

    Give it to a network in place of gates, then call `gradient`.

    Args:
        weights: those under the gates, shape (d,).
    """

    def __init__(self, layout: Layout, weights: Tensor) -> None:
        self._flat = torch.empty_like(weights)
        self._layers: list[tuple[Entry, Tensor, Tensor]] = []
        for entry in layout.entries:
            # .data: a version counter of its own, as one layer turns into a gradient while those
            # before it still wait for their backward pass.
            leaf = self._flat[entry.span].view(entry.shape).data.requires_grad_()
            part = weights[entry.span].view(entry.shape)
            leaf.register_post_accumulate_grad_hook(  # type: ignore[no-untyped-call]
                _to_gate_gradient(part)
            )
            self._layers.append((entry, part, leaf))

    @torch.no_grad()
    def draw(self, sample: Callable[[Tensor, Tensor], object], parameter: Tensor) -> "LayerGates":
        """Draw all gates anew: `sample` fills its first argument with gates of its second, the
        part of `parameter`, shape (d,), that belongs to a tensor."""
        for entry, weights, leaf in self._layers:
            sample(leaf.view(-1), parameter[entry.span])
            leaf.mul_(weights)
        return self

    def gated(self) -> dict[str, Tensor]:
        """The gated weights, by name."""
        return {entry.name: leaf for entry, _, leaf in self._layers}

    def gradient(self, value: Tensor) -> Tensor:
        """The gradient of a scalar by the gates' parameter, shape (d,); overwritten by a draw."""
        value.backward()  # type: ignore[no-untyped-call]
        return self._flat


def _to_gate_gradient(weights: Tensor) -> Callable[[Tensor], None]:
    @torch.no_grad()
    def hook(leaf: Tensor) -> None:
        assert leaf.grad is not None
        between = (leaf != 0) & (leaf != weights)
        torch.mul(leaf.grad.mul_(weights), between, out=leaf)
        leaf.grad = None

    return hook
