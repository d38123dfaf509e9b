"""What stands in results files: the columns, in the order in which they are written."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from lottery.core.catalogue import ABLATIONS
from lottery.core.csv_table import TEXT, Kind, Schema, matching, number, whole

_NAME = matching(r"[A-Za-z0-9][\w.+-]*", "a name of letters, digits, _, -, . and +")
_PLACE = {"suite": TEXT, "paper": TEXT, "table": TEXT}
_METHOD = matching(r"[A-Za-z][A-Za-z0-9_-]*", "a method's name (letters, digits, _ and -)")
_ABLATION = matching("|".join(ABLATIONS), f"one of {', '.join(ABLATIONS)}")
_PRUNED_AT = matching("init|rewind", "init or rewind")
_PERCENT, _SPENT = number(0, 100), number(0)
_KEY = matching("[0-9a-f]{16}", "sixteen hexadecimal digits")
_HASH = matching("[0-9a-f]{64}", "sixty-four hexadecimal digits")

# Those of the contract, which every results file has.
_CONTRACT: dict[str, Kind] = {
    **_PLACE,
    "method": _METHOD,
    "objective": TEXT,
    "gradient_step": TEXT,
    "search": TEXT,
    "pruned_at": _PRUNED_AT,
    "ablation": _ABLATION,
    "model": _NAME,
    "dataset": _NAME,
    "preset": _NAME,
    "density_requested": number(0, 1, empty=True),
    "density": number(0, 1),
    "seed": whole(),
    "accuracy": _PERCENT,
    "accuracy_top3": _PERCENT,
    "accuracy_top5": _PERCENT,
    "accuracy_before_training": _PERCENT,
    "search_seconds": _SPENT,
    "train_seconds": _SPENT,
    "search_epochs": _SPENT,
    "train_epochs": _SPENT,
    "params_prunable": whole(1),
    "params_kept": whole(),
    "mask_sha256": _HASH,
    "cell_key": _KEY,
    "device": TEXT,
    "torch": TEXT,
    "version": TEXT,
    "protocol": whole(),
    "commit": TEXT,
    "finished_at": TEXT,
}
# The last column is of fixed width and never empty: so a record that was cut is known by it.
_MORE: dict[str, Kind] = {
    "options": TEXT,
    "initialisation": TEXT,
    "layers_emptied": whole(empty=True),
    "accuracy_soft_gates": number(0, 100, empty=True),
    "weights_sha256": TEXT,
    "precision": TEXT,
    "weights_sha256_after": TEXT,
    "validation": number(0, 1, empty=True),
    "source": matching(r"[\w.+-]+", "a hash", empty=True),
    "variant": TEXT,
    "architecture": matching(r"\d+(-\d+)*", "numbers joined by -", empty=True),
    "details_sha256": matching("[0-9a-f]{64}", "sixty-four hexadecimal digits", empty=True),
}
COLUMNS = list(_CONTRACT)
HEADER = [*_CONTRACT, *_MORE]
ROWS = Schema({**_CONTRACT, **_MORE}, frozenset(_CONTRACT))

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
