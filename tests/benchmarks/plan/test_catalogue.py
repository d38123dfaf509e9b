"""What the catalogue says is what the code does."""

import pytest

from benchmarks.plan.presets import get_preset
from benchmarks.plan.suites import SUITES, get_suite
from benchmarks.run.methods import methods
from lottery.core import ablations, catalogue
from lottery.core.catalogue import METHODS, ablations_of, known, stated
from lottery.search.registry import objectives
from plots import style


def test_every_method_of_the_suite_is_in_it() -> None:
    own = {name for name in methods.names() if methods[name].draw.__module__.startswith("bas")}
    assert own < METHODS.keys() <= set(methods.names())


@pytest.mark.parametrize("name", METHODS)
def test_defaults_are_those_of_the_signatures(name: str) -> None:
    options = methods[name].options
    assert {option: options[option] for option in METHODS[name].defaults} == METHODS[name].defaults


def test_options_at_their_default_are_not_stated() -> None:
    assert stated("crbg", {"lam": 0.05, "epochs": 30, "lr": 0.1}) == {"epochs": 30, "lr": 0.1}
    assert stated("mine", {"lam": 0.05}) == {"lam": 0.05}


def test_ablations_and_objectives_are_those_that_there_are() -> None:
    assert list(catalogue.ABLATIONS) == list(ablations.ABLATIONS)
    own = {name for name in objectives.names() if not name.startswith("throughput")}
    assert own == catalogue.OBJECTIVES.keys()
    assert catalogue.SALIENCY_OF.keys() < catalogue.OBJECTIVES.keys()


def test_which_ablations_mean_something() -> None:
    assert ablations_of("snip", "init") == list(ablations.ABLATIONS)
    assert ablations_of("mine", "rewind") == ["none", "shuffle_layerwise", "invert"]
    assert ablations_of("ltr", "rewind") == ["none", "shuffle_layerwise"]
    assert ablations_of("imp", "init") == ["none", "shuffle_layerwise", "reinitialise"]


@pytest.mark.parametrize("suite", SUITES)
def test_lines_call_a_method_by_its_label(suite: str) -> None:
    for block in get_suite(suite, get_preset("demo").for_suite(suite)):
        for line in block.lines:
            assert line.cell is None or known(line.cell.method).label in line.label


def test_figures_call_a_method_by_its_label() -> None:
    assert style.look("snip").label == METHODS["snip"].label
    assert list(style.ABLATION_LOOKS) == list(ablations.ABLATIONS)
    for name, look in style.LOOKS.items():
        method = name.partition(",")[0].partition(" ")[0]
        assert METHODS[method].label in look.label
