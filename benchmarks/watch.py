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
        self._price = 1.0
        self._total = 0.0
        self._behind = 0.0

    def stop_reason(self) -> str | None:
        """Why the run must stop now; None if it need not."""
        if self._signal:
            return self._signal
        if self._deadline is not None and time.monotonic() > self._deadline:
            return f"the time budget of {self._budget:.0f} s is used up"
        return None

    def check(self) -> None:
        """Raises:
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

    def price(self, seconds_per_step: float) -> None:
        """What one step of the coming loop counts for."""
        self._price = seconds_per_step

    def step(self) -> None:
        self.reach(self._behind + self._price)

    def skip(self, steps: int) -> None:
        """Move on by steps that an earlier run took, which say nothing of this one's pace."""
        work = min(steps * self._price, self._total - self._behind)
        self._behind += work
        if not self._bar.disable:
            self._bar.initial += work
            self._bar.last_print_n += work
            self._bar.n += work
            self._bar.refresh()

    def reach(self, work: float) -> None:
        """Set the bar to the work that is behind, whatever the steps added up to."""
        work = min(work, self._total)
        self._bar.update(work - self._behind)
        self._behind = work

    def say(self, text: str) -> None:
        """Name what is under way."""
        self._bar.set_postfix_str(text)

    def write(self, text: str) -> None:
        """Print a line above the bar."""
        self._bar.write(text, file=sys.stderr)

    def close(self) -> None:
        self._bar.close()
