"""What options mean, in the words that people have for them."""

import pytest

from benchmarks.cli.filters import FILTERS, select
from benchmarks.cli.options import parse_seeds
from benchmarks.plan.presets import get_preset
from benchmarks.plan.suites import cells_of, get_suite

CELLS = cells_of(get_suite("table2", get_preset("demo").for_suite("table2")), [0])


@pytest.mark.parametrize("texts", [("0", "1", "2"), ("0,1,2",), ("0,", "1,2"), ("0 1 2",)])
def test_seeds_stand_apart_by_blanks_or_commas(texts: tuple[str, ...]) -> None:
    assert parse_seeds(texts) == (0, 1, 2)


@pytest.mark.parametrize(
    ("said", "plain"),
    [
        (["method=CTS"], ["method=cts"]),
        (["method=Edge-Popup"], ["method=edge_popup"]),
        (["sparsity=98.2"], ["density=0.018"]),
        (["sparsity=98.20%"], ["density=0.018"]),
        (["density=1.8%"], ["density=0.018"]),
        (["sparsity=50", "sparsity=99.7"], ["density=0.5", "density=0.00302"]),
    ],
)
def test_conditions_as_people_write_them(said: list[str], plain: list[str]) -> None:
    found = select(CELLS, said, FILTERS)
    assert found == select(CELLS, plain, FILTERS)
    assert 0 < len(found) < len(CELLS)
