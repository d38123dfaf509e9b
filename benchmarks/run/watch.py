"""When to stop, and how far the work has come."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.queues import SimpleQueue
from types import FrameType

from benchmarks.run.progress import Pace, Silent, display_of


class Stopped(Exception):
    """The run was asked to stop; everything finished so far is saved."""


class Watch:
    """Stop requests (signals, time budget) and one display for the whole table.

    Args:
        budget: seconds until the run stops by itself; None for no limit.
        show: whether to show how far the work has come.
        tell: who else is told what this process is at.

    Attributes:
        pace: how far the work has come.
    """

    def __init__(
        self,
        budget: float | None = None,
        *,
        show: bool = True,
        tell: Callable[[str], None] | None = None,
    ) -> None:
        self._deadline = None if budget is None else time.monotonic() + budget
        self._budget = budget
        self._signal: str | None = None
        self._tell = tell
        self.pace = Pace()
        self._told: SimpleQueue[tuple[int, str]] | None = None
        self._display = display_of(self.pace, self._listen) if show else Silent()
        self._begun = self._seconds_per_image = self._shared = 0.0

    def listen(self, told: "SimpleQueue[tuple[int, str]]") -> None:
        """Show what other processes put there: their number, and what they are at."""
        self._told = told

    def _listen(self) -> None:
        while self._told and not self._told.empty():
            self._display.say(*self._told.get())

    def stop_reason(self) -> str | None:
        """Why the run must stop now; None if it need not."""
        if self._signal:
            return self._signal
        if self._deadline is not None and time.monotonic() > self._deadline:
            return f"the time budget of {self._budget:.0f} s is used up"
        return None

    def check(self) -> None:
        """Stop where that was asked for.

        Raises:
            Stopped: a stop was asked for.
        """
        if reason := self.stop_reason():
            raise Stopped(reason)

    @contextmanager
    def signals(self) -> Iterator[None]:
        """Turn Ctrl-C and SIGTERM into a stop request; a second Ctrl-C interrupts at once."""

        def ask(number: int, frame: FrameType | None) -> None:
            self._signal = f"{signal.Signals(number).name} received"
            signal.signal(signal.SIGINT, signal.default_int_handler)

        before = {s: signal.signal(s, ask) for s in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def expect(self, work: float) -> None:
        """Set the amount of work of the whole table, in estimated seconds."""
        self.pace.total = max(work, 1e-9)
        self._display.start()

    def begin(self, seconds_per_image: float, shared: float) -> None:
        """A cell begins.

        Args:
            seconds_per_image: what an image that it draws counts for.
            shared: its first images, which are counted with the cells before it.
        """
        self._begun = self.pace.behind
        self._seconds_per_image, self._shared = seconds_per_image, shared

    def drawn(self, images: int, *, earlier: bool = False) -> None:
        """Move the bar to where the cell has drawn so many images.

        Args:
            earlier: an earlier run drew the last of them, which says nothing of this one's pace.
        """
        work = self._begun + self._seconds_per_image * max(0, images - self._shared)
        self.reach(work, earlier=earlier)

    def reach(self, work: float, *, earlier: bool = False) -> None:
        """Set the bar to the work that is behind, whatever the images added up to."""
        work = min(work, self.pace.total)
        if earlier:
            self.pace.earlier += work - self.pace.behind
        self.pace.behind = work
        self._display.update()

    def say(self, text: str) -> None:
        """Name what this process is at; nothing for no more."""
        self._display.say(os.getpid(), text)
        if self._tell:
            self._tell(text)

    def write(self, text: str) -> None:
        """Print a line above the bar."""
        self._display.write(text)

    def close(self) -> None:
        self._display.close()
        self.say("")
