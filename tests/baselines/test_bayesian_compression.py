"""Bayesian compression, against numerical integration, sampling and its rules written out."""

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from scipy import integrate, stats
from torch import Tensor, nn

from baselines.bayesian_compression import (
    Scales,
    inputs_of,
    run_noisy,
    spread,
    weights_negative_kl,
)
from baselines.bc_ghs import Horseshoe, gamma_negative_kl, inverse_gamma_negative_kl
from baselines.bc_gnj import NormalJeffreys
from lottery.core.errors import BadInput
from lottery.core.layout import Layout
from lottery.core.network import Network
from lottery.core.randomness import generator
from lottery.core.result import Result
from lottery.data import Images
from lottery.data.batches import Data
from lottery.search.registry import methods
from tests.baselines.tools import Recorder, double_digits, runner, seeded

CPU = torch.device("cpu")
NAMES = ["bc_gnj", "bc_ghs"]


def expected(of: Callable[[float], float], mean: float, deviation: float) -> float:
    """E of(x) for normal x, by adaptive quadrature."""
    density = stats.norm(mean, deviation).pdf
    low, high = mean - 12 * deviation, mean + 12 * deviation
    value, _ = integrate.quad(lambda x: density(x) * of(x), low, high, limit=400)
    return float(value)


def negative_kl_by_quadrature(prior: Any, mean: float, variance: float) -> float:
    """-KL(LN(mean, variance) || prior) = E log prior(exp x) - E log q(exp x), x normal."""
    deviation = math.sqrt(variance)
    q = stats.lognorm(s=deviation, scale=math.exp(mean))
    return expected(lambda x: prior.logpdf(math.exp(x)) - q.logpdf(math.exp(x)), mean, deviation)


POINTS = [(0.0, 1.0), (-2.0, 0.3), (1.5, 0.05), (-6.0, 2.0), (0.4, 1e-4)]


@pytest.mark.parametrize(("mean", "variance"), POINTS)
@pytest.mark.parametrize("scale", [1.0, 0.09, 7.0])
def test_the_kl_to_a_gamma_prior(mean: float, variance: float, scale: float) -> None:
    found = gamma_negative_kl(double(mean), double(math.log(variance)), math.log(scale)).item()
    assert found == pytest.approx(
        negative_kl_by_quadrature(stats.gamma(0.5, scale=scale), mean, variance), rel=1e-8
    )
    assert found <= 0


@pytest.mark.parametrize(("mean", "variance"), POINTS)
def test_the_kl_to_an_inverse_gamma_prior(mean: float, variance: float) -> None:
    found = inverse_gamma_negative_kl(double(mean), double(math.log(variance))).item()
    assert found == pytest.approx(
        negative_kl_by_quadrature(stats.invgamma(0.5), mean, variance), rel=1e-8
    )


@pytest.mark.parametrize(("mean", "variance"), [(0.0, 1.0), (1.3, 0.2), (-0.4, 3.0)])
def test_the_kl_of_the_weights(mean: float, variance: float) -> None:
    deviation = math.sqrt(variance)
    p, q = stats.norm(0, 1), stats.norm(mean, deviation)
    wanted = expected(lambda x: p.logpdf(x) - q.logpdf(x), mean, deviation)
    mu, v = double(mean).expand(3), double(variance).expand(3)
    assert weights_negative_kl(mu, v, v.log()).item() == pytest.approx(3 * wanted, abs=1e-9)


def test_the_decomposition_is_half_cauchy() -> None:
    """sqrt(gamma x inverse gamma) is half-Cauchy of scale tau, by its quantiles."""
    draw = np.random.default_rng(0)
    tau, n = 0.3, 400_000
    a = stats.gamma(0.5, scale=tau**2).rvs(n, random_state=draw)
    b = stats.invgamma(0.5).rvs(n, random_state=draw)
    assert stats.kstest(np.sqrt(a * b), stats.halfcauchy(scale=tau).cdf).pvalue > 1e-3


@pytest.mark.parametrize("log_alpha", [-6.0, -2.0, 0.0, 2.0, 6.0])
def test_the_kl_to_the_jeffreys_prior_is_what_the_paper_approximates(log_alpha: float) -> None:
    """-KL is 0.5 log alpha - E log|z| + a constant that makes the limit zero."""
    euler = 0.5772156649015329
    scales = jeffreys(2.0, 2 * math.log(2.0) + log_alpha)

    def of(x: float) -> float:
        return math.log(abs(1 + math.exp(log_alpha / 2) * x))

    pole = -math.exp(-log_alpha / 2)
    parts = [(-14, pole), (pole, 14)] if pole > -14 else [(-14, 14)]
    mean = sum(integrate.quad(lambda x: stats.norm.pdf(x) * of(x), *p)[0] for p in parts)
    wanted = 0.5 * log_alpha - mean - 0.5 * (euler + math.log(2))
    assert scales.negative_kl().item() / 3 == pytest.approx(wanted, abs=0.009)


def double(value: float) -> Tensor:
    return torch.tensor(value, dtype=torch.float64)


def layout() -> Layout:
    return inputs_of(Layout.of_shapes([("a", (2, 1)), ("b", (4, 2))]))


def jeffreys(mu: float, log_sigma2: float) -> NormalJeffreys:
    scales = NormalJeffreys(layout(), CPU)
    scales.parameters["mu"].fill_(mu)
    scales.parameters["log_sigma2"].fill_(log_sigma2)
    return scales


def horseshoe() -> Horseshoe:
    """Scales of log-normal factors that all differ."""
    scales = Horseshoe(layout(), CPU, tau0=0.1)
    draw = torch.Generator().manual_seed(1)
    for name, tensor in scales.parameters.items():
        tensor.normal_(-1.5 if "log" in name else 0.2, 0.5, generator=draw)
    return scales


def test_samples_of_the_normal_scales() -> None:
    z = jeffreys(0.7, math.log(0.04)).draw(1, 200_000, generator(0)).double()
    assert z.shape == (200_000, 2)
    torch.testing.assert_close(z.mean(0), torch.full((2,), 0.7).double(), atol=3e-3, rtol=0)
    torch.testing.assert_close(z.std(0), torch.full((2,), 0.2).double(), atol=3e-3, rtol=0)
    assert abs(torch.corrcoef(z.T)[0, 1]) < 0.01


def test_samples_of_the_log_normal_scales() -> None:
    """log z is normal; a layer's own factor is common to all of its inputs."""
    scales = horseshoe()
    log_z = scales.draw(1, 200_000, generator(0)).double().log()
    p = {name: tensor.double() for name, tensor in scales.parameters.items()}
    own, shared = p["log_own"].exp()[:, 1:].sum(0) / 4, p["log_shared"].exp()[:, 1].sum() / 4
    mean = 0.5 * (p["own"][:, 1:].sum(0) + p["shared"][:, 1].sum())
    torch.testing.assert_close(log_z.mean(0), mean, atol=5e-3, rtol=0)
    torch.testing.assert_close(log_z.T.cov(), own.diag() + shared, atol=5e-3, rtol=0)


def test_mean_and_mode_of_the_log_normal_scales() -> None:
    scales = horseshoe()
    z = scales.draw(1, 400_000, generator(0)).double()
    torch.testing.assert_close(scales.mean()[1:].double(), z.mean(0), rtol=0.01, atol=0)
    for i in (0, 1):
        # The mode, where the fitted log-normal's density is flat.
        s, _, scale = stats.lognorm.fit(z[:20_000, i].numpy(), floc=0)
        grid = np.linspace(0.05, 3, 20_000)
        mode = grid[stats.lognorm(s, scale=scale).pdf(grid).argmax()]
        assert scales.log_dropout()[1 + i].item() == pytest.approx(-math.log(mode), abs=0.03)


def test_log_alpha_of_the_normal_scales() -> None:
    assert jeffreys(0.5, -3.0).log_dropout().tolist() == pytest.approx([-3 - math.log(0.25)] * 3)


def test_the_whole_negative_kl_adds_up() -> None:
    scales = horseshoe()
    p = scales.parameters
    wanted = 0.0
    for name, scale in (("own", 1.0), ("shared", 0.01)):
        for row, prior in enumerate((stats.gamma(0.5, scale=scale), stats.invgamma(0.5))):
            for mean, log_variance in zip(p[name][row], p[f"log_{name}"][row], strict=True):
                variance = math.exp(log_variance.item())
                wanted += negative_kl_by_quadrature(prior, mean.item(), variance)
    assert scales.negative_kl().item() == pytest.approx(wanted, rel=1e-5)


def make(name: str, network: Network) -> Scales:
    inputs = inputs_of(network.layout)
    if name == "bc_gnj":
        return NormalJeffreys(inputs, CPU)
    return Horseshoe(inputs, CPU, tau0=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_scales_start_at_one(name: str, tiny: Network) -> None:
    torch.testing.assert_close(make(name, tiny).mean(), torch.ones(41), atol=1e-3, rtol=0)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("layer", ["linear", "convolution", "tokens"])
def test_outputs_have_the_moments_of_noisy_weights(name: str, layer: str) -> None:
    """Sampled pre-activations against sampled weights and scales, w_ij = z_i (m_ij + s_ij e)."""
    draw = torch.Generator().manual_seed(3)
    modules = {
        "linear": nn.Linear(3, 2),
        "tokens": nn.Linear(3, 2),
        "convolution": nn.Conv2d(3, 2, 2, stride=2, padding=1),
    }
    shape = {"linear": (3,), "tokens": (2, 3), "convolution": (3, 3, 3)}[layer]
    network = Network(seeded(modules[layer]).float())
    scales = make(name, network)
    for key, tensor in scales.parameters.items():
        if "log" in key:
            tensor.fill_(-2.0)
    variance = torch.rand(network.layout.total, generator=draw)
    x, n = torch.randn(shape, generator=draw), 30_000
    many = x.expand(n, *shape)
    out = run_noisy(network, many, network.weights, network.rest, variance, scales, generator(5))
    weights = network.layout.entries[0].shape
    z = scales.draw(0, 2_000, generator(6))
    noise = torch.randn(2_000, *weights, generator=draw)
    sampled = z.view(2_000, 1, -1, *[1] * (len(weights) - 2)) * (
        network.weights.view(weights) + variance.view(weights).sqrt() * noise
    )
    outs = torch.stack([network.run(x[None], w.flatten(), network.rest)[0] for w in sampled])
    torch.testing.assert_close(out.mean(0), outs.mean(0), atol=0.12, rtol=0.1)
    torch.testing.assert_close(out.std(0), outs.std(0), atol=0.12, rtol=0.1)


def draw(name: str, network: Network, data: Data, **options: Any) -> tuple[Result, Recorder]:
    recorder = Recorder()
    lent = runner(data, recorder)
    method = methods[name]
    found = method.draw(network, data, None, generator(0), runner=lent, **options)
    return found, recorder


class Chain(nn.Sequential):
    """64-12-8-10."""

    def __init__(self) -> None:
        super().__init__(
            nn.Flatten(),
            nn.Linear(64, 12),
            nn.ReLU(),
            nn.Linear(12, 8),
            nn.ReLU(),
            nn.Linear(8, 10),
        )


def chain() -> Network:
    module = Chain()
    seeded(*module)
    return Network(module.float())


@pytest.mark.parametrize("name", NAMES)
def test_whole_neurons_are_removed(name: str, digits: Data) -> None:
    """An input goes with its column, and with the row of the layer before that makes it."""
    network = chain()
    _, recorder = draw(name, network, digits, epochs=20, lr=0.05)
    rates = rates_of(name, network, recorder)
    threshold = rates.median().item()
    found, _ = draw(name, network, digits, epochs=20, lr=0.05, threshold=threshold)
    left = [part < threshold for part in inputs_of(network.layout).views(rates).values()]
    views = list(network.layout.views(found.mask.keep).values())
    rows = [left[1], left[2], torch.ones(10, dtype=torch.bool)]
    for keep, row, column in zip(views, rows, left, strict=True):
        assert torch.equal(keep, row[:, None] & column[None, :])
    counts = [int(part.sum()) for part in left]
    assert 0 < counts[0] < 64
    assert list(found.mask.inputs_kept().values()) == counts
    sizes = [*counts, 10]
    assert found.mask.kept == sum(a * b for a, b in pairwise(sizes))


def rates_of(name: str, network: Network, recorder: Recorder) -> Tensor:
    """The rates at the end of a recorded run."""
    scales, end = make(name, network), recorder.loops["search"][-1]
    for key, tensor in scales.parameters.items():
        tensor.copy_(end[key])
    return scales.log_dropout()


@pytest.mark.parametrize("name", NAMES)
def test_the_ticket_is_the_posterior_mean(name: str, digits: Data) -> None:
    network = chain()
    found, recorder = draw(name, network, digits, epochs=3, lr=0.01, threshold=1e9)
    end = recorder.loops["search"][-1]
    scales = make(name, network)
    for key, tensor in scales.parameters.items():
        tensor.copy_(end[key])
    means = end["mean"] * spread(network.layout, scales.mean())
    assert found.trained is not None
    assert found.mask.kept == network.layout.total
    torch.testing.assert_close(found.trained.weights, means)
    assert torch.equal(found.trained.rest, end["rest"])
    assert not torch.equal(end["rest"], network.rest)


def test_inputs_that_carry_nothing_go_first(digits: Data) -> None:
    """Pixels at the border of digits are nearly always black: normal-Jeffreys drops them."""
    network = chain()
    found, _ = draw("bc_gnj", network, digits, epochs=150, lr=0.02, threshold=0.0)
    assert found.trained is not None
    first = network.layout.views(found.mask.keep)["1.weight"].any(0).view(8, 8)
    assert first[:, 2:6].float().mean() > 2 * first[:, [0, 7]].float().mean()
    assert 0.02 < found.mask.density < 0.7
    x, y = digits.take(torch.arange(256))
    with torch.no_grad():
        assert (found.trained(x).argmax(1) == y).float().mean() > 0.8


def test_the_first_layers_deviation_is_bounded(digits: Data) -> None:
    _, recorder = draw("bc_gnj", chain(), digits, epochs=40, lr=0.3, first_deviation=0.05)
    end = recorder.loops["search"][-1]["log_variance"]
    first = 64 * 12
    assert end[:first].max().item() == pytest.approx(2 * math.log(0.05))
    assert end[first:].max() > 2 * math.log(0.05)


def test_the_loss_is_cross_entropy_plus_kl_per_image(digits_images: Images) -> None:
    """Adam's averages hold the gradients; on weights whose inputs are zero they are the KL's."""
    black = Images(torch.zeros_like(digits_images.images), digits_images.labels)
    data = double_digits(black)
    network = Network(seeded(nn.Flatten(), nn.Linear(64, 10)))
    _, recorder = draw("bc_gnj", network, data, epochs=2, warm_up=0.5, lr=1e-30)
    variance, averages = math.exp(-9), torch.zeros(2, 640).double()
    for i, state in enumerate(recorder.loops["search"]):
        share = min(1.0, i / 4 / 0.5)
        slopes = torch.stack([network.weights, torch.full((640,), 0.5 * (variance - 1)).double()])
        averages = 0.9 * averages + 0.1 * share * slopes / 256
        found = torch.stack([state[f"optimiser.{k}.exp_avg"] for k in (0, 2)])
        torch.testing.assert_close(found, averages, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_a_density_target_is_refused(name: str, tiny: Network, digits: Data) -> None:
    with pytest.raises(BadInput, match=f"{name} takes no density target, got 0.5"):
        methods[name].draw(tiny, digits, 0.5, generator(0), runner=runner(digits))
    with pytest.raises(BadInput, match=f"{name} takes no density target"):
        methods[name].check(0.5, methods[name].options)
    methods[name].check(None, methods[name].options)


@pytest.mark.parametrize("tau0", [0.0, -1.0, math.inf, math.nan])
def test_a_scale_that_is_none(tau0: float) -> None:
    with pytest.raises(BadInput, match="bc_ghs's tau0 must be positive and finite"):
        methods["bc_ghs"].check(None, {"tau0": tau0})


@pytest.mark.parametrize("name", NAMES)
def test_convolutions_in_groups_are_refused(name: str, digits: Data) -> None:
    module = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Conv2d(4, 4, 3, groups=2), nn.Flatten())
    with pytest.raises(BadInput, match=r"no scales for 1.weight: it is in groups"):
        draw(name, Network(module), digits)


@pytest.mark.parametrize("name", NAMES)
def test_it_brings_its_own_weights_and_density(name: str) -> None:
    assert methods[name].own_weights
    assert not methods[name].sets_density
    assert methods[name].pruned_at == "init"
