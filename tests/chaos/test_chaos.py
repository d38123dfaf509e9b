"""The experiments of `make chaos`, a few times each."""

from collections.abc import Callable

import pytest

from tests.chaos import inputs, processes
from tests.chaos.tally import Tally


@pytest.mark.parametrize(
    "run",
    [
        inputs.named,
        lambda: inputs.mutations(0, 1000),
        lambda: processes.appends(2, 20),
        lambda: processes.kills(0, 1),
        lambda: processes.signals(0, 2),
        lambda: processes.flips(0, 1),
        lambda: processes.full_disk(1),
    ],
    ids="named mutations appends kills signals flips full_disk".split(),
)
def test_nothing_is_lost_and_nothing_wrong_is_believed(run: Callable[[], Tally]) -> None:
    tally = run()
    assert tally.clean, f"{tally}\n{tally.said}"
    if run is inputs.named:
        assert tally.tried >= 150
