"""Packages that an installation may do without: pyproject.toml's extras."""

from collections.abc import Iterator
from contextlib import contextmanager

from lottery.core.errors import BadInput


@contextmanager
def needing(extra: str) -> Iterator[None]:
    """For imports of packages of an extra.

    Raises:
        BadInput: one is not installed; the text says how to.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise BadInput(
            f"{error.name} is not installed: pip install 'lottery-benchmarks[{extra}]'"
        ) from error
