"""From a ticket file back to a network."""

import re
from pathlib import Path

from lottery.core.errors import BadInput, UnknownName, check_name, shown
from lottery.core.initialisation import Initialisation
from lottery.core.network import Network
from lottery.core.ticket import Ticket
from lottery.data import DATASETS
from lottery.models.zoo import build


def read(path: Path) -> Ticket:
    """Ticket.load, for a path that a person gave.

    Raises:
        BadInput: there is no such file, or it is no ticket.
    """
    if not path.is_file():
        raise BadInput(f"there is no ticket file {path}")
    try:
        return Ticket.load(path)
    except ValueError as error:
        raise BadInput(str(error)) from error


def rebuild(ticket: Ticket) -> Network:
    """The network that a ticket lies over, pruned weights included, on the CPU.

    Its weights are the ticket's own, or made again from its seed; model, dataset and initialisation
    are read from its provenance.

    Raises:
        BadInput: the provenance names no model of the suite, or one of another layout.
    """
    provenance = ticket.provenance
    for name in ("model", "dataset"):
        if name not in provenance:
            raise BadInput(f"the ticket's provenance names no {name}")
    kept = provenance.get("kept", "1")
    if not re.fullmatch(r"1(\.0*)?|0\.\d+", kept):
        raise BadInput(f"the ticket's provenance has kept {shown(kept)}, no fraction above 0")
    try:
        initialisation = Initialisation.of_facts(provenance)
    except UnknownName as error:
        raise BadInput(f"the ticket's provenance has an {error}") from error
    facts = DATASETS[check_name("dataset", provenance["dataset"], list(DATASETS))]
    network = build(
        provenance["model"],
        facts.shape,
        facts.classes,
        ticket.seed,
        initialisation=initialisation,
    )
    task = f"{provenance['model']} on {provenance['dataset']}"
    if network.layout != ticket.mask.layout:
        raise BadInput(f"the ticket's layout is not that of {task}")
    rest = ticket.rest
    if ticket.weights is not None and (rest is None or rest.shape != network.rest.shape):
        raise BadInput(f"the ticket's rest does not fit {task}")
    if ticket.weights is not None and ticket.weights.dtype != network.weights.dtype:
        raise BadInput(f"the ticket's weights are {ticket.weights.dtype}, not float32")
    return network if ticket.weights is None else network.at(ticket.weights, ticket.rest)
