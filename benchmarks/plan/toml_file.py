"""TOML files that people write: every wrong key, type or value is one line with file and key."""

import tomllib
from collections.abc import Callable, Collection, Mapping
from dataclasses import fields
from importlib.resources.abc import Traversable
from typing import Any

from lottery.core.choices import PRECISIONS, PRUNED_AT
from lottery.core.errors import BadInput, check_name, shown
from lottery.training.recipe import Recipe

Check = Callable[[Any, str], None]  # of a value and where it stands; raises BadInput


def read_toml(file: Traversable) -> dict[str, Any]:
    """The content of a file.

    Raises:
        BadInput: it cannot be read, or is no TOML.
    """
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:  # TOMLDecodeError is a ValueError
        raise BadInput(f"{file}: {' '.join(str(error).split())[:300]}") from error


def _is(kinds: type | tuple[type, ...], what: str, fits: Callable[[Any], bool]) -> Check:
    def check(value: Any, where: str) -> None:
        boolean = isinstance(value, bool) and kinds is not bool
        if boolean or not isinstance(value, kinds) or not fits(value):
            raise BadInput(f"{where}: {shown(repr(value))[1:-1]} is not {what}")

    return check


TEXT = _is(str, "a text", lambda text: text.isprintable())
NAME = _is(str, "a name", lambda text: bool(text) and text.isprintable())
COUNT = _is(int, "a whole number from 0 on", lambda value: 0 <= value < 2**63)
SIZE = _is(int, "a whole number from 1 on", lambda value: 0 < value < 2**31)
NUMBER = _is((int, float), "a finite number", lambda value: abs(value) < 1e300)
DENSITY = _is((int, float), "a number in (0, 1]", lambda value: 0 < value <= 1)
SCALAR = _is((str, int, float, bool), "a number, a text, true or false", lambda value: True)


def any_scalar(value: Any, where: str) -> None:
    """A number, a text, true or false."""
    if not isinstance(value, bool):
        SCALAR(value, where)


def one_of(*names: str) -> Check:
    def check(value: Any, where: str) -> None:
        TEXT(value, where)
        check_name(where, value, names)

    return check


def list_of(kind: Check, *, least: int = 0) -> Check:
    def check(value: Any, where: str) -> None:
        if not isinstance(value, list) or len(value) < least:
            more = f" of at least {least}" if least else ""
            raise BadInput(f"{where}: {shown(repr(value))[1:-1]} is not a list{more}")
        for i, each in enumerate(value):
            kind(each, f"{where}[{i}]")

    return check


def table_of(kind: Check) -> Check:
    def check(value: Any, where: str) -> None:
        _table(value, where)
        for name, each in value.items():
            kind(each, f"{where}.{name}")

    return check


def record(kinds: Mapping[str, Check], required: Collection[str] = ()) -> Check:
    """A table of these keys alone."""

    def check(value: Any, where: str) -> None:
        _table(value, where)
        for name, each in value.items():
            check_name(f"key in {where}:", name, kinds)
            kinds[name](each, f"{where}, {name}" if "," not in where else f"{where}.{name}")
        for name in required:
            if name not in value:
                raise BadInput(f"{where}: the key {name!r} is missing")

    return check


def _table(value: Any, where: str) -> None:
    if not isinstance(value, dict):
        raise BadInput(f"{where}: {shown(repr(value))[1:-1]} is not a table")


def _kind_of(default: object) -> Check:
    if isinstance(default, bool):
        return _is(bool, "true or false", lambda value: True)
    if isinstance(default, str):
        return TEXT
    return list_of(NUMBER) if isinstance(default, tuple) else NUMBER


def options(value: Any, where: str) -> None:
    """Those of a method; a table among them holds those for the model of its name."""
    _table(value, where)
    for name, each in value.items():
        kind = table_of(any_scalar) if isinstance(each, dict) else any_scalar
        kind(each, f"{where}.{name}")


RECIPE = record({f.name: _kind_of(f.default) for f in fields(Recipe)})
_PRESET: dict[str, Check] = {
    "description": TEXT,
    "seeds": list_of(COUNT, least=1),
    "precision": one_of(*PRECISIONS, "auto"),
    "datasets": table_of(NAME),
    "models": table_of(NAME),
    "grid": table_of(list_of(COUNT)),
    "densities": table_of(list_of(DENSITY)),
    "lambdas": table_of(list_of(NUMBER)),
    "throughput": table_of(list_of(SIZE)),
    "recipe": table_of(RECIPE),
    "options": table_of(options),
}
_WHOLE_PRESET = {**_PRESET, "based_on": NAME, "suites": table_of(record(_PRESET))}
PRESET = record(_WHOLE_PRESET, ("description", "seeds"))
# A preset that is a file of its own: what it does not say is as in the one that it is based on.
OWN_PRESET = record(_WHOLE_PRESET, ("based_on",))
BASELINE = record(
    {
        "label": NAME,
        "method": NAME,
        "pruned_at": one_of(*PRUNED_AT),
        "options": table_of(any_scalar),
    },
    ("label", "method", "pruned_at"),
)
COMPARISON = record(
    {
        "title": TEXT,
        "dataset": NAME,
        "baselines": list_of(BASELINE),
        "presets": table_of(PRESET),
    },
    ("title", "dataset", "baselines", "presets"),
)
