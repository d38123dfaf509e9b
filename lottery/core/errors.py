"""What goes wrong because of what was asked for."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import TypeVar

Name = TypeVar("Name", bound=str)


class BadInput(ValueError):
    """Something that was given is wrong; the text is one line that names it and what is allowed."""


class UnknownName(BadInput):
    """A name that is not known; the text gives the nearest and all valid names."""


def check_name(kind: str, name: str, valid: Iterable[Name]) -> Name:
    """Return `name` if it is one of `valid`.

    Raises:
        UnknownName: it is not.
    """
    names: dict[str, Name] = {each: each for each in valid}
    if name in names:
        return names[name]
    near = get_close_matches(name, [*names], n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    raise UnknownName(f"unknown {kind} {name!r}: {hint}valid are {', '.join(names)}")


def shown(text: str) -> str:
    """A text as messages quote it: on one line, and no longer than forty characters."""
    return repr(text if len(text) <= 40 else f"{text[:37]}...")
