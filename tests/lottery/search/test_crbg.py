"""Continuously relaxed Bernoulli gates, against the paper's loss written out."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from lottery.core.network import Network
from lottery.core.randomness import generator
from lottery.core.result import Result
from lottery.data import DATASETS, Images
from lottery.data.batches import Data, Normalisation
from lottery.search.crbg import crbg
from lottery.search.registry import methods
from lottery.search.relaxations import GaussianHardSigmoid
from lottery.training.recipe import Recipe
from lottery.training.runner import Runner
from lottery.training.train import evaluate
from tests.lottery.search.test_cts import Wide, gated_logits


def draw(network: Network, data: Data, density: Any = None, **options: Any) -> Result:
    source = generator(0, "method", "crbg")
    return crbg(network, data, density, source, runner=Runner(data, Recipe(), 0), **options)


def written_out(
    module: nn.Module,
    x: Tensor,
    y: Tensor,
    noise: Tensor,
    *,
    lam: float,
    mu0: float = 0.5,
    sigma: float = 0.5,
    lr: float = 1e-3,
    pressure_reduction: str = "sum_of_layer_means",
) -> Tensor:
    """Section III: cross-entropy under clipped gates, plus lambda times the expected open share.

    Args:
        noise: standard normal, of shape (steps, d).
    """
    mu = torch.full((noise.shape[1],), mu0, dtype=torch.float64)
    m, v = torch.zeros_like(mu), torch.zeros_like(mu)
    for t in range(len(noise)):
        variable = mu.clone().requires_grad_()
        z = (variable + sigma * noise[t]).clamp(0, 1)
        log_p = gated_logits(module, x, z).log_softmax(1)
        phi = 0.5 * (1 + torch.erf(variable / (sigma * math.sqrt(2))))
        parts = [phi] if pressure_reduction == "mean" else [phi[:36], phi[36:]]
        expected = torch.stack([part.mean() for part in parts]).sum()
        value = -log_p[torch.arange(len(y)), y].mean() + lam * expected
        (g,) = torch.autograd.grad(value, variable)
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        step = m / (1 - 0.9 ** (t + 1)) / ((v / (1 - 0.999 ** (t + 1))).sqrt() + 1e-8)
        mu = mu - lr * step
    return mu


@pytest.mark.parametrize(
    "options",
    [
        {"lam": 0.1},
        {"lam": 3.0, "lr": 0.1, "mu0": 0.3, "sigma": 1.0},
        {"lam": 3.0, "lr": 0.1, "pressure_reduction": "mean"},
    ],
    ids=str,
)
def test_it_is_the_papers_loss(
    digits_images: Images, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any]
) -> None:
    part = Images(digits_images.images[:40], digits_images.labels[:40])
    data = Data(part, DATASETS["digits"], Normalisation.of(part))
    noise = torch.randn(8, 436, generator=generator(1), dtype=torch.float64)
    calls: list[int] = []

    def fill(
        self: GaussianHardSigmoid, gates: Tensor, parameter: Tensor, generator: torch.Generator
    ) -> None:
        step, layer = divmod(len(calls), 2)  # 36 weights of one layer, then 400 of the other
        part = noise[step, :36] if layer == 0 else noise[step, 36:]
        calls.append(0)
        gates.copy_((parameter + self.sigma * part).clamp(0, 1))

    monkeypatch.setattr(GaussianHardSigmoid, "fill", fill)
    module = Wide()
    found = draw(Network(module), data, epochs=8, **options)
    assert len(calls) == 16

    x, y = data.take(torch.arange(40))
    expected = written_out(module.inner, x.double(), y, noise, **options)
    assert found.scores is not None
    torch.testing.assert_close(found.scores, expected, rtol=1e-6, atol=1e-6)
    assert found.soft_gates is not None
    assert torch.equal(found.mask.keep, found.scores > 0)
    assert found.soft_gates.tolist() == [min(max(mu, 0), 1) for mu in found.scores.tolist()]


def test_without_steps_every_gate_is_where_it_starts(tiny: Network, digits: Data) -> None:
    for mu0, kept in ((0.5, 436), (0.0, 0), (-0.1, 0)):
        found = draw(tiny, digits, epochs=0, mu0=mu0)
        assert found.mask.kept == kept  # mu > 0, not mu >= 0
        assert found.log == []


def test_more_pressure_is_sparser(tiny: Network, digits: Data) -> None:
    kept = [
        draw(
            tiny,
            digits,
            lam=lam,
            lr=0.05,
            epochs=15,
            batch_size=64,
            pressure_reduction="mean",
        ).mask.kept
        for lam in (1e-9, 1.0, 10.0)
    ]
    assert kept[0] > kept[1] + 40 > kept[2] + 80


def test_a_large_lambda_closes_everything(tiny: Network, digits: Data) -> None:
    found = draw(tiny, digits, lam=1e4, lr=0.1, epochs=5, batch_size=64)
    assert found.mask.keep.tolist() == [False] * 436
    assert found.mask.density == 0
    assert found.mask.layers_emptied() == 2
    assert found.soft_gates is not None
    assert not found.soft_gates.any()
    assert found.log[0]["strength"] == 1e4
    assert found.log[0]["expected_density"] > found.log[-1]["expected_density"]
    # Such a ticket can be judged: it guesses one class.
    most_common = max((digits.labels == label).sum().item() for label in range(10))
    assert evaluate(tiny, digits, found.mask.keep.float()).top1 <= 100 * most_common / 256 + 1e-4


@pytest.mark.parametrize("density", [0.5, 1.0, 0])
def test_a_density_is_refused(tiny: Network, digits: Data, density: float) -> None:
    with pytest.raises(ValueError, match=f"crbg takes no density target, got {density}"):
        draw(tiny, digits, density)
    assert digits.drawn == 0
    assert not methods["crbg"].sets_density


@pytest.mark.parametrize("name", ["lam", "sigma"])
@pytest.mark.parametrize("value", [0, 0.0, -0.1, math.nan, math.inf, -math.inf])
def test_lambda_and_sigma_must_be_positive_and_finite(
    tiny: Network, digits: Data, name: str, value: float
) -> None:
    with pytest.raises(
        ValueError, match=f"crbg's {name} must be positive and finite, got {value}"
    ) as caught:
        draw(tiny, digits, **{name: value})
    assert "\n" not in str(caught.value)
    assert digits.drawn == 0


def test_an_unknown_reduction_is_refused(tiny: Network, digits: Data) -> None:
    with pytest.raises(ValueError, match="unknown pressure_reduction 'sum': valid are mean"):
        draw(tiny, digits, pressure_reduction="sum")
