"""The sanity checks' ablations, each Ticket -> Ticket (CTS Section V-D; Frankle et al. 2021)."""

from collections.abc import Callable
from dataclasses import replace

import torch

from lottery.core.errors import check_name
from lottery.core.mask import Mask
from lottery.core.network import Network
from lottery.core.randomness import child, derive
from lottery.core.ticket import Ticket


class Inapplicable(ValueError):
    """A ticket does not have what an ablation needs."""


Ablation = Callable[[Ticket, torch.Generator, Callable[[int], Network]], Ticket]


def none(ticket: Ticket, generator: torch.Generator, fresh: Callable[[int], Network]) -> Ticket:
    """The ticket as it was drawn."""
    return ticket


def shuffle_layerwise(
    ticket: Ticket, generator: torch.Generator, fresh: Callable[[int], Network]
) -> Ticket:
    """Permute the mask within each layer; the layer's count stays."""
    layout, keep = ticket.mask.layout, ticket.mask.keep
    parts = []
    for entry in layout.entries:
        order = torch.randperm(entry.size, generator=child(generator, entry.name, device="cpu"))
        parts.append(keep[entry.span][order.to(keep.device)])
    return replace(ticket, mask=Mask(layout, torch.cat(parts)), scores=None)


def reinitialise(
    ticket: Ticket, generator: torch.Generator, fresh: Callable[[int], Network]
) -> Ticket:
    """The same mask over new weights of the same initialisation, of a seed named for it."""
    seed = derive(ticket.seed, "reinitialise")
    network = fresh(seed)
    return replace(ticket, seed=seed, weights=network.weights, rest=network.rest, scores=None)


def invert(ticket: Ticket, generator: torch.Generator, fresh: Callable[[int], Network]) -> Ticket:
    """Keep as many weights, those of the lowest scores; chance decides between equal ones.

    Raises:
        Inapplicable: the method left no scores.
    """
    if ticket.scores is None:
        raise Inapplicable("a ticket without scores cannot be inverted")
    layout, before = ticket.mask.layout, ticket.mask.keep
    order = torch.randperm(layout.total, generator=child(generator, "ties", device="cpu"))
    order = order.to(before.device)
    # What was pruned comes first among equals: up to density 1/2 nothing is kept twice.
    order = order[before[order].int().argsort(stable=True)]
    keep = torch.empty_like(before)
    keep[order] = Mask.top(layout, -ticket.scores[order], ticket.mask.density).keep
    return replace(ticket, mask=Mask(layout, keep), scores=-ticket.scores)


ABLATIONS: dict[str, Ablation] = {
    "none": none,
    "shuffle_layerwise": shuffle_layerwise,
    "reinitialise": reinitialise,
    "invert": invert,
}


def ablate(
    name: str, ticket: Ticket, generator: torch.Generator, fresh: Callable[[int], Network]
) -> Ticket:
    """Apply an ablation by name.

    Args:
        generator: of the shuffle, and of the inversion's choice between equal scores.
        fresh: makes the network with the initial weights of a seed; called only where needed.

    Raises:
        UnknownName: no such ablation.
    """
    return ABLATIONS[check_name("ablation", name, list(ABLATIONS))](ticket, generator, fresh)
