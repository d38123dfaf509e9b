"""Methods and objectives by name, those of other packages included."""

from collections.abc import Callable
from importlib.metadata import EntryPoint, EntryPoints
from typing import Any

import pytest
import torch

import lottery.core.registry
from lottery.core.errors import BadInput, UnknownName
from lottery.core.registry import Registry
from lottery.search.registry import Method, method, objective
from lottery.training.recipe import Recipe


def no_draw(network: object, data: object, density: float, generator: object) -> None:
    raise AssertionError


def optioned(
    network: object,
    data: object,
    density: float,
    generator: object,
    *,
    runner: object,
    lr: float = 0.1,
    epochs: int = 5,
    objective: str = "kl",
) -> None:
    raise AssertionError


def test_things_are_found_by_name() -> None:
    registry = Registry[int]("number")
    registry.add("two", 2)
    registry.add("one", 1)
    assert registry.names() == ["one", "two"]
    assert (registry["one"], registry["two"]) == (1, 2)


def test_a_taken_name_is_refused_and_keeps_its_meaning() -> None:
    registry = Registry[int]("number")
    registry.add("one", 1)
    with pytest.raises(ValueError, match="number 'one' is registered already"):
        registry.add("one", 11)
    assert registry["one"] == 1


def test_an_unknown_name_gives_the_nearest() -> None:
    registry = Registry[int]("number")
    registry.add("twelve", 12)
    registry.add("one", 1)
    with pytest.raises(UnknownName) as caught:
        registry["twelv"]
    text = "unknown number 'twelv': did you mean twelve? valid are one, twelve"
    assert str(caught.value) == text


class Plugins:
    """Stands in for importlib.metadata.entry_points; counts its calls."""

    def __init__(self, *entries: EntryPoint) -> None:
        self.entries, self.calls = EntryPoints(entries), 0

    def __call__(self, *, group: str) -> EntryPoints:
        self.calls += 1
        return self.entries.select(group=group)


def test_installed_packages_add_names(monkeypatch: pytest.MonkeyPatch) -> None:
    registry = Registry[str]("method", "lottery.methods")
    loaded = []

    class Plugin(EntryPoint):
        def load(self) -> None:  # as importing its module would
            loaded.append(self.name)
            registry.add(self.name, f"{self.value}'s")

    plugins = Plugins(
        Plugin("theirs", "their.module", "lottery.methods"),
        Plugin("another", "another.module", "lottery.methods"),
        Plugin("foreign", "foreign.module", "other.group"),
    )
    monkeypatch.setattr(lottery.core.registry, "entry_points", plugins)
    registry.add("ours", "ours")
    assert plugins.calls == 0  # nothing is imported before someone asks
    assert registry["theirs"] == "their.module's"
    assert registry.names() == ["another", "ours", "theirs"]
    assert registry["another"] == "another.module's"
    assert loaded == ["theirs", "another"]
    assert plugins.calls == 1


def test_a_package_that_does_not_load_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    plugin = EntryPoint("their_method", "no_such_package.methods", "lottery.methods")
    monkeypatch.setattr(lottery.core.registry, "entry_points", Plugins(plugin))
    registry = Registry[str]("method", "lottery.methods")
    for _ in range(2):
        with pytest.raises(BadInput, match="method 'their_method' of an installed package") as said:
            registry.names()
        assert "no_such_package.methods) does not load: ModuleNotFoundError" in str(said.value)


def test_a_registry_without_a_group_asks_no_package(monkeypatch: pytest.MonkeyPatch) -> None:
    plugins = Plugins()
    monkeypatch.setattr(lottery.core.registry, "entry_points", plugins)
    assert Registry[int]("number").names() == []
    assert plugins.calls == 0


def test_the_suites_registries() -> None:
    assert lottery.search.registry.methods.kind == "method"
    assert lottery.search.registry.methods._group in ("lottery.methods", None)  # None once loaded
    assert Registry[int]("method", "lottery.methods")._group == "lottery.methods"


def test_options_are_the_keywords_but_for_the_runner() -> None:
    plain, rich = Method("plain", no_draw), Method("rich", optioned)
    assert plain.options == {}
    assert not plain.wants_runner
    assert rich.options == {"lr": 0.1, "epochs": 5, "objective": "kl"}
    assert rich.wants_runner


def test_changed_leaves_out_the_defaults() -> None:
    rich = Method("rich", optioned)
    assert rich.changed({}) == {}
    assert rich.changed({"lr": 0.1, "epochs": 5.0}) == {}
    assert rich.changed({"epochs": 6, "lr": 0.1, "objective": "loss"}) == {
        "epochs": 6,
        "objective": "loss",
    }


@pytest.mark.parametrize("name", ["epoch", "runner", "density"])
def test_unknown_options_are_refused(name: str) -> None:
    with pytest.raises(UnknownName, match=f"unknown option of rich '{name}'"):
        Method("rich", optioned).changed({"lr": 0.2, name: 3})
    with pytest.raises(UnknownName, match=r"did you mean epochs\? valid are epochs, lr, objective"):
        Method("rich", optioned).changed({"epoch": 3})


def needs_power(network: object, data: object, density: object, generator: object, *, power: float):  # type: ignore[no-untyped-def]
    raise AssertionError


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"name": "my method/x"}, "method name 'my method/x' has to be letters, digits"),
        ({"name": "3x"}, "method name '3x' has to be .*, a letter first"),  # as its column is
        ({"name": ""}, "method name '' has to be"),
        ({"pruned_at": "middle"}, "unknown pruned_at of method mine 'middle': .*init, rewind"),
        ({"draw": lambda network, data: None}, "'mine' does not take .*too many positional"),
        ({"draw": needs_power}, "'mine' does not take .*required.* 'power'"),
    ],
)
def test_a_method_that_could_not_run_is_refused(given: dict[str, Any], words: str) -> None:
    with pytest.raises(BadInput, match=words) as refusal:
        Method(**{"name": "mine", "draw": no_draw, **given})
    assert "\n" not in str(refusal.value)


@pytest.fixture
def registries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Empty registries, so that what a test registers does not stay."""
    monkeypatch.setattr(lottery.search.registry, "methods", Registry[Method]("method"))
    monkeypatch.setattr(
        lottery.search.registry, "objectives", Registry[Callable[..., Any]]("objective")
    )


@pytest.mark.usefixtures("registries")
def test_decorators_register_and_return_the_function() -> None:
    def plan(recipe: object, start: float, density: object, options: object) -> dict[str, float]:
        return {"search": 3.0}

    registered = method("plain")(
        method("rich", strong=True, pruned_at="init", sets_density=False, plan=plan)(no_draw)
    )
    assert registered is no_draw
    plain, rich = lottery.search.registry.methods["plain"], lottery.search.registry.methods["rich"]
    assert (plain.name, plain.draw) == ("plain", no_draw)
    assert (plain.strong, plain.pruned_at, plain.sets_density) == (False, "rewind", True)
    assert (rich.strong, rich.pruned_at, rich.sets_density) == (True, "init", False)
    assert plain.plan(Recipe(), 0.0, 0.5, {}) == {}
    assert rich.plan(Recipe(), 0.0, 0.5, {}) == {"search": 3.0}
    with pytest.raises(ValueError, match="method 'rich' is registered already"):
        method("rich")(optioned)

    def two(network: object, gates: object, x: object, y: object) -> torch.Tensor:
        return torch.tensor(2.0)

    assert objective("two")(two) is two
    assert lottery.search.registry.objectives["two"] is two
    with pytest.raises(ValueError, match="objective 'two' is registered already"):
        objective("two")(two)
