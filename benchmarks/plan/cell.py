"""A cell: everything that determines one row of a table."""

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields
from typing import Any

from lottery.training.recipe import Recipe

# The version of the rules that make rows comparable: splits, recipes, counting. CHANGELOG.md says
# when and why it moves.
PROTOCOL = 2
# (method, field, value): cells of a method whose results a change of that method alone has altered
# within this protocol. Each entry gives them another key, so that earlier rows are not used.
REVISED = (
    ("edge_popup", "dataset", "cifar10"),
    ("edge_popup", "dataset", "digits"),
    ("edge_popup_epsilon", "dataset", "cifar10"),
    ("edge_popup_epsilon", "dataset", "digits"),
    ("gem_miner", "dataset", "cifar10"),
    ("gem_miner", "dataset", "digits"),
    ("synflow", "ablation", "invert"),
    # Where a layer's share of so small a density was rounded to none.
    *(
        (method, "density", 0.8**power)
        for method in ("edge_popup", "edge_popup_epsilon")
        for power in (26, 32, 38, 40, 42)
    ),
)


@dataclass(frozen=True)
class Cell:
    """One (task, method, options, density, ablation, seed).

    `suite`, `paper`, `table` and `preset` say where it is printed and take no part in its key.

    Attributes:
        options: of the method, those that are not at their default.
        density: fraction of prunable weights to keep; None where the method decides.
        pruned_at: "init" or "rewind".
        weights, norm_scale, kept: see lottery.models.initialisation.initialise.
        validation: fraction of the training set that is held out of it and judged on in place of
            the test set.
        trajectory: whether the search is judged after every epoch, for a figure.
        recipe: how the ticket is trained; it also sets the length of CTS's search.
        judged: "trained", "drawn" (as it is, untrained) or "objectives" (as drawn, and by the value
            of every objective too); None for what the method is made for: "drawn" for a strong one
            and one that trains weights of its own, else "trained".
        source: hash of the method's code where it is not part of the suite; empty where it is.
    """

    suite: str
    paper: str
    table: str
    preset: str
    method: str
    model: str
    dataset: str
    density: float | None
    pruned_at: str
    seed: int = 0
    options: Mapping[str, Any] = field(default_factory=dict, hash=False)
    ablation: str = "none"
    weights: str = "kaiming_normal"
    norm_scale: str = "uniform"
    kept: float = 1.0
    recipe: Recipe = field(default_factory=Recipe)
    judged: str | None = None
    validation: float = 0.0
    trajectory: bool = False
    source: str = ""

    @property
    def key(self) -> str:
        """Content hash of what determines the result."""
        return content_hash(self.identity())

    def identity(self) -> dict[str, Any]:
        """What determines the result, fields at their default left out."""
        kept = without_defaults(self, leave_out=("suite", "paper", "table", "preset", "recipe"))
        kept |= {"recipe": without_defaults(self.recipe), "protocol": PROTOCOL}
        if revision := sum(self.method == m and getattr(self, f) == v for m, f, v in REVISED):
            kept["revision"] = revision
        return kept

    def describe(self) -> str:
        """A few words for progress bars and messages."""
        parts = [self.method]
        if "objective" in self.options:
            parts.append(self.options["objective"])
        parts += [self.model, self.dataset]
        if self.density is not None:
            parts.append(f"density {self.density:.4g}")
        if self.ablation != "none":
            parts.append(self.ablation)
        return " ".join([*parts, f"seed {self.seed}"])


def without_defaults(thing: Any, leave_out: Collection[str] = ()) -> dict[str, Any]:
    """A dataclass's fields without those at their default: a field added later changes no hash."""
    values = asdict(thing)
    kept = {}
    for f in fields(thing):
        default = f.default if f.default_factory is MISSING else f.default_factory()
        if f.name not in leave_out and values[f.name] != default:
            kept[f.name] = values[f.name]
    return kept


def content_hash(content: Mapping[str, Any]) -> str:
    """Hash of a JSON-like configuration: 16 hexadecimal digits."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
