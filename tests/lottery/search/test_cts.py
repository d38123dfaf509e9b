"""Concrete Ticket Search, against its algorithms written out."""

import copy
import math
from collections.abc import Iterator
from dataclasses import replace
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
from lottery.data import Images
from lottery.data.batches import Data
from lottery.search.cts import cts
from lottery.search.gates import plan_share, search_epochs
from lottery.search.objectives import Batch, kl
from lottery.search.registry import methods, objectives
from lottery.search.relaxations import Concrete
from lottery.training.recipe import Recipe
from lottery.training.runner import Runner
from lottery.training.train import train
from tests.conftest import PARTS, RecordedData, first, tiny_module

RECIPE = Recipe(epochs=10, rewind_epochs=0, batch_size=40, replicas=1, gradient="mean_clipped")


class Wide(nn.Module):
    """tiny_module in float64, for input in float32."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = tiny_module().double()

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.inner(x.double())
        return logits


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
    data: RecordedData,
    noise: Iterator[Tensor],
    *,
    density: float,
    replicas: int,
    objective: str = "kl",
    tau: float = 2 / 3,
    noise_alone: bool = True,
    scale: float = 100.0,
    lambda_by_part: bool = True,
    eta: float = 0.99,
    slack: float = 1.1,
    lr: float = 0.1,
    lr_drop: float = 0.88,
    gradient_step: str = "gradbalance",
    lagrange_lr: float = 0.1,
) -> Tensor:
    """Algorithm 3, lines 2 to 7, with Algorithm 2 or 1 as the gradient step, on the batches that
    were recorded: the logits of alpha.

    Every part of a batch has gates and norms of its own; objective and constraint are multiplied by
    `scale` before Adam sees them.

    Args:
        noise: logistic, of shape (d,) for every part.
    """
    x_all, y_all = Data.take(data, torch.arange(len(data)))
    batches = data.taken[:-1]
    d = 436
    lagrange = gradient_step == "lagrange"
    kappa = density if lagrange else min(slack * density, 1.0)
    # In float32: Lagrange's first lambda is the rounding of this times its step size.
    start = torch.logit(torch.tensor(density)).item()
    assert start == pytest.approx(math.log(density / (1 - density)), abs=1e-6)
    logits = torch.full((d,), start, dtype=torch.float64)
    m, v, lam = torch.zeros_like(logits), torch.zeros_like(logits), 0.0
    # Of 5 epochs of two steps: int(0.88 * 5) - 1, int(0.5 * 5) - 1, or all.
    full_steps = {0.88: 3, 0.5: 1, 1: 5}[lr_drop] * 2
    for t, batch in enumerate(batches):
        slow = 1.0 if t < full_steps else 0.1
        found: list[Tensor] = []
        for part in torch.split(torch.tensor(batch), PARTS[replicas][len(batch)]):
            x, y = x_all[part].double(), y_all[part]
            variable, drawn = logits.clone().requires_grad_(), next(noise)
            z = variable + drawn / tau if noise_alone else (variable + drawn) / tau
            log_gated = gated_logits(module, x, 1 / (1 + torch.exp(-z))).log_softmax(1)
            log_dense = module(x).log_softmax(1).detach()
            if objective == "kl":
                value = (log_gated.exp() * (log_gated - log_dense)).sum(1).mean()
            else:
                value = -log_gated[torch.arange(len(y)), y].mean()
            found += torch.autograd.grad(value, variable)
        g_objective = torch.stack(found).mean(0)
        norm = g_objective.norm()
        if lambda_by_part:
            norm = torch.stack([g.norm() for g in found]).mean()
        alpha = 1 / (1 + torch.exp(-logits))
        sparsity = alpha.sum().item() / (kappa * d) - 1
        g_sparsity = alpha * (1 - alpha) / (kappa * d)
        target = (norm / g_sparsity.norm()).item() if sparsity > 0 else 0.0
        if lagrange:
            g = g_objective + lam * g_sparsity
            lam += lagrange_lr * slow * sparsity
        else:
            lam = eta * lam + (1 - eta) * target
            g = g_objective + lam * g_sparsity
        # Adam (Kingma & Ba 2015).
        g = scale * g
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        step = m / (1 - 0.9 ** (t + 1)) / ((v / (1 - 0.999 ** (t + 1))).sqrt() + 1e-8)
        logits = logits - lr * slow * step
    assert next(noise, None) is None
    return logits


@pytest.mark.parametrize("replicas", [1, 4])
@pytest.mark.parametrize(
    ("options", "presses"),
    [
        ({"density": 0.3}, False),  # within the slack throughout
        ({"density": 0.3, "slack": 0.9}, True),
        ({"density": 0.3, "slack": 0.9, "lambda_by_part": False, "lr_drop": 1}, True),
        ({"density": 0.05, "objective": "loss", "slack": 1.0}, True),
        ({"density": 0.5, "tau": 1.5, "eta": 0.5, "slack": 0.8, "lr": 0.03, "lr_drop": 0.5}, True),
        ({"density": 0.3, "tau": 0.4, "noise_alone": False, "slack": 0.9}, True),
        # Small enough that Adam's epsilon counts.
        ({"density": 0.3, "slack": 0.9, "scale": 1e-5}, True),
        ({"density": 0.3, "gradient_step": "lagrange"}, True),
        ({"density": 0.3, "gradient_step": "lagrange", "lagrange_lr": 5.0, "scale": 1e-5}, True),
    ],
    ids=str,
)
def test_it_is_algorithm_3(
    digits_images: Images,
    monkeypatch: pytest.MonkeyPatch,
    options: dict[str, Any],
    presses: bool,
    replicas: int,
) -> None:
    """Five epochs of a batch of 40 and one of 4 images."""
    parts = sum(len(PARTS[replicas][size]) for size in (40, 4))
    uniform = torch.rand(5 * parts, 436, generator=generator(1), dtype=torch.float64)
    noise = torch.logit(uniform, eps=1e-6)
    calls: list[int] = []

    def sample(self: Concrete, parameter: Tensor, source: torch.Generator) -> Tensor:
        drawn = noise[len(calls)]
        calls.append(0)
        if self.noise_alone:
            return torch.sigmoid(parameter + drawn / self.tau)
        return torch.sigmoid((parameter + drawn) / self.tau)

    monkeypatch.setattr(Concrete, "sample", sample)
    module, data = Wide(), RecordedData(first(digits_images, 44))
    recipe = replace(RECIPE, epochs=5, replicas=replicas)
    found = draw(Network(module), data, recipe=recipe, **options)
    assert [len(batch) for batch in data.taken] == [40, 4] * 5
    assert any(row["strength"] for row in found.log) == presses

    twin = copy.deepcopy(module.inner)
    expected = written_out(twin, data, iter(noise), replicas=replicas, **options)
    assert found.scores is not None
    # lambda is kept in float32.
    torch.testing.assert_close(found.scores, expected, rtol=1e-5, atol=1e-5)
    order = sorted(range(436), key=lambda i: (-found.scores[i].item(), i))  # type: ignore[index]
    chosen = order[: round(options["density"] * 436)]
    assert found.mask.keep.nonzero().flatten().tolist() == sorted(chosen)


def test_the_defaults_are_those_that_made_the_papers_numbers() -> None:
    assert methods["cts"].options == {
        "objective": "kl",
        "gradient_step": "gradbalance",
        "search": "full",
        "tau": 2 / 3,
        "noise_alone": True,
        "scale": None,
        "lambda_by_part": True,
        "eta": 0.99,
        "slack": 1.1,
        "lr": 0.1,
        "lr_drop": 0.88,
        "lagrange_lr": None,
    }
    assert methods["cts"].pruned_at == "rewind"


def test_adam_on_a_scaled_gradient_is_adam_with_a_scaled_epsilon() -> None:
    """100 times the gradient, and epsilon / 100: the same steps, also where epsilon counts."""
    gradients = torch.randn(30, 50, generator=generator(0), dtype=torch.float64) * 1e-8
    ends = []
    for scale, epsilon in ((100.0, 1e-8), (1.0, 1e-10), (1.0, 1e-8)):
        parameter = torch.zeros(50, dtype=torch.float64, requires_grad=True)
        adam = torch.optim.Adam([parameter], lr=0.1, eps=epsilon)
        for gradient in gradients:
            parameter.grad = scale * gradient
            adam.step()
        ends.append(parameter.detach())
    torch.testing.assert_close(ends[0], ends[1], rtol=1e-9, atol=1e-12)
    assert (ends[2] - ends[1]).abs().max() > 0.1


@pytest.mark.parametrize(
    ("objective", "scale", "rate"),
    [
        ("loss", 100, 0.1),
        ("kl", 100, 0.1),
        ("grad_match", 100, 0.1),
        ("feature", 100, 0.01),
        ("delta_loss", 10_000, 0.001),
        ("grad_norm", 1, 10),
        ("another", 100, 0.1),
    ],
)
def test_scale_and_lagranges_step_are_the_objectives_own(
    tiny: Network,
    digits_images: Images,
    monkeypatch: pytest.MonkeyPatch,
    objective: str,
    scale: float,
    rate: float,
) -> None:
    """The authors' scale, by Adam's epsilon; and lambda's step, from one log row to the next.

    It falls with the search's rate, after int(0.88 * 10) - 1 epochs of one step each.
    """
    monkeypatch.setitem(objectives._found, "another", kl)
    epsilons, adam = [], torch.optim.Adam

    def spy(parameters: list[Tensor], *, lr: float, eps: float) -> torch.optim.Adam:
        epsilons.append(eps)
        return adam(parameters, lr=lr, eps=eps)

    monkeypatch.setattr(torch.optim, "Adam", spy)
    data = RecordedData(first(digits_images, 40))
    for given, expected in ((None, rate), (3.0, 3.0)):
        log = draw(
            tiny,
            data,
            0.2,
            objective=objective,
            gradient_step="lagrange",
            lagrange_lr=given,
        ).log
        for epoch in range(1, 10):
            constraint = log[epoch - 1]["expected_density"] / 0.2 - 1
            step = expected * (1 if epoch < 7 else 0.1) * constraint
            before, after = (log[e]["strength"] for e in (epoch - 1, epoch))
            # Differences of float32 numbers.
            assert after - before == pytest.approx(step, rel=1e-3, abs=1e-6 * abs(after) + 1e-6)
        assert abs(log[5]["strength"]) > 0.01 * expected
    draw(tiny, data, 0.2, objective=objective, scale=2.0, search="quick")
    assert epsilons == pytest.approx([1e-8 / scale, 1e-8 / scale, 0.5e-8])


@pytest.mark.parametrize("replicas", [1, 4])
def test_the_first_lambda_is_zero_where_the_start_meets_the_constraint(
    tiny: Network, digits_images: Images, replicas: int
) -> None:
    """The search starts at kappa, and GradBalance asks for 1.1 kappa."""
    data = RecordedData(first(digits_images, 40))
    recipe = replace(RECIPE, replicas=replicas)
    assert draw(tiny, data, 0.2, recipe=recipe).log[0]["strength"] == 0
    lambdas = [
        draw(tiny, data, 0.2, recipe=recipe, slack=0.9, eta=eta).log[0]["strength"]
        for eta in (0.0, 0.75)
    ]
    assert lambdas[0] > 0
    assert lambdas[1] == pytest.approx(0.25 * lambdas[0], rel=1e-5)


def test_a_search_is_in_float32_whatever_the_network_is(
    tiny: Network, digits: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    fast = Network(tiny.module, precision="bfloat16")
    seen: list[str] = []

    def spy(network: Network, gates: Tensor, batch: Batch) -> Tensor:
        seen.extend((network.precision, batch.dense.precision))
        return kl(network, gates, batch)

    monkeypatch.setitem(objectives._found, "spy", spy)
    ends = [draw(n, digits, 0.2, search="quick", objective="spy").scores for n in (tiny, fast)]
    assert set(seen) == {"float32"}
    assert torch.equal(*ends)  # type: ignore[arg-type]
    assert fast.precision == "bfloat16"


def test_tau_divides_the_noise_alone_or_the_logit_too(tiny: Network, digits: Data) -> None:
    alone, both, same, at_one = (
        draw(tiny, digits, 0.2, search="quick", **options).scores
        for options in ({}, {"noise_alone": False}, {"noise_alone": False, "tau": 1}, {"tau": 1})
    )
    assert alone is not None
    assert both is not None
    assert not torch.equal(alone, both)
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
    found = draw(tiny, digits, 0.5, slack=0.6, recipe=replace(RECIPE, epochs=20))
    densities = [row["expected_density"] for row in found.log]
    assert densities[0] > 0.35
    assert densities[-1] < 0.36
    assert len(found.log) == 20


def test_a_drawn_ticket_beats_random_ones_on_its_objective(tiny: Network, digits: Data) -> None:
    recipe = replace(RECIPE, epochs=40, batch_size=64)
    network = train(tiny, Mask.full(tiny.layout), digits, recipe, 0, range(80))
    batch = Batch(network, *digits.take(torch.arange(256)))

    def objective(mask: Mask) -> float:
        return kl(network, mask.keep.float(), batch).item()

    found = draw(network, digits, 0.3, recipe=replace(recipe, replicas=4))
    random = [
        objective(Mask.top(network.layout, torch.rand(436, generator=generator(i)), 0.3))
        for i in range(20)
    ]
    assert objective(found.mask) < 0.5 * min(random)
    assert objective(found.mask) < objective(Mask.top(network.layout, network.weights.abs(), 0.3))


@pytest.mark.parametrize(("search", "epochs"), [("full", 10), ("half", 5), ("quick", 1)])
def test_the_length_of_a_search(tiny: Network, digits: Data, search: str, epochs: int) -> None:
    found = draw(tiny, digits, search=search)
    assert digits.drawn == epochs * 256  # six batches of 40 and one of 16
    assert len(found.log) == epochs
    assert search_epochs(10, search) == epochs
    options = {"search": search}
    assert list(plan_share(RECIPE, 0, 0.3, options).values()) == [epochs]


def test_a_search_has_at_least_one_epoch() -> None:
    assert [search_epochs(n, "quick") for n in (1, 4, 12, 160)] == [1, 1, 2, 20]


@pytest.mark.parametrize("density", [0, 1.5, -1, math.nan, 1e-4])
def test_an_invalid_density_is_refused_before_anything_runs(
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
