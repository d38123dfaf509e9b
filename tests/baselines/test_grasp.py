"""GraSP, against an explicit Hessian and against finite differences."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from baselines.grasp import grasp, hessian_gradient
from lottery.core.errors import UnknownName
from lottery.core.network import Network
from lottery.core.randomness import generator
from lottery.data import Images
from lottery.data.batches import Data
from lottery.search.registry import methods
from tests.baselines.tools import chosen, double_digits, noise_data, scores_of, seeded

D = 27 + 60  # prunable weights


def network() -> Network:
    """A convolution of 3x1x3x3 over 2x2 patches, batch norm, and a linear layer of 10x6."""
    module = seeded(
        nn.AvgPool2d((2, 1)),
        nn.Conv2d(1, 3, 3, stride=(1, 5)),
        nn.BatchNorm2d(3, track_running_stats=False),
        nn.Tanh(),
        nn.AdaptiveAvgPool2d((2, 1)),
        nn.Flatten(),
        nn.Linear(6, 10),
    )
    return Network(module)


def loss_of(given: Network, x: Tensor, y: Tensor, temperature: float) -> Callable[[Tensor], Tensor]:
    """The same network's loss as a function of its prunable weights, written out."""
    bias, scale, shift, last = torch.split(given.rest, [3, 3, 3, 10])

    def loss(theta: Tensor) -> Tensor:
        first, second = torch.split(theta, [27, 60])
        z = F.conv2d(F.avg_pool2d(x, (2, 1)), first.view(3, 1, 3, 3), bias, stride=(1, 5))
        centred = z - z.mean((0, 2, 3), keepdim=True)
        z = centred / (centred.square().mean((0, 2, 3), keepdim=True) + 1e-5).sqrt()
        z = torch.tanh(z * scale.view(-1, 1, 1) + shift.view(-1, 1, 1))
        # (n, 3, 2, 2): rows in one step, columns averaged.
        features = z.mean(3).flatten(1)
        log_p = ((features @ second.view(10, 6).T + last) / temperature).log_softmax(1)
        return torch.mean(-log_p[torch.arange(len(y)), y])

    return loss


def explicit(loss: Callable[[Tensor], Tensor], theta: Tensor) -> tuple[Tensor, Tensor]:
    """The whole Hessian, shape (d, d), and the gradient, shape (d,)."""
    hessian = torch.autograd.functional.hessian(loss, theta)  # type: ignore[no-untyped-call]
    variable = theta.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(variable), variable)
    return hessian, gradient


@pytest.fixture
def data(digits_images: Images) -> Data:
    return double_digits(digits_images)


@pytest.mark.parametrize("temperature", [1.0, 200.0])
def test_the_product_is_that_of_the_explicit_hessian(data: Data, temperature: float) -> None:
    given = network()
    x, y = data.balanced(3, generator(0))
    hessian, gradient = explicit(loss_of(given, x, y, temperature), given.weights)
    assert hessian.shape == (D, D)
    assert (hessian - hessian.diag().diag()).abs().max() > 1e-2 * hessian.abs().max()
    theta = given.weights.clone().requires_grad_()
    found = hessian_gradient(given, theta, (x, x), y, temperature)
    torch.testing.assert_close(found, hessian @ gradient, rtol=1e-9, atol=0)


def test_the_product_is_the_change_of_the_gradient_along_itself(data: Data) -> None:
    """Hg = (g(theta + e g) - g(theta - e g)) / 2e: first derivatives only, of the module itself."""
    given = network()
    x, y = data.balanced(3, generator(0))

    def gradient(theta: Tensor) -> Tensor:
        variable = theta.clone().requires_grad_()
        value = F.cross_entropy(given.run(x, variable, given.rest) / 2.5, y)
        (g,) = torch.autograd.grad(value, variable)
        return g

    theta, e = given.weights, 1e-4
    g = gradient(theta)
    expected = (gradient(theta + e * g) - gradient(theta - e * g)) / (2 * e)
    found = hessian_gradient(given, theta.clone().requires_grad_(), (x, x), y, 2.5)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("temperature", [1.0, 200.0])
def test_the_weights_of_highest_minus_theta_hg_are_removed(data: Data, temperature: float) -> None:
    given = network()
    x, y = data.balanced(3, generator(0))
    hessian, gradient = explicit(loss_of(given, x, y, temperature), given.weights)
    paper = -given.weights * (hessian @ gradient)  # S(-theta), Eq. 8
    options: dict[str, Any] = {"samples_per_class": 3, "temperature": temperature}
    found = grasp(given, data, 0.6, generator(0), **options)
    removed = ~found.mask.keep
    assert int(removed.sum()) == D - round(0.6 * D)
    assert torch.equal(removed, chosen(paper, D - round(0.6 * D)))
    torch.testing.assert_close(scores_of(found.scores), -paper, rtol=1e-9, atol=0)
    # Not the lowest in magnitude, and both signs occur.
    assert 0 < int((paper > 0).sum()) < D
    assert not torch.equal(removed, chosen(-paper.abs(), D - round(0.6 * D)))


def test_logits_and_not_the_loss_are_divided(data: Data) -> None:
    """Dividing the loss would change no order; dividing the logits does."""
    kept = [
        grasp(network(), data, 0.5, generator(0), samples_per_class=3, temperature=t).mask.keep
        for t in (1.0, 200.0)
    ]
    assert not torch.equal(*kept)
    assert methods["grasp"].options["temperature"] == 200


def test_removing_a_weight_of_high_score_lowers_the_gradient_norm_most(data: Data) -> None:
    """What GraSP is after: theta * Hg is the slope of |g|^2 / 2 along the removal of a weight."""
    given = network()
    x, y = data.balanced(3, generator(0))
    loss = loss_of(given, x, y, 1.0)

    def half_square(theta: Tensor) -> float:
        variable = theta.clone().requires_grad_()
        (g,) = torch.autograd.grad(loss(variable), variable)
        return 0.5 * g.square().sum().item()

    options: dict[str, Any] = {"samples_per_class": 3, "temperature": 1.0}
    scores = scores_of(grasp(given, data, 0.5, generator(0), **options).scores)
    for j in [int(scores.argmax()), int(scores.argmin()), 0, D - 1]:
        h = 1e-4
        shrunk, grown = given.weights.clone(), given.weights.clone()
        shrunk[j] *= 1 - h
        grown[j] *= 1 + h
        slope = (half_square(grown) - half_square(shrunk)) / (2 * h)
        assert scores[j].item() == pytest.approx(slope, rel=1e-5, abs=1e-10)


def test_the_magnitude_variant_removes_the_lowest_magnitude(data: Data) -> None:
    given = network()
    x, y = data.balanced(3, generator(0))
    hessian, gradient = explicit(loss_of(given, x, y, 200.0), given.weights)
    expected = (given.weights * (hessian @ gradient)).abs()
    found = grasp(given, data, 0.6, generator(0), samples_per_class=3, criterion="magnitude")
    torch.testing.assert_close(scores_of(found.scores), expected, rtol=1e-9, atol=0)
    assert torch.equal(found.mask.keep, chosen(expected, round(0.6 * D)))


def test_the_cts_code_takes_the_products_absolute_value(data: Data) -> None:
    """And H on images normalised a second time as if they were pixels in 0..1, g on plain ones: the
    highest theta * |Hg| stay, so that large positive weights do and negative ones go first."""
    # Without a norm, which would undo the second normalisation.
    given = Network(
        seeded(nn.AvgPool2d(2), nn.Flatten(), nn.Linear(16, 5), nn.Tanh(), nn.Linear(5, 10))
    )
    bias, last = torch.split(given.rest, [5, 10])
    x, y = data.balanced(3, generator(0))

    def loss_on(images: Tensor) -> Callable[[Tensor], Tensor]:
        means = images.view(-1, 4, 2, 4, 2).mean((2, 4)).flatten(1)

        def loss(theta: Tensor) -> Tensor:
            first, second = torch.split(theta, [80, 50])
            features = torch.tanh(means @ first.view(5, 16).T + bias)
            log_p = ((features @ second.view(10, 5).T + last) / 200).log_softmax(1)
            return torch.mean(-log_p[torch.arange(len(y)), y])

        return loss

    pixels = data.images.double() / 255
    twice = (x - pixels.mean()) / pixels.std(correction=0)
    hessian, _ = explicit(loss_on(twice), given.weights)
    once, gradient = explicit(loss_on(x), given.weights)
    expected = given.weights * (hessian @ gradient).abs()
    options: dict[str, Any] = {"samples_per_class": 3, "criterion": "cts_code"}
    found = grasp(given, data, 0.3, generator(0), **options)
    # The data's moments are float32.
    torch.testing.assert_close(scores_of(found.scores), expected, rtol=1e-4, atol=1e-12)
    assert torch.equal(found.mask.keep, chosen(scores_of(found.scores), round(0.3 * 130)))
    assert (given.weights[found.mask.keep] > 0).all()
    # Not the absolute value alone: the second normalisation counts.
    other = (given.weights * (once @ gradient)).abs()
    assert ((expected.abs() - other).abs() > 0.1 * other).double().mean() > 0.5


def test_signed_is_the_default_and_others_are_refused(data: Data) -> None:
    assert methods["grasp"].options["criterion"] == "signed"
    words = "unknown criterion 'sigend': did you mean signed"
    with pytest.raises(UnknownName, match=words):
        grasp(network(), data, 0.3, generator(0), criterion="sigend")


def test_rounds_take_the_hessian_of_what_is_left(data: Data) -> None:
    given = network()
    x, y = data.balanced(3, generator(0))
    loss, keep = loss_of(given, x, y, 200.0), torch.ones(D, dtype=torch.bool)
    for density in (0.3**0.5, 0.3):
        hessian, gradient = explicit(loss, given.weights * keep)
        scores = given.weights * keep * (hessian @ gradient)
        keep = chosen(scores, round(density * D), among=keep)
    found = grasp(given, data, 0.3, generator(0), samples_per_class=3, rounds=2)
    assert torch.equal(found.mask.keep, keep)
    once = grasp(given, data, 0.3, generator(0), samples_per_class=3)
    assert not torch.equal(once.mask.keep, keep)


def test_a_class_with_too_few_images(digits: Data, tiny: Network) -> None:
    with pytest.raises(ValueError, match=r"class 0 of digits has \d+ images, 300 are needed"):
        grasp(tiny, digits, 0.5, generator(0), samples_per_class=300)


def test_infinite_weights_are_named() -> None:
    given = Network(nn.Sequential(nn.Flatten(), nn.Linear(12, 2)))
    given.weights[3] = torch.inf
    with pytest.raises(ValueError, match=r"of 24 scores of layer 1\.weight are not finite"):
        grasp(given, noise_data((3, 2, 2)), 0.5, generator(0), samples_per_class=1)
