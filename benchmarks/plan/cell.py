"""A cell: everything that determines one row of a table."""

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, Literal

from lottery.core.choices import PrunedAt
from lottery.core.initialisation import Initialisation
from lottery.training.recipe import Recipe

# The version of the rules that make rows comparable: splits, recipes, counting. CHANGELOG.md says
# when and why it moves.
PROTOCOL = 3
# (method, field, value): cells of a method whose results a change of that method alone has altered
# within this protocol. Each entry gives them another key, so that earlier rows are not used.
REVISED: tuple[tuple[str, str, Any], ...] = ()


Judged = Literal["trained", "drawn", "objectives"]
# Fields of a cell that say where it is printed and how it is called there.
PLACE = ("suite", "paper", "table", "preset", "variant")
# Fields of a cell's identity that are its task: what is trained, on what, and how. `trajectory` is
# among them only so that stages keep the keys that they have.
TASK = (
    *("model", "dataset", "seed", "initialisation", "validation", "trajectory"),
    *("recipe", "protocol", "model_source", "dataset_source"),
)


@dataclass(frozen=True)
class Cell:
    """One (task, method, options, density, ablation, seed).

    `suite`, `paper`, `table` and `preset` say where it is printed, `variant` what it is called
    there; they take no part in its key.

    Attributes:
        variant: what tells it from other cells of its method, in words for people; else empty.
        options: of the method, those that are not at their default.
        density: fraction of prunable weights to keep; None where the method decides.
        pruned_at: "init" or "rewind": the weights that the ticket lies over.
        searched_at: where the method draws, if it is elsewhere: "rewind" for a mask that is then
            laid over the initial weights.
        initialisation: of the weights, norms and biases.
        validation: fraction of the training set that is held out of it and judged on in place of
            the test set.
        trajectory: whether the search is judged after every epoch, for a figure.
        recipe: how the ticket is trained; it also sets the length of CTS's search.
        judged: "trained", "drawn" (as it is, untrained) or "objectives" (as drawn, and by the value
            of every objective too); None for what the method is made for: "drawn" for a strong one
            and one that trains weights of its own, else "trained".
        source: hash of the method's code where it is not part of the suite; empty where it is.
        model_source: likewise of the model's code.
        dataset_source: hash of the images, labels and augmentation of a dataset that is not part of
            the suite; empty where it is.
    """

    suite: str
    paper: str
    table: str
    preset: str
    method: str
    model: str
    dataset: str
    density: float | None
    pruned_at: PrunedAt
    seed: int = 0
    options: Mapping[str, Any] = field(default_factory=dict, hash=False)
    ablation: str = "none"
    searched_at: str = ""
    initialisation: Initialisation = field(default_factory=Initialisation)
    recipe: Recipe = field(default_factory=Recipe)
    judged: Judged | None = None
    validation: float = 0.0
    trajectory: bool = False
    source: str = ""
    variant: str = ""
    model_source: str = ""
    dataset_source: str = ""

    @property
    def drawn_at(self) -> str:
        """Where the method draws, "init" or "rewind"."""
        return self.searched_at or self.pruned_at

    @property
    def key(self) -> str:
        """Content hash of what determines the result."""
        return content_hash(self.identity())

    def identity(self) -> dict[str, Any]:
        """What determines the result, fields at their default left out."""
        kept = without_defaults(self, leave_out=(*PLACE, "recipe"))
        if "initialisation" in kept:
            kept["initialisation"] = without_defaults(self.initialisation)
        kept |= {"recipe": without_defaults(self.recipe), "protocol": PROTOCOL}
        rules = [(f, v) for method, f, v in REVISED if method == self.method]
        if revision := len([v for f, v in rules if getattr(self, f) == v]):
            kept["revision"] = revision
        return kept

    def task(self) -> dict[str, Any]:
        """What of it determines the weights that the method draws for, at a given step."""
        return {name: value for name, value in self.identity().items() if name in TASK}

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
    kept = {}
    for f in fields(thing):
        default = f.default if f.default_factory is MISSING else f.default_factory()
        value = getattr(thing, f.name)
        if f.name not in leave_out and value != default:
            kept[f.name] = value
    return kept


def content_hash(content: Mapping[str, Any]) -> str:
    """Hash of a JSON-like configuration: 16 hexadecimal digits."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def source_hash(code: bytes) -> str:
    """Hash of a file of code, as `source` has a method's."""
    return hashlib.sha256(code).hexdigest()[:16]
