import warnings

import pytest

from benchmarks.watch import Watch


def test_the_bar_ends_full_whatever_steps_and_sums_come_to(
    capsys: pytest.CaptureFixture[str],
) -> None:
    watch = Watch()
    watch.expect(0.6)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        watch.price(0.5)
        for _ in range(3):
            watch.step()
        watch.reach(0.3)
        watch.reach(0.1 + 0.2 + 0.3)  # more than 0.6 by rounding
        watch.close()
    assert "100%" in capsys.readouterr().err.split("\r")[-1]
