"""SNIP, against finite differences of the loss by the mask."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from baselines.snip import snip
from lottery.core.network import Network
from lottery.core.randomness import generator
from lottery.data import Images
from lottery.data.batches import Data
from lottery.search.registry import methods
from tests.baselines.tools import chosen, double_digits, noise_data, scores_of, seeded


def convolutional() -> nn.Sequential:
    """3 prunable layers, 27 + 54 + 80 = 161 prunable weights."""
    return seeded(
        nn.AvgPool2d(2),
        nn.Conv2d(1, 3, 3),
        nn.BatchNorm2d(3, track_running_stats=False),
        nn.ReLU(),
        nn.Conv2d(3, 2, 3, padding=1, bias=False),
        nn.Tanh(),
        nn.Flatten(),
        nn.Linear(8, 10),
    )


def prunable(module: nn.Module) -> list[Tensor]:
    return [m.weight for m in module.modules() if isinstance(m, nn.Conv2d | nn.Linear)]


def masked_loss(module: nn.Module, mask: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """The loss of a copy of the module whose weights are multiplied in place."""
    twin = copy.deepcopy(module)
    weights = prunable(twin)
    parts = torch.split(mask, [w.numel() for w in weights])
    with torch.no_grad():
        for weight, part in zip(weights, parts, strict=True):
            weight.mul_(part.view(weight.shape))
    log_p = twin(x).log_softmax(1)
    return torch.mean(-log_p[torch.arange(len(y)), y])


def sensitivity(module: nn.Module, mask: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """|dL / dm_j| for every j, by central differences."""
    h = 1e-5
    slopes = []
    with torch.no_grad():
        for j in range(len(mask)):
            step = torch.zeros_like(mask)
            step[j] = h
            up, down = (masked_loss(module, mask + s, x, y) for s in (step, -step))
            slopes.append((up - down) / (2 * h))
    return torch.stack(slopes).abs()


def test_a_score_is_the_sensitivity_of_the_loss_to_the_mask(digits_images: Images) -> None:
    module, data = convolutional(), double_digits(digits_images)
    x, y = data.balanced(3, generator(5))
    expected = sensitivity(module, torch.ones(161, dtype=torch.float64), x, y)
    found = snip(Network(module), data, 0.25, generator(5), samples_per_class=3)
    scores = scores_of(found.scores).double()
    assert expected.max() > 100 * expected.min()
    torch.testing.assert_close(scores, expected, rtol=1e-5, atol=1e-8)
    assert torch.equal(found.mask.keep, chosen(expected, 40))


def test_rounds_score_again_what_is_left(digits_images: Images) -> None:
    module, data = convolutional(), double_digits(digits_images)
    x, y = data.balanced(2, generator(5))
    keep = torch.ones(161, dtype=torch.bool)
    for density in (0.1 ** (1 / 3), 0.1 ** (2 / 3), 0.1):
        before, expected = keep, sensitivity(module, keep.double(), x, y)
        keep = chosen(expected, round(density * 161), among=keep)
    options = {"samples_per_class": 2, "rounds": 3}
    found = snip(Network(module), data, 0.1, generator(5), **options)
    scores = scores_of(found.scores)
    assert torch.equal(found.mask.keep, keep)
    assert torch.equal(scores >= 3 * 161, before)  # scored in all three rounds
    assert torch.equal(scores[before].argsort(), expected[before].argsort())
    once = snip(Network(module), data, 0.1, generator(5), samples_per_class=2)
    assert not torch.equal(once.mask.keep, keep)


def test_the_score_is_weight_times_gradient(digits: Data) -> None:
    """By an independent backward pass, on the network at hand, at single precision."""
    module = seeded(nn.Flatten(), nn.Linear(64, 20), nn.ReLU(), nn.Linear(20, 10)).float()
    found = snip(Network(copy.deepcopy(module)), digits, 0.5, generator(1))
    x, y = digits.balanced(10, generator(1))
    F.cross_entropy(module(x), y).backward()  # type: ignore[no-untyped-call]
    expected = [(w * w.grad).abs().flatten() for w in prunable(module) if w.grad is not None]
    torch.testing.assert_close(scores_of(found.scores), torch.cat(expected))


def test_one_batch_with_as_many_images_of_every_class(digits: Data, tiny: Network) -> None:
    before = digits.drawn
    snip(tiny, digits, 0.5, generator(0), samples_per_class=4, rounds=5)
    assert digits.drawn - before == 40
    assert methods["snip"].pruned_at == "init"


def test_a_class_with_too_few_images(digits: Data, tiny: Network) -> None:
    fewest = int(digits.labels.bincount().min())
    snip(tiny, digits, 0.5, generator(0), samples_per_class=fewest)
    short = int(digits.labels.bincount().argmin())
    message = f"class {short} of digits has {fewest} images, {fewest + 1} are needed"
    with pytest.raises(ValueError, match=message):
        snip(tiny, digits, 0.5, generator(0), samples_per_class=fewest + 1)


@pytest.mark.parametrize("rounds", [0, -1])
def test_at_least_one_round(digits: Data, tiny: Network, rounds: int) -> None:
    with pytest.raises(ValueError, match=f"rounds must be at least 1, got {rounds}"):
        snip(tiny, digits, 0.5, generator(0), rounds=rounds)


def test_infinite_weights_are_named() -> None:
    network = Network(nn.Sequential(nn.Flatten(), nn.Linear(12, 2)))
    network.weights[3] = torch.inf
    with pytest.raises(ValueError, match=r"of 24 scores of layer 1\.weight are not finite"):
        snip(network, noise_data((3, 2, 2)), 0.5, generator(0), samples_per_class=1)
