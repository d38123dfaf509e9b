"""What holds for every registered method, run on a tiny network for seconds."""

from typing import Any

import pytest
import torch
from torch import Tensor

import baselines  # noqa: F401  (registers the methods)
import lottery.search.crbg
import lottery.search.cts  # noqa: F401
from lottery.core.catalogue import known
from lottery.core.errors import UnknownName
from lottery.core.mask import Mask
from lottery.core.network import Network
from lottery.core.randomness import generator
from lottery.core.result import Result
from lottery.data.batches import Data, Stream
from lottery.search.registry import methods, objectives
from lottery.training.loop import Keeper, NoKeeper
from lottery.training.recipe import Recipe
from lottery.training.runner import Runner
from tests.conftest import global_state, interrupted

# 256 digits in batches of 64: a search of two epochs has 8 steps.
RECIPE = Recipe(epochs=2, rewind_epochs=0, batch_size=64, replicas=2, gradient="sum_clipped_all")
SHORT = {
    "epochs": 2,
    "perturbation_epochs": 1,
    "rounds": 2,
    "freeze_every": 1,
    "batch_size": 64,
    "lr": 0.05,
    "fine_tuning_epochs": 1,
}
DENSITY = 0.1  # low enough that Gem-Miner freezes scores that round to 1
NAMES = methods.names()
SEARCHES = [name for name in NAMES if methods[name].wants_runner]
# These have no loop of their own: each level is a training, which is the runner's to resume.
TRAIN_ONLY = {"imp", "ltr"}


def draw(name: str, network: Network, data: Data, keeper: Keeper | None = None) -> Result:
    """Draw with a method as the suite does, at short options."""
    method = methods[name]
    options: dict[str, Any] = {k: v for k, v in SHORT.items() if k in method.options}
    if method.wants_runner:
        options["runner"] = Runner(data, RECIPE, 0, keeper=keeper)
    density = None if not method.sets_density else 1.0 if name == "dense" else DENSITY
    found = method.draw(network, data, density, generator(0, "method", name), **options)
    if isinstance(found, Tensor):
        assert density is not None
        found = Result(Mask.top(network.layout, found, density), scores=found)
    if isinstance(found, Mask):
        found = Result(found)
    assert isinstance(found, Result)
    return found


def outcome(found: Result) -> list[Any]:
    """Everything that a method returned, to compare bit by bit."""
    tensors = [found.mask.keep, found.scores, found.soft_gates]
    if found.trained is not None:
        tensors += [found.trained.weights, found.trained.rest]
    return [None if t is None else t.numpy().tobytes() for t in tensors] + [found.log]


def test_the_contracts_names_are_there() -> None:
    assert set(NAMES) >= set(
        "dense crbg cts edge_popup gem_miner snip grasp synflow imp ltr random magnitude "
        "continuous_sparsification l0_hard_concrete".split()
    )
    wanted = "loss delta_loss grad_norm kl feature grad_match".split()
    assert set(objectives.names()) >= set(wanted)


@pytest.mark.parametrize("name", [name for name in NAMES if methods[name].sets_density])
def test_the_density_is_exact(name: str, tiny: Network, digits: Data) -> None:
    found = draw(name, tiny, digits)
    # Edge-popup keeps every layer's share, rounded.
    per_layer = round(DENSITY * 36) + round(DENSITY * 400)
    special = {"dense": 436, "edge_popup": per_layer, "edge_popup_epsilon": per_layer}
    assert found.mask.kept == special.get(name, round(DENSITY * 436))


@pytest.mark.parametrize("name", NAMES)
def test_scores_rank_the_kept_above_the_pruned(name: str, tiny: Network, digits: Data) -> None:
    found = draw(name, tiny, digits)
    assert (found.scores is not None) == known(name).ranks
    if found.scores is None:
        return
    assert found.scores.shape == (436,)
    assert not found.scores.isnan().any()
    layouts = [slice(0, 36), slice(36, 436)] if "edge_popup" in name else [slice(None)]
    for part in layouts:
        keep, scores = found.mask.keep[part], found.scores[part]
        if keep.any() and not keep.all():
            assert scores[keep].min() >= scores[~keep].max()


def test_searches_augment_where_their_authors_do(
    tiny: Network, digits: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that train weights, and of the others Gem-Miner and edge-popup."""
    seen = set()

    def spy(
        self: Data, batch_size: int, generator: torch.Generator, *, augment: bool = False
    ) -> Stream:
        seen.add(augment)
        return Stream(self, batch_size, generator, augment)

    monkeypatch.setattr(Data, "stream", spy)
    found = {}
    for name in set(SEARCHES) - TRAIN_ONLY:
        seen.clear()
        draw(name, tiny, digits)
        found[name] = True in seen
    assert {name for name, augmented in found.items() if augmented} == {
        "bc_ghs",
        "bc_gnj",
        "continuous_sparsification",
        "edge_popup",
        "edge_popup_epsilon",
        "gem_miner",
        "sparse_then_prune",
        "sparse_vd",
    }
    assert {"cts", "crbg", "l0_hard_concrete"} <= set(found)


@pytest.mark.parametrize("name", NAMES)
def test_the_network_is_left_as_it_was(name: str, tiny: Network, digits: Data) -> None:
    def parameters() -> list[bytes]:
        own = [p.detach().numpy().tobytes() for p in tiny.module.parameters()]
        return [tiny.weights.numpy().tobytes(), tiny.rest.numpy().tobytes(), *own]

    before, gradients = parameters(), [p.grad for p in tiny.module.parameters()]
    draw(name, tiny, digits)
    assert parameters() == before
    assert gradients == [None] * 6
    assert not tiny.weights.requires_grad


@pytest.mark.parametrize("name", NAMES)
def test_the_result_is_the_same_whatever_ran_before(name: str, tiny: Network, digits: Data) -> None:
    torch.manual_seed(1)
    before = global_state()
    expected = outcome(draw(name, tiny, digits))
    assert global_state() == before
    torch.manual_seed(2)
    digits.take(torch.arange(3))
    draw("random", tiny, digits)
    tiny(torch.zeros(2, 1, 8, 8), training=False)
    assert outcome(draw(name, tiny, digits)) == expected


@pytest.mark.parametrize("name", sorted(set(SEARCHES) - TRAIN_ONLY))
@pytest.mark.parametrize(("stop", "every"), [(1, 1), (2, 3), (3, 1), (4, 1), (7, 2)])
def test_a_stopped_search_goes_on_to_the_same_end(
    name: str, tiny: Network, digits: Data, stop: int, every: int
) -> None:
    def run(keeper: Keeper) -> list[Any]:
        return outcome(draw(name, tiny, digits, keeper))

    assert interrupted(run, stop, every) == run(NoKeeper())


@pytest.mark.parametrize("name", NAMES)
def test_unknown_options_are_refused(name: str) -> None:
    method = methods[name]
    assert method.changed(dict(method.options)) == {}
    with pytest.raises(UnknownName, match=f"unknown option of {name} 'epohcs'"):
        method.changed({"epohcs": 3})


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("density", [0.3, 0.01])
def test_plans_are_epochs_by_name(name: str, density: float) -> None:
    method = methods[name]
    plan = method.plan(RECIPE, 0.0, density if method.sets_density else None, method.options)
    assert all(isinstance(part, str) and epochs > 0 for part, epochs in plan.items())
    assert bool(plan) == method.wants_runner
