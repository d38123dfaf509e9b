"""From the command line to the training step in a dozen calls."""

import traceback
from pathlib import Path

import pytest

from tests.benchmarks.conftest import Run


class Reached(BaseException):
    """Raised with the names of the functions from the command to a training loop."""


def reach(*arguments: object) -> None:
    calls = [f"{Path(f.filename).name}:{f.name}" for f in traceback.extract_stack()]
    raise Reached(calls[calls.index("suite.py:main") :])


@pytest.mark.parametrize(("suite", "method"), [("table1", "snip"), ("table2", "ltr")])
def test_at_most_twelve_frames_from_main_to_the_training_step(
    run: Run, monkeypatch: pytest.MonkeyPatch, suite: str, method: str
) -> None:
    monkeypatch.setattr("lottery.training.train.run_steps", reach)
    with pytest.raises(Reached) as reached:
        run(suite, "--preset", "tiny", "--only", f"method={method}", "--jobs", "1")
    (calls,) = reached.value.args
    step = ["train.py:step"]
    assert len(calls) + len(step) <= 12, calls
