"""A table of lines: the neurons that are left."""

import pytest

from benchmarks.judge.tables.lines import average_architecture


@pytest.mark.parametrize(
    ("architectures", "expected"),
    [
        (["278-98-13"], "278-98-13"),
        (["278-98-13", "282-99-14"], "280-98-14"),
        (["278-98-13", ""], "278-98-13"),
        ([""], ""),
        ([], ""),
    ],
)
def test_the_mean_of_every_layer(architectures: list[str], expected: str) -> None:
    rows = [{"architecture": text} for text in architectures]
    assert average_architecture(rows) == expected
