"""When to stop, and how far the work has come."""

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from tqdm import tqdm


class Stopped(Exception):
    """The run was asked to stop; everything finished so far is saved."""


class Watch:
    """Stop requests (signals, time budget) and one progress bar for the whole table.

    Args:
        budget: seconds until the run stops by itself; None for no limit.
        show: whether to draw the bar.
    """

    def __init__(self, budget: float | None = None, *, show: bool = True) -> None:
        self._deadline = None if budget is None else time.monotonic() + budget
        self._budget = budget
        self._signal: str | None = None
        self._bar = tqdm(
            total=0,
            disable=not show,
            file=sys.stderr,
            smoothing=0.1,
            mininterval=0.2 if sys.stderr.isatty() else 60,  # a log file wants few lines
            bar_format="{l_bar}{bar}| {elapsed} elapsed, about {remaining} left{postfix}",
        )
        self._total = self._behind = self._begun = 0.0
        self._seconds_per_image = self._shared = 0.0

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
        self._total = self._bar.total = max(work, 1e-9)
        self._bar.refresh()

    def begin(self, seconds_per_image: float, shared: float) -> None:
        """A cell begins.

        Args:
            seconds_per_image: what an image that it draws counts for.
            shared: its first images, which are counted with the cells before it.
        """
        self._begun = self._behind
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
        work = min(work, self._total)
        more, self._behind = work - self._behind, work
        if earlier and more and not self._bar.disable:
            self._bar.initial += more
            self._bar.last_print_n += more
            self._bar.n += more
            self._bar.refresh()
        else:
            self._bar.update(more)

    def say(self, text: str) -> None:
        """Name what is under way."""
        self._bar.set_postfix_str(text)

    def write(self, text: str) -> None:
        """Print a line above the bar."""
        self._bar.write(text, file=sys.stderr)

    def close(self) -> None:
        self._bar.close()
