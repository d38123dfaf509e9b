"""The experiments of `make chaos`, a few times each."""

from collections.abc import Callable

import pytest

from tests.chaos import inputs, processes
from tests.chaos.tally import Tally


@pytest.mark.parametrize(
    "run",
    [
        inputs.named,
        lambda: inputs.mutations(0, 1500),
        lambda: processes.appends(3, 10),
        lambda: processes.kills(0, 2),
        lambda: processes.signals(0, 4),
        lambda: processes.flips(0, 1),
        lambda: processes.full_disk(2),
    ],
    ids="named mutations appends kills signals flips full_disk".split(),
)
def test_nothing_is_lost_and_nothing_wrong_is_believed(run: Callable[[], Tally]) -> None:
    tally = run()
    assert tally.clean, f"{tally}\n{tally.said}"


def test_every_kind_of_bad_input_by_name_is_tried() -> None:
    assert inputs.named().tried >= 150
