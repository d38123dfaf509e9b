"""From scores to masks, in rounds: what single-shot and iterative saliency methods share."""

from collections.abc import Callable

import torch
from torch import Tensor

from lottery.core.layout import Layout
from lottery.core.mask import Mask, kept_count
from lottery.core.network import Network
from lottery.core.result import Result


def prune_in_rounds(
    network: Network, density: float, rounds: int, score: Callable[[Tensor], Tensor]
) -> Result:
    """Score, prune, and score again what is left; round r of n leaves density^(r / n).

    Args:
        density: of the mask that is returned, in (0, 1].
        rounds: 1 for single-shot.
        score: from the gates of what is left, 0 or 1 and of shape (d,), to scores of that shape;
            the gates are its own to change.

    Returns:
        The mask, and the scores; of several rounds their order, first by the round in which a
        weight was pruned and then by its score in that round.

    Raises:
        BadInput: an invalid density, or one that keeps no weight.
        ValueError: fewer than one round, or scores that are not finite, with the layer's name.
    """
    kept_count(density, network.layout.total)
    if rounds < 1:
        raise ValueError(f"rounds must be at least 1, got {rounds}")
    if rounds == 1:  # as below, with less memory
        scores = score(torch.ones_like(network.weights, dtype=torch.float32))
        check_finite(network.layout, scores)
        return Result(Mask.top(network.layout, scores, density), scores=scores)
    mask = Mask.full(network.layout, network.device)
    survived, last = torch.zeros_like(mask.keep, dtype=torch.int32), torch.zeros(())
    for r in range(1, rounds + 1):
        scores = score(mask.keep.float())
        check_finite(network.layout, scores)
        survived += mask.keep
        last = torch.where(mask.keep, scores, last.to(scores))
        mask = Mask.top(network.layout, scores, density ** (r / rounds), within=mask)
    rank = torch.unique(last, return_inverse=True)[1]  # equal scores stay equal
    return Result(mask, scores=survived.double() * len(rank) + rank)


def check_finite(layout: Layout, scores: Tensor) -> None:
    """Check that all scores are finite.

    Raises:
        ValueError: a score is NaN or infinite; the text names the first such layer.
    """
    if bool(torch.stack(scores.aminmax()).isfinite().all()):  # NaN is both of them
        return
    for entry in layout.entries:
        bad = int((~scores[entry.span].isfinite()).sum())
        if bad:
            raise ValueError(f"{bad} of {entry.size} scores of layer {entry.name} are not finite")
