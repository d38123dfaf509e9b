"""What came of an experiment."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from typing import Any

from lottery.core.errors import BadInput


@dataclass
class Tally:
    """All but `tried` are to be zero.

    Attributes:
        lost: rows that were finished and are not there.
        doubled: rows that are there twice.
        unequal: rows, or other results, that are not those of an undisturbed run.
        tracebacks: inputs or moments that ended in one.
        hangs: that did not end in time.
        said: of the first few, what happened.
    """

    tried: int = 0
    lost: int = 0
    doubled: int = 0
    unequal: int = 0
    tracebacks: int = 0
    hangs: int = 0
    said: str = ""

    def note(self, text: str) -> None:
        if self.said.count("\n") < 20:
            self.said += f"{text}\n"

    @property
    def clean(self) -> bool:
        return self.tried > 0 and not any(
            getattr(self, f.name) for f in fields(self) if f.name not in ("tried", "said")
        )

    def give(self, what: str, call: Callable[[], Any]) -> Any:
        """Call what may refuse its input by one line, and nothing else."""
        self.tried += 1
        try:
            return call()
        except BadInput as error:
            if len(str(error).splitlines()) != 1:
                self.tracebacks += 1
                self.note(f"{what}: more than a line: {error!r:.300}")
        except Exception as error:
            self.tracebacks += 1
            self.note(f"{what}: {error!r:.300}")
        return None

    def compare(self, found: Iterable[tuple[str, ...]], wanted: dict[str, tuple[str, ...]]) -> None:
        """Rows, key first, against those of an undisturbed run."""
        rows = list(found)
        keys = [row[0] for row in rows]
        self.doubled += len(keys) - len(set(keys))
        self.lost += len(wanted.keys() - set(keys))
        self.unequal += sum(row[1:] != wanted.get(row[0]) for row in rows)
