"""What came of a cell, before it becomes a row."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from benchmarks.run.stages import Spent
from lottery.core.network import Network
from lottery.core.result import Log
from lottery.core.ticket import Ticket
from lottery.training.train import Accuracy


@dataclass(frozen=True)
class Costs:
    """What each part of a cell cost."""

    pretraining: Spent
    search: Spent
    training: Spent

    def devices(self, last: str) -> str:
        """The devices that had a part in it, each once, and the one that judged it."""
        parts = (self.pretraining, self.search, self.training)
        return " + ".join(dict.fromkeys([*(d for p in parts for d in p.devices), last]))


@dataclass(frozen=True)
class Outcome:
    """What a cell came to.

    Attributes:
        ticket: after the cell's ablation.
        judged: the network as it was judged.
        before, after: accuracy of the ticket before and after training, equal for a strong one.
        soft: accuracy under the search's soft gates, where it has some.
        weights_before, weights_after: hashes of the weights under the ticket, before the search and
            as they were judged.
        train_size: images of one epoch.
        log: of the search, see lottery.core.result.Result.
        objectives: their values by name; empty where they were not asked for.
    """

    ticket: Ticket
    judged: Network
    before: Accuracy
    after: Accuracy
    soft: Accuracy | None
    weights_before: str
    weights_after: str
    costs: Costs
    train_size: int
    log: Log
    objectives: Mapping[str, float] = field(default_factory=dict)
