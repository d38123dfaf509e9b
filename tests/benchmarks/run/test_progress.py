"""The display of a run: on a terminal of 80 columns, and in a log."""

import io
import re

import pytest
from rich.console import Console

from benchmarks.run import progress
from benchmarks.run.progress import Lines, Pace, Terminal, clock
from benchmarks.run.watch import Watch

LONG = "edge_popup wide_resnet20 digits density 0.018 shuffle_layerwise seed 0, and more of it yet"


def terminal(pace: Pace, width: int = 80) -> tuple[Terminal, io.StringIO]:
    screen = io.StringIO()
    console = Console(file=screen, width=width, force_terminal=True, color_system=None)
    return Terminal(pace, lambda: None, console), screen


@pytest.mark.parametrize("width", [40, 80])
def test_every_line_fits_the_terminal(width: int) -> None:
    pace = Pace(total=1000, behind=230)
    shown, screen = terminal(pace, width)
    for process in range(12):
        shown.say(process, LONG)
    shown._live.console.print(shown._render())
    lines = screen.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    assert len(lines) == 1 + progress.MOST_PROCESSES + 1
    assert " 23%" in lines[0]
    assert re.search(r"about \d+:\d\d left", lines[0])
    assert "edge_popup wide_res" in lines[1]
    assert "…" in lines[1] or width == 120
    assert lines[-1].strip() == "and 4 more"


def test_a_process_that_ends_has_no_line_any_more() -> None:
    shown, screen = terminal(Pace(total=1))
    shown.say(1, "cts")
    shown.say(2, "ltr")
    shown.say(1, "")
    shown._live.console.print(shown._render())
    assert "ltr" in screen.getvalue()
    assert "cts" not in screen.getvalue()


def test_a_line_that_stays_is_whole_and_above_the_bar() -> None:
    shown, screen = terminal(Pace(total=1))
    shown.start()
    shown.write("error: [bold]" + "x" * 100)
    shown.close()
    assert "error: [bold]" + "x" * 100 in screen.getvalue()


def test_a_log_has_a_line_now_and_then(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = Watch()
    assert isinstance(watch._display, Lines)
    watch.expect(100)
    watch.begin(1, 0)
    watch.say("cts resnet20")
    for images in range(50):
        watch.drawn(images)
    monkeypatch.setattr(progress, "LINE_SECONDS", 0.0)
    watch.drawn(50)
    watch.write("error: it failed")
    watch.close()
    said = capsys.readouterr().err
    assert "\r" not in said
    first, later, error, last = said.splitlines()
    assert first.startswith("progress:   0%  0:00 elapsed, about 1:40 left: cts resnet20")
    assert later.startswith("progress:  50%")
    assert error == "error: it failed"
    assert last.startswith("progress:  50%")


def test_what_other_processes_are_at_is_asked_for() -> None:
    import multiprocessing

    told = multiprocessing.get_context("spawn").SimpleQueue()
    watch = Watch(show=False)
    shown, screen = terminal(watch.pace)
    watch._display = shown
    shown._listen = watch._listen
    watch.listen(told)
    told.put((7, "ltr resnet20"))
    shown._live.console.print(shown._render())
    assert "ltr resnet20" in screen.getvalue()
    told.close()


def test_durations() -> None:
    assert [clock(s) for s in (0, 59.6, 3599, 3600, 45119)] == [
        *("0:00", "1:00", "59:59", "1:00:00", "12:31:59")
    ]
