"""Properties of pruning methods: densities down to a single weight, nested rounds, invariances, any
model; and what each says to bad input."""

import copy
import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import baselines  # noqa: F401  (registers the methods)
import lottery.search.crbg
import lottery.search.cts  # noqa: F401
from lottery.core.errors import BadInput, UnknownName
from lottery.core.layout import Layout
from lottery.core.mask import Mask
from lottery.core.network import Network
from lottery.core.randomness import generator
from lottery.core.result import Result
from lottery.data import Images
from lottery.data.batches import Data
from lottery.models.zoo import build
from lottery.search.registry import methods
from lottery.search.rounds import check_finite, prune_in_rounds
from tests.baselines.tools import DoubleData, double_digits, noise_data, runner, scores_of, seeded
from tests.conftest import vit

SHORT = {
    "epochs": 2,
    "perturbation_epochs": 1,
    "rounds": 2,
    "batch_size": 64,
    "lr": 0.05,
    "pruning_rate": 0.7,
}
TARGETED = [n for n in methods.names() if methods[n].sets_density and n != "dense"]
PER_LAYER = ("edge_popup", "edge_popup_epsilon")
ROUNDS = ("snip", "grasp", "synflow", "saliency")
SINGLE_SHOT = (*ROUNDS, "magnitude", "random")
BLIND_TO_WEIGHTS = ("dense", "random")


def draw(name: str, network: Network, data: Data, density: float | None, **options: Any) -> Result:
    """Draw at short options, those given aside."""
    method = methods[name]
    chosen = {k: v for k, v in SHORT.items() if k in method.options} | options
    lent = {"runner": runner(data)} if method.wants_runner else {}
    result = method.draw(network, data, density, generator(0, name), **chosen, **lent)
    if isinstance(result, Tensor):
        assert density is not None
        result = Result(Mask.top(network.layout, result, density), scores=result)
    assert isinstance(result, Result)
    return result


@pytest.mark.parametrize("density", [1 / 436, 2 / 436, 0.017, 0.5, 0.999, 1.0])
@pytest.mark.parametrize("name", TARGETED)
def test_exactly_as_many_as_asked_for(
    name: str, density: float, tiny: Network, digits: Data
) -> None:
    mask = draw(name, tiny, digits, density).mask
    if name in PER_LAYER:
        assert mask.kept_per_layer() == {
            "0.weight": max(1, round(density * 36)),
            "5.weight": max(1, round(density * 400)),
        }
    else:
        assert mask.kept == round(density * 436)


@pytest.mark.parametrize("name", TARGETED)
def test_equal_scores_do_not_over_prune(name: str, digits: Data) -> None:
    """All weights zero: every score that looks at them ties."""
    network = Network(seeded(nn.Flatten(), nn.Linear(64, 10)).float())
    network.weights.zero_()
    assert draw(name, network, digits, 0.37).mask.kept == round(0.37 * 640)


@pytest.mark.parametrize("rounds", [1, 3, 7])
@pytest.mark.parametrize("name", ROUNDS)
def test_nothing_pruned_comes_back(
    name: str, rounds: int, tiny: Network, digits: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Tensor] = []

    def spying(network: Network, density: float, rounds: int, score: Any) -> Result:
        def spy(gates: Tensor) -> Tensor:
            seen.append(gates.clone())
            return score(gates)  # type: ignore[no-any-return]

        return prune_in_rounds(network, density, rounds, spy)

    monkeypatch.setattr(f"baselines.{name}.prune_in_rounds", spying)
    found = draw(name, tiny, digits, 0.05, rounds=rounds)
    masks = [*seen, found.mask.keep.float()]
    wanted = [round(0.05 ** (r / rounds) * 436) for r in range(rounds + 1)]
    assert [int(mask.sum()) for mask in masks] == wanted
    assert all(set(mask.tolist()) <= {0.0, 1.0} for mask in masks)
    assert all((after <= before).all() for before, after in pairwise(masks))
    # Scores rank what a round pruned below all that outlived it.
    scores = scores_of(found.scores)
    pruned = [scores[(before - after).bool()] for before, after in pairwise(masks)]
    assert all(one.max() < later.min() for one, later in pairwise(pruned))
    assert pruned[-1].max() <= scores[found.mask.keep].min()


class Shuffled(DoubleData):
    """The same batches in another order of images."""

    def balanced(self, per_class: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        x, y = super().balanced(per_class, generator)
        order = torch.randperm(len(y), generator=torch.Generator().manual_seed(5))
        return x[order], y[order]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("snip", {}),
        ("grasp", {}),
        *(
            ("saliency", {"objective": o})
            for o in ("loss", "delta_loss", "grad_norm", "kl", "feature", "grad_match")
        ),
    ],
    ids=str,
)
def test_the_order_of_the_images_plays_no_part(
    name: str, options: dict[str, Any], digits_images: Images
) -> None:
    data = double_digits(digits_images)
    shuffled = copy.copy(data)
    shuffled.__class__ = Shuffled
    one, other = data.balanced(10, generator(0)), shuffled.balanced(10, generator(0))
    assert not torch.equal(one[1], other[1])
    assert torch.equal(one[1].bincount(), other[1].bincount())
    layers = (nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4, track_running_stats=False), nn.ReLU())
    network = Network(seeded(*layers, nn.Flatten(), nn.Linear(144, 10)))
    scores = [
        scores_of(draw(name, network, d, 0.2, rounds=1, **options).scores) for d in (data, shuffled)
    ]
    scale = scores[0].abs().max().item()
    assert scale > 0
    # The scores by gates are float32.
    torch.testing.assert_close(scores[0], scores[1], rtol=1e-5, atol=1e-6 * scale)


def rescaled(network: Network, factor: float) -> Network:
    """The first layer's weights times a factor, the second's divided by it: the same function."""
    first, second = network.layout.entries[:2]
    weights = network.weights.clone()
    weights[first.span] *= factor
    weights[second.span] /= factor
    return network.at(weights)


@pytest.mark.parametrize(
    ("name", "options", "invariant"),
    [
        ("synflow", {"rounds": 10}, True),
        ("snip", {}, True),
        ("saliency", {"objective": "loss"}, True),
        ("saliency", {"objective": "kl"}, True),
        ("saliency", {"objective": "delta_loss"}, True),
        ("saliency", {"objective": "feature"}, True),
        ("random", {}, True),
        ("magnitude", {}, False),
        ("grasp", {}, False),
        ("saliency", {"objective": "grad_norm"}, False),
    ],
    ids=str,
)
def test_rescaling_consecutive_layers(
    name: str, options: dict[str, Any], invariant: bool, digits: Data
) -> None:
    """What is a function of the gated network's outputs does not see it; sizes of weights and of
    gradients do. A power of two is exact."""
    module = seeded(
        nn.Flatten(),
        nn.Linear(64, 16, bias=False),
        nn.ReLU(),
        nn.Linear(16, 12, bias=False),
        nn.ReLU(),
        nn.Linear(12, 10),
    ).float()
    network = Network(module)
    x, _ = digits.take(torch.arange(50))
    torch.testing.assert_close(rescaled(network, 64.0)(x), network(x))
    before = draw(name, network, digits, 0.1, **options).mask.keep
    after = draw(name, rescaled(network, 64.0), digits, 0.1, **options).mask.keep
    assert torch.equal(before, after) == invariant


MODELS: dict[str, tuple[Callable[[], Network], tuple[int, int, int]]] = {
    "resnet50": (lambda: build("resnet50", (3, 8, 8), 2, seed=0), (3, 8, 8)),
    "vit": (lambda: Network(vit()), (3, 32, 32)),
}


@pytest.fixture(scope="module", params=list(MODELS))
def large(request: pytest.FixtureRequest) -> tuple[Network, Data]:
    make, shape = MODELS[request.param]
    return make(), noise_data(shape)


@pytest.mark.parametrize("name", SINGLE_SHOT)
def test_models_of_other_libraries(large: tuple[Network, Data], name: str) -> None:
    network, data = large
    kind, weights = type(network.module), network.weights.clone()
    assert kind.__module__.startswith(("timm.", "torchvision."))
    once = {"rounds": 1, "samples_per_class": 1}
    options = {k: v for k, v in once.items() if k in methods[name].options}
    found = draw(name, network, data, 0.05, **options)
    assert found.mask.kept == round(0.05 * network.layout.total)
    scores = scores_of(found.scores)
    assert scores.isfinite().all()
    # Every layer has weights that matter.
    for part in network.layout.views(scores).values():
        assert part.abs().max() > 0
    assert type(network.module) is kind
    assert torch.equal(network.weights, weights)


@pytest.mark.parametrize("name", ["cts", "edge_popup", "gem_miner", "continuous_sparsification"])
def test_searches_over_a_transformer(name: str) -> None:
    network, data = Network(vit()), noise_data((3, 32, 32))
    options = {"epochs": 1, "rounds": 1, "batch_size": 4}
    options = {k: v for k, v in options.items() if k in methods[name].options}
    found = draw(name, network, data, 0.05, **options)
    layers = len(network.layout.entries) if name == "edge_popup" else 0
    assert abs(found.mask.kept - round(0.05 * network.layout.total)) <= layers
    assert scores_of(found.scores).isfinite().all()


class Stateful(nn.Module):
    """A network with a buffer, dropout-free, of two prunable layers."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = seeded(nn.Flatten(), nn.Linear(64, 12), nn.ReLU(), nn.Linear(12, 10)).float()
        self.scale: Tensor
        self.register_buffer("scale", torch.linspace(0.5, 1.5, 10))

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.inner(x)
        return logits * self.scale


@pytest.mark.parametrize("name", methods.names())
def test_buffers_and_modes_stay(name: str, digits: Data) -> None:
    module = Stateful()
    network = Network(module)
    state = {key: value.clone() for key, value in module.state_dict().items()}
    density = None if not methods[name].sets_density else 1.0 if name == "dense" else 0.3
    draw(name, network, digits, density)
    assert all(layer.training for layer in module.modules())
    assert list(module.state_dict()) == list(state)
    for key, value in module.state_dict().items():
        assert value.dtype == state[key].dtype
        assert torch.equal(value, state[key])
    assert not any(layer._forward_hooks for layer in module.modules())
    assert not any(p.grad is not None for p in module.parameters())


@pytest.mark.parametrize("name", TARGETED)
@pytest.mark.parametrize(
    ("density", "words"),
    [
        (0.0001, r"density 0\.0001 keeps none of 436 weights; the smallest that keeps one is"),
        (0.0, r"density 0\.0 is outside \(0, 1\]"),
        (-0.1, r"density -0\.1 is outside"),
        (1.001, r"density 1\.001 is outside"),
        (math.nan, r"density nan is outside"),
    ],
)
def test_an_invalid_density(
    name: str, density: float, words: str, tiny: Network, digits: Data
) -> None:
    """Refused by name and at once, before an image is looked at that a search would need."""
    before = digits.drawn
    with pytest.raises(BadInput, match=words):
        draw(name, tiny, digits, density)
    assert digits.drawn - before <= 128


@pytest.mark.parametrize("name", [n for n in methods.names() if n not in BLIND_TO_WEIGHTS])
def test_weights_that_are_nan_give_no_mask(name: str, tiny: Network, digits: Data) -> None:
    tiny.weights[40] = torch.nan
    with pytest.raises(ValueError, match=r"NaN|of layer 0\.weight are not finite"):
        draw(name, tiny, digits, 0.3 if methods[name].sets_density else None)


def test_the_layer_of_a_score_that_is_not_finite_is_named() -> None:
    layout = Layout.of_shapes([("first", (3,)), ("second", (2, 2)), ("third", (3,))])
    scores = torch.arange(10.0)
    check_finite(layout, scores)
    for bad in (torch.nan, torch.inf, -torch.inf):
        wrong = scores.clone()
        wrong[[4, 6, 9]] = bad
        with pytest.raises(ValueError, match=r"^2 of 4 scores of layer second are not finite$"):
            check_finite(layout, wrong)
    network = Network(seeded(nn.Flatten(), nn.Linear(64, 10)))
    broken = torch.ones(640)
    broken[7] = torch.nan
    with pytest.raises(ValueError, match=r"1 of 640 scores of layer 1\.weight are not finite"):
        prune_in_rounds(network, 0.5, 1, lambda gates: broken)


@pytest.mark.parametrize("name", ["snip", "grasp", "saliency"])
def test_a_class_without_enough_images(name: str, tiny: Network, digits: Data) -> None:
    fewest = int(digits.labels.bincount().min())
    message = rf"class \d of digits has \d+ images, {fewest + 1} are needed"
    with pytest.raises(ValueError, match=message):
        draw(name, tiny, digits, 0.5, samples_per_class=fewest + 1)


def test_a_module_without_prunable_weights() -> None:
    with pytest.raises(ValueError, match="Sequential has no prunable weight"):
        Network(nn.Sequential(nn.Flatten(), nn.LayerNorm(64)))


@pytest.mark.parametrize(
    ("name", "option", "value", "words"),
    [
        ("cts", "objective", "kll", "unknown objective 'kll'"),
        ("cts", "gradient_step", "lagrang", "unknown gradient step 'lagrang'"),
        ("cts", "search", "ful", "unknown search 'ful'"),
        ("saliency", "objective", "feat", "unknown objective 'feat'"),
        ("l0_hard_concrete", "search", "ful", "unknown search 'ful'"),
        ("edge_popup", "scope", "layr", "unknown scope 'layr'"),
        ("continuous_sparsification", "use", "prune", "unknown use 'prune'"),
    ],
)
def test_unknown_names(
    name: str, option: str, value: str, words: str, tiny: Network, digits: Data
) -> None:
    with pytest.raises(UnknownName, match=words):
        draw(name, tiny, digits, 0.5, **{option: value})
    with pytest.raises(UnknownName, match="unknown method 'sinp': did you mean"):
        methods["sinp"]
