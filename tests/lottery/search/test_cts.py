"""Concrete Ticket Search, against its algorithms written out."""

import copy
import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call

from lottery.core.errors import BadInput, UnknownName
from lottery.core.mask import Mask
from lottery.core.network import Network
from lottery.core.randomness import generator
from lottery.core.result import Result
from lottery.data import DATASETS, Images
from lottery.data.batches import Data, Normalisation
from lottery.search.cts import cts
from lottery.search.gates import plan_share, search_epochs
from lottery.search.objectives import Batch, kl
from lottery.search.relaxations import Concrete
from lottery.training.recipe import Recipe
from lottery.training.runner import Runner
from lottery.training.train import train
from tests.conftest import tiny_module

RECIPE = Recipe(epochs=10, rewind_epochs=0, batch_size=40)


class Wide(nn.Module):
    """tiny_module in float64, for input in float32."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = tiny_module().double()

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.inner(x.double())
        return logits


@pytest.fixture
def whole_batch(digits_images: Images) -> Data:
    """40 digits, which are one batch, so that their order plays no part."""
    part = Images(digits_images.images[:40], digits_images.labels[:40])
    return Data(part, DATASETS["digits"], Normalisation.of(part))


def draw(network: Network, data: Data, density: float = 0.3, **options: Any) -> Result:
    recipe = options.pop("recipe", RECIPE)
    source = generator(0, "method", "cts")
    return cts(network, data, density, source, runner=Runner(data, recipe, 0), **options)


def gated_logits(module: nn.Module, x: Tensor, gates: Tensor) -> Tensor:
    """The module with its convolutions' and linear layers' weights multiplied by gates."""
    parameters = dict(module.named_parameters())
    parts = iter(torch.split(gates, [36, 400]))
    gated = {n: p * next(parts).view_as(p) for n, p in parameters.items() if p.dim() > 1}
    logits: Tensor = functional_call(module, {**parameters, **gated}, (x,))
    return logits


def written_out(
    module: nn.Module,
    x: Tensor,
    y: Tensor,
    noise: Tensor,
    *,
    density: float,
    objective: str = "kl",
    tau: float = 2 / 3,
    eta: float = 0.99,
    slack: float = 1.1,
    lr: float = 0.1,
    gradient_step: str = "gradbalance",
    lagrange_lr: float = 0.01,
) -> Tensor:
    """Algorithm 3, lines 2 to 7, with Algorithm 2 or 1 as the gradient step: the logits of alpha.

    Args:
        noise: logistic, of shape (steps, d).
    """
    steps, d = noise.shape
    lagrange = gradient_step == "lagrange"
    kappa = density if lagrange else min(slack * density, 1.0)
    # In float32: Lagrange's first lambda is the rounding of this times its step size.
    start = torch.logit(torch.tensor(density)).item()
    assert start == pytest.approx(math.log(density / (1 - density)), abs=1e-6)
    logits = torch.full((d,), start, dtype=torch.float64)
    m, v, lam = torch.zeros_like(logits), torch.zeros_like(logits), 0.0
    log_dense = module(x).log_softmax(1).detach()
    for t in range(steps):
        variable = logits.clone().requires_grad_()
        s = 1 / (1 + torch.exp(-(variable + noise[t]) / tau))
        log_gated = gated_logits(module, x, s).log_softmax(1)
        if objective == "kl":
            value = (log_gated.exp() * (log_gated - log_dense)).sum(1).mean()
        else:
            value = -log_gated[torch.arange(len(y)), y].mean()
        (g_objective,) = torch.autograd.grad(value, variable)
        alpha = 1 / (1 + torch.exp(-logits))
        g_sparsity = alpha * (1 - alpha) / (kappa * d)
        target = 0.0
        if alpha.sum().item() / (kappa * d) - 1 > 0:
            target = (g_objective.norm() / g_sparsity.norm()).item()
        if lagrange:
            g = g_objective + lam * g_sparsity
            lam += lagrange_lr * (alpha.sum().item() / (kappa * d) - 1)
        else:
            lam = eta * lam + (1 - eta) * target
            g = g_objective + lam * g_sparsity
        # Adam (Kingma & Ba 2015), its rate divided by 10 at 90% of the search.
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        rate = lr if t < 0.9 * steps else lr / 10
        step = m / (1 - 0.9 ** (t + 1)) / ((v / (1 - 0.999 ** (t + 1))).sqrt() + 1e-8)
        logits = logits - rate * step
    return logits


@pytest.mark.parametrize(
    ("options", "presses"),
    [
        ({"density": 0.3}, False),  # within the slack throughout
        ({"density": 0.3, "slack": 0.9}, True),
        ({"density": 0.05, "objective": "loss", "slack": 1.0}, True),
        ({"density": 0.5, "tau": 1.5, "eta": 0.5, "slack": 0.8, "lr": 0.03}, True),
        ({"density": 0.3, "gradient_step": "lagrange", "lagrange_lr": 5.0}, True),
    ],
    ids=str,
)
def test_it_is_algorithm_3(
    whole_batch: Data, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], presses: bool
) -> None:
    uniform = torch.rand(10, 436, generator=generator(1), dtype=torch.float64)
    noise, calls = torch.logit(uniform, eps=1e-6), []

    def sample(self: Concrete, parameter: Tensor, source: torch.Generator) -> Tensor:
        calls.append(0)
        return torch.sigmoid((parameter + noise[len(calls) - 1]) / self.tau)

    monkeypatch.setattr(Concrete, "sample", sample)
    module = Wide()
    found = draw(Network(module), whole_batch, **options)
    assert len(calls) == 10
    assert any(row["strength"] for row in found.log) == presses

    x, y = Data.take(whole_batch, torch.arange(40))
    expected = written_out(copy.deepcopy(module.inner), x.double(), y, noise, **options)
    assert found.scores is not None
    # lambda is kept in float32.
    torch.testing.assert_close(found.scores, expected, rtol=1e-5, atol=1e-5)
    order = sorted(range(436), key=lambda i: (-found.scores[i].item(), i))  # type: ignore[index]
    chosen = order[: round(options["density"] * 436)]
    assert found.mask.keep.nonzero().flatten().tolist() == sorted(chosen)


def test_tau_may_divide_the_noise_alone(tiny: Network, digits: Data) -> None:
    one, other, same = (
        draw(tiny, digits, 0.2, search="quick", **options).scores
        for options in ({}, {"noise_alone": True}, {"noise_alone": True, "tau": 1.0})
    )
    assert one is not None
    assert other is not None
    assert not torch.equal(one, other)
    at_one = draw(tiny, digits, 0.2, search="quick", tau=1.0).scores
    torch.testing.assert_close(same, at_one)  # where tau divides nothing it does not matter


@pytest.mark.parametrize("density", [1 / 436, 0.0144, 0.2, 0.999, 1.0])
def test_the_density_is_exact(tiny: Network, digits: Data, density: float) -> None:
    found = draw(tiny, digits, density, search="quick")
    assert found.mask.kept == round(density * 436)


def test_at_density_one_everything_is_kept_and_nothing_presses(tiny: Network, digits: Data) -> None:
    found = draw(tiny, digits, 1.0)
    assert found.mask.keep.all()
    assert [row["strength"] for row in found.log] == [0] * 10


def test_the_expected_density_comes_down_to_the_constraint(tiny: Network, digits: Data) -> None:
    """It starts at kappa; a slack below 1 asks for less, and the pressure sees to it."""
    found = draw(tiny, digits, 0.5, slack=0.6, recipe=Recipe(epochs=20, batch_size=40))
    densities = [row["expected_density"] for row in found.log]
    assert densities[0] > 0.35
    assert densities[-1] < 0.36
    assert len(found.log) == 20


def test_a_drawn_ticket_beats_random_ones_on_its_objective(tiny: Network, digits: Data) -> None:
    recipe = Recipe(epochs=40, rewind_epochs=0, batch_size=64)
    network = train(tiny, Mask.full(tiny.layout), digits, recipe, 0, range(80))
    batch = Batch(network, *digits.take(torch.arange(256)))

    def objective(mask: Mask) -> float:
        return kl(network, mask.keep.float(), batch).item()

    found = draw(network, digits, 0.3, recipe=recipe)
    random = [
        objective(Mask.top(network.layout, torch.rand(436, generator=generator(i)), 0.3))
        for i in range(20)
    ]
    assert objective(found.mask) < 0.5 * min(random)
    assert objective(found.mask) < objective(Mask.top(network.layout, network.weights.abs(), 0.3))


@pytest.mark.parametrize(("search", "epochs"), [("full", 10), ("half", 5), ("quick", 1)])
def test_the_length_of_a_search(tiny: Network, digits: Data, search: str, epochs: int) -> None:
    found = draw(tiny, digits, search=search)
    assert digits.drawn == epochs * 240  # six whole batches of 40 out of 256
    assert len(found.log) == epochs
    assert search_epochs(10, search) == epochs
    options = {"search": search}
    assert list(plan_share(RECIPE, 0, 0.3, options).values()) == [epochs]


def test_a_search_has_at_least_one_epoch() -> None:
    assert [search_epochs(n, "quick") for n in (1, 4, 12, 160)] == [1, 1, 2, 20]


@pytest.mark.parametrize("density", [0, 1.5, -1, math.nan, 1e-4])
def test_a_density_that_is_none_is_refused_before_anything_runs(
    tiny: Network, digits: Data, density: float
) -> None:
    with pytest.raises(BadInput, match=f"density {density} ") as caught:
        draw(tiny, digits, density)
    assert "\n" not in str(caught.value)
    assert digits.drawn == 0


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"objective": "kll"}, "unknown objective 'kll': did you mean kl"),
        ({"gradient_step": "gradbalanced"}, "'gradbalanced': did you mean gradbalance"),
        ({"search": "quik"}, "unknown search 'quik': did you mean quick"),
    ],
)
def test_unknown_names_are_refused_before_anything_runs(
    tiny: Network, digits: Data, options: dict[str, Any], text: str
) -> None:
    with pytest.raises(UnknownName, match=text):
        draw(tiny, digits, **options)
    assert digits.drawn == 0
