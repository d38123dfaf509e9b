"""How far the work has come, and showing it: a live display on a terminal, plain lines in a log."""

import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from rich.cells import cell_len
from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

PRIOR_SECONDS = 30.0  # of work at the estimated pace, which the measured one is blended with
LINE_SECONDS = 60.0  # between the lines of a log
MOST_PROCESSES = 8  # that have a line of their own


@dataclass
class Pace:
    """Work, in estimated seconds, and the time that it took.

    Attributes:
        total: of the whole table.
        behind: done so far.
        earlier: of that, what an earlier run did, which says nothing of this one's pace.
    """

    total: float = 0.0
    behind: float = 0.0
    earlier: float = 0.0
    started: float = field(default_factory=time.monotonic)

    @property
    def share(self) -> float:
        return self.behind / self.total if self.total else 0.0

    @property
    def elapsed(self) -> float:
        return time.monotonic() - self.started

    @property
    def left(self) -> float:
        """Seconds that are left, at the pace so far; as estimated while that is not known yet."""
        seconds_each = (self.elapsed + PRIOR_SECONDS) / (self.behind - self.earlier + PRIOR_SECONDS)
        return (self.total - self.behind) * seconds_each

    def __str__(self) -> str:
        text = f"{self.share:4.0%}  {clock(self.elapsed)} elapsed"
        return f"{text}, about {clock(self.left)} left" if self.share < 1 else text


def clock(seconds: float) -> str:
    """A duration as m:ss or h:mm:ss."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class Display(Protocol):
    """Shows a pace, and what each process is at."""

    def start(self) -> None:
        """The amount of work is known."""

    def update(self) -> None:
        """The work has come further."""

    def say(self, process: int, text: str) -> None:
        """A process is at something."""

    def write(self, text: str) -> None:
        """Print a line that stays."""

    def close(self) -> None:
        """The end."""


class Silent:
    """Shows nothing but the lines that stay."""

    def start(self) -> None: ...

    def update(self) -> None: ...

    def say(self, process: int, text: str) -> None: ...

    def write(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    def close(self) -> None: ...


class Lines(Silent):
    """A line now and then, for a log file."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._said = ""
        self._last = -LINE_SECONDS
        self._shown = False

    def update(self) -> None:
        if self._said and (now := time.monotonic()) - self._last >= LINE_SECONDS:
            self._last, self._shown = now, True
            self.write(f"progress: {self._pace}: {self._said}")

    def say(self, process: int, text: str) -> None:
        if process == os.getpid():
            self._said = text
            self.update()

    def close(self) -> None:
        if self._shown:
            self.write(f"progress: {self._pace}")


class Terminal:
    """A bar for everything, and a line for each process, in place; it fits the terminal's width.

    Args:
        listen: asks for what other processes say; called a few times a second.
    """

    def __init__(
        self, pace: Pace, listen: Callable[[], None], console: Console | None = None
    ) -> None:
        self._pace, self._listen = pace, listen
        self._at: dict[int, tuple[str, float]] = {}
        self._live = Live(
            console=console or Console(stderr=True),
            get_renderable=self._render,
            refresh_per_second=4,
            transient=True,
            redirect_stdout=False,
        )

    def start(self) -> None:
        self._live.start()

    def update(self) -> None: ...  # it looks by itself

    def say(self, process: int, text: str) -> None:
        if text:
            self._at[process] = (text, time.monotonic())
        else:
            self._at.pop(process, None)

    def write(self, text: str) -> None:
        self._live.console.print(Text(text), soft_wrap=True)

    def close(self) -> None:
        self._live.stop()

    def _render(self) -> Group:
        self._listen()
        pace = str(self._pace)
        overall = Table.grid(padding=(0, 1), expand=True)
        overall.add_column(ratio=1)
        overall.add_column(width=cell_len(pace), no_wrap=True)
        overall.add_row(ProgressBar(total=1.0, completed=self._pace.share), pace)
        processes = Table.grid(padding=(0, 1), expand=True)
        processes.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
        processes.add_column(justify="right", no_wrap=True)
        now, at = time.monotonic(), list(self._at.values())
        for text, since in at[:MOST_PROCESSES]:
            processes.add_row(Text(f"  {text}"), clock(now - since))
        if len(at) > MOST_PROCESSES:
            processes.add_row(f"  and {len(at) - MOST_PROCESSES} more", "")
        return Group(overall, processes)


def display_of(pace: Pace, listen: Callable[[], None]) -> Display:
    """What suits where stderr goes."""
    console = Console(stderr=True)
    animated = console.is_terminal and not console.is_dumb_terminal
    return Terminal(pace, listen, console) if animated else Lines(pace)
