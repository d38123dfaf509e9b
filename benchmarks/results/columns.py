"""What stands in results files: the columns, in the order in which they are written."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from lottery.core.catalogue import ABLATIONS
from lottery.core.csv_table import TEXT, Kind, Schema, matching, number, whole

_NAME = matching(r"[A-Za-z0-9][\w.+-]*", "a name of letters, digits, _, -, . and +")
_METHOD = matching(r"[A-Za-z][A-Za-z0-9_-]*", "a method's name (letters, digits, _ and -)")
_ABLATION = matching("|".join(ABLATIONS), f"one of {', '.join(ABLATIONS)}")
_PRUNED_AT = matching("init|rewind", "init or rewind")
_PERCENT, _SPENT = number(0, 100), number(0)
_KEY = matching("[0-9a-f]{16}", "sixteen hexadecimal digits")
_HASH = matching("[0-9a-f]{64}", "sixty-four hexadecimal digits")
_ARCHITECTURE = matching(r"\d+(-\d+)*", "numbers joined by -", empty=True)


@dataclass(frozen=True)
class Column:
    """A column of the rows: what may stand in it, and what a finished cell puts there.

    Attributes:
        path: where the value is among the facts of benchmarks/run/row.py; empty for what the store
            itself puts there.
        form: how it is written, as of format(); None is written as nothing.
    """

    kind: Kind
    path: str = ""
    form: str = ""

    def of(self, facts: object) -> Any:
        """The value in a row that is made of some facts."""
        value = attrgetter(self.path)(facts)
        if value is None:
            return ""
        return format(value, self.form) if self.form else value


# Those of the contract, which every results file has.
_CONTRACT = {
    "suite": Column(TEXT, "cell.suite"),
    "paper": Column(TEXT, "cell.paper"),
    "table": Column(TEXT, "cell.table"),
    "method": Column(_METHOD, "cell.method"),
    "objective": Column(TEXT, "objective"),
    "gradient_step": Column(TEXT, "gradient_step"),
    "search": Column(TEXT, "search"),
    "pruned_at": Column(_PRUNED_AT, "cell.pruned_at"),
    "ablation": Column(_ABLATION, "cell.ablation"),
    "model": Column(_NAME, "cell.model"),
    "dataset": Column(_NAME, "cell.dataset"),
    "preset": Column(_NAME, "cell.preset"),
    "density_requested": Column(number(0, 1, empty=True), "cell.density", ".9g"),
    "density": Column(number(0, 1), "mask.density", ".9g"),
    "seed": Column(whole(), "cell.seed"),
    "accuracy": Column(_PERCENT, "outcome.after.top1", ".4f"),
    "accuracy_top3": Column(_PERCENT, "outcome.after.top3", ".4f"),
    "accuracy_top5": Column(_PERCENT, "outcome.after.top5", ".4f"),
    "accuracy_before_training": Column(_PERCENT, "outcome.before.top1", ".4f"),
    "search_seconds": Column(_SPENT, "search_seconds", ".3f"),
    "train_seconds": Column(_SPENT, "train_seconds", ".3f"),
    "search_epochs": Column(_SPENT, "search_epochs", ".4f"),
    "train_epochs": Column(_SPENT, "train_epochs", ".4f"),
    "params_prunable": Column(whole(1), "mask.layout.total"),
    "params_kept": Column(whole(), "mask.kept"),
    "mask_sha256": Column(_HASH, "mask.sha256"),
    "cell_key": Column(_KEY, "cell.key"),
    "device": Column(TEXT, "device"),
    "torch": Column(TEXT, "torch"),
    "version": Column(TEXT, "version"),
    "protocol": Column(whole(), "protocol"),
    "commit": Column(TEXT, "commit"),
    "finished_at": Column(TEXT, "finished_at"),
}
# The last column is of fixed width and never empty: so a record that was cut is known by it.
_MORE = {
    "options": Column(TEXT, "options"),
    "initialisation": Column(TEXT, "initialisation"),
    "layers_emptied": Column(whole(empty=True), "layers_emptied"),
    "accuracy_soft_gates": Column(number(0, 100, empty=True), "soft_accuracy", ".4f"),
    "weights_sha256": Column(TEXT, "outcome.weights_before"),
    "precision": Column(TEXT, "outcome.judged.precision"),
    "weights_sha256_after": Column(TEXT, "outcome.weights_after"),
    "validation": Column(number(0, 1, empty=True), "validation", "g"),
    "source": Column(matching(r"[\w.+-]+", "a hash", empty=True), "cell.source"),
    "variant": Column(TEXT, "cell.variant"),
    "architecture": Column(_ARCHITECTURE, "architecture"),
    "details_sha256": Column(matching("[0-9a-f]{64}", "sixty-four hexadecimal digits", empty=True)),
}
COLUMNS = {**_CONTRACT, **_MORE}
HEADER = [*COLUMNS]
ROWS = Schema({name: c.kind for name, c in COLUMNS.items()}, frozenset(_CONTRACT))

_ANY = number(empty=True)
_LAYER = {"epoch": whole(empty=True), "layer": TEXT, "params": whole(1), "kept": whole()}
_OBJECTIVE = {"objective": matching(r"[A-Za-z]\w*", "an objective's name"), "value": number()}
_SEARCH = dict.fromkeys(
    (
        *("epoch", "objective", "expected_density", "density", "strength"),
        *("accuracy", "accuracy_soft_gates"),
    ),
    _ANY,
)


def _beside(columns: Mapping[str, Kind]) -> Schema:
    whole_line = {"cell_key": _KEY, **columns}
    return Schema(whole_line, frozenset(whole_line))


# Tables beside the rows. A layer's epoch is empty for the ticket itself.
DETAILS = {"search": _beside(_SEARCH), "layers": _beside(_LAYER), "objectives": _beside(_OBJECTIVE)}
Details = Mapping[str, Sequence[Mapping[str, Any]]]


def details_hash(details: Details) -> str:
    """Hash of a cell's lines of every table of DETAILS, as they are written."""
    texts = [
        [table, *("" if (value := line.get(name)) is None else str(value) for name in columns)]
        for table, schema in DETAILS.items()
        for line in details.get(table, ())
        for columns in [[name for name in schema.columns if name != "cell_key"]]
    ]
    return hashlib.sha256(json.dumps(texts).encode()).hexdigest()
