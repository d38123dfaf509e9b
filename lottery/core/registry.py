"""What is registered by name: methods, objectives, models, datasets."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import entry_points
from typing import Generic, TypeVar

from lottery.core.errors import BadInput, check_name

T = TypeVar("T")


def check_registered_name(kind: str, name: str, *, letter_first: bool = False) -> None:
    """Check that a name can be part of a file's name and of an option.

    Args:
        letter_first: whether a digit may not come first.

    Raises:
        BadInput: it cannot.
    """
    first, rule = ("A-Za-z", "a letter first") if letter_first else ("A-Za-z0-9", "no sign first")
    if not re.fullmatch(f"[{first}][A-Za-z0-9_-]*", name):
        raise BadInput(f"{kind} name {name!r} has to be letters, digits, _ and -, {rule}")


class Registry(Generic[T]):
    """Things of one kind by name; an installed package adds more through an entry-point group."""

    def __init__(self, kind: str, group: str | None = None) -> None:
        self.kind = kind
        self._group = group
        self._found: dict[str, T] = {}

    def add(self, name: str, thing: T) -> None:
        """Register under a name.

        Raises:
            ValueError: the name is taken.
        """
        if name in self._found:
            raise ValueError(f"{self.kind} {name!r} is registered already")
        self._found[name] = thing

    @contextmanager
    def temporarily(self, things: Mapping[str, T] | None = None) -> Iterator[None]:
        """Add things, or put them in place of others, for as long as the block runs; what else is
        added within it goes too."""
        self._load_plugins()
        before = self._found
        self._found = {**before, **(things or {})}
        try:
            yield
        finally:
            self._found = before

    def present(self) -> dict[str, T]:
        """What has been registered so far; installed packages are not asked for more."""
        return dict(self._found)

    def names(self) -> list[str]:
        self._load_plugins()
        return sorted(self._found)

    def __getitem__(self, name: str) -> T:
        """Look a name up.

        Raises:
            UnknownName: with the nearest valid names.
            BadInput: an installed package that adds names does not load.
        """
        return self._found[check_name(self.kind, name, self.names())]

    def _load_plugins(self) -> None:
        if self._group is None:
            return
        for plugin in entry_points(group=self._group):
            try:
                plugin.load()  # importing the module runs its decorators
            except Exception as error:  # whatever an installed package raises
                raise BadInput(
                    f"the {self.kind} {plugin.name!r} of an installed package ({plugin.value}) "
                    f"does not load: {type(error).__name__}: {error}"
                ) from error
        self._group = None
