"""Training under a mask, against the update rule written out; and accuracy, against counting."""

import copy
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lottery.core.mask import Mask
from lottery.core.network import Network
from lottery.data import DATASETS, Dataset, Images
from lottery.data.batches import Data, Normalisation
from lottery.training.loop import Keeper, NoKeeper, Resumable
from lottery.training.recipe import Recipe
from lottery.training.runner import Runner
from lottery.training.train import evaluate, train
from tests.conftest import interrupted, tiny_module

# 256 digits in batches of 64: 3 epochs are 12 steps.
RECIPE = Recipe(epochs=3, rewind_epochs=0, batch_size=64, weight_decay=0.01)
STEPS = range(12)


def every_third(network: Network) -> Mask:
    return Mask(network.layout, torch.arange(network.layout.total) % 3 == 0)


def parameters(network: Network) -> Tensor:
    return torch.cat([network.weights, network.rest])


def test_pruned_weights_stay_exactly_zero(tiny: Network, digits: Data) -> None:
    mask = every_third(tiny)

    class Spy(NoKeeper):
        def done(self, loop: str, step: int, state: Resumable) -> None:
            theta = state.tensors()["theta"][: tiny.layout.total]
            assert not theta[~mask.keep].any()

    trained = train(tiny, mask, digits, RECIPE, 0, STEPS, Spy())
    assert not trained.weights[~mask.keep].any()
    assert (trained.weights[mask.keep] != tiny.weights[mask.keep]).all()
    assert (trained.rest != tiny.rest).sum() > len(tiny.rest) / 2


def test_training_leaves_the_network_that_it_starts_from(tiny: Network, digits: Data) -> None:
    before = parameters(tiny).clone()
    module = copy.deepcopy(tiny.module)
    train(tiny, every_third(tiny), digits, RECIPE, 0, STEPS)
    assert torch.equal(parameters(tiny), before)
    for one, other in zip(tiny.module.parameters(), module.parameters(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("clip_norm", [0.1, 1e6])
def test_steps_are_those_of_sgd(digits_images: Images, clip_norm: float) -> None:
    """Every batch is the whole set, so that its order plays no part."""
    part = Images(digits_images.images[:40], digits_images.labels[:40])
    data = Data(part, DATASETS["digits"], Normalisation.of(part))
    recipe = Recipe(
        epochs=4,
        rewind_epochs=0,
        batch_size=40,
        lr=0.3,
        momentum=0.8,
        weight_decay=0.05,
        milestones=(0.25, 0.75),
        gamma=0.5,
        clip_norm=clip_norm,
    )
    module = tiny_module()
    network = Network(module)
    mask = every_third(network)
    trained = train(network, mask, data, recipe, 0, range(4))

    # The same on the module itself, in float64.
    module = copy.deepcopy(module).double()
    keep = iter(torch.split(mask.keep, [36, 400]))
    masks = [
        next(keep).view_as(p) if p.dim() > 1 else torch.ones_like(p) for p in module.parameters()
    ]
    scaled = part.images.double()
    x = ((scaled - scaled.mean()) / scaled.std(correction=0)).permute(0, 3, 1, 2)
    with torch.no_grad():
        for p, kept in zip(module.parameters(), masks, strict=True):
            p.mul_(kept)
    momenta = [torch.zeros_like(p) for p in module.parameters()]
    clipped = []
    for lr in (0.3, 0.15, 0.15, 0.075):
        loss = F.cross_entropy(module(x), part.labels)
        gradients = torch.autograd.grad(loss, [*module.parameters()])
        gradients = tuple(g * kept for g, kept in zip(gradients, masks, strict=True))
        norm = sum(float((g**2).sum()) for g in gradients) ** 0.5
        clipped.append(norm > clip_norm)
        with torch.no_grad():
            for p, g, momentum in zip(module.parameters(), gradients, momenta, strict=True):
                momentum.mul_(0.8).add_(g * min(1.0, clip_norm / norm) + 0.05 * p)
                p.sub_(lr * momentum)
    assert any(clipped) == (clip_norm < 1)

    expected = Network(module.float())
    assert (expected.weights - network.weights * mask.keep).abs().max() > 0.01
    torch.testing.assert_close(trained.weights, expected.weights, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(trained.rest, expected.rest, rtol=1e-4, atol=1e-5)


class Kept:
    """A keeper that carries a loop's state from one training to the next."""

    def __init__(self) -> None:
        self.step, self.tensors = 0, dict[str, Tensor]()

    def resume(self, loop: str, first: int, state: Resumable) -> int:
        if not self.tensors:
            return first
        state.load(self.tensors)
        return self.step

    def done(self, loop: str, step: int, state: Resumable) -> None:
        self.step = step
        self.tensors = {name: tensor.clone() for name, tensor in state.tensors().items()}


@pytest.mark.parametrize("cut", [1, 4, 5, 11])
def test_two_parts_with_the_state_kept_are_one(tiny: Network, digits: Data, cut: int) -> None:
    mask = every_third(tiny)
    expected = train(tiny, mask, digits, RECIPE, 0, STEPS)
    keeper = Kept()
    train(tiny, mask, digits, RECIPE, 0, range(cut), keeper)
    found = train(tiny, mask, digits, RECIPE, 0, range(cut, 12), keeper)
    assert torch.equal(parameters(found), parameters(expected))


def test_without_the_state_the_optimiser_starts_fresh(tiny: Network, digits: Data) -> None:
    mask = every_third(tiny)
    half = train(tiny, mask, digits, RECIPE, 0, range(6))
    found = train(half, mask, digits, RECIPE, 0, range(6, 12))
    whole = train(tiny, mask, digits, RECIPE, 0, STEPS)
    assert not torch.equal(found.weights, whole.weights)
    # Without momentum there is nothing to lose.
    plain = replace(RECIPE, momentum=0.0)
    half = train(tiny, mask, digits, plain, 0, range(6))
    found = train(half, mask, digits, plain, 0, range(6, 12))
    assert torch.equal(parameters(found), parameters(train(tiny, mask, digits, plain, 0, STEPS)))


@pytest.mark.parametrize(("stop", "every"), [(1, 1), (5, 1), (11, 4), (3, 5), (12, 1)])
def test_a_stopped_training_goes_on_to_the_same_end(
    tiny: Network, digits: Data, stop: int, every: int
) -> None:
    def run(keeper: Keeper) -> Tensor:
        return parameters(train(tiny, every_third(tiny), digits, RECIPE, 0, STEPS, keeper))

    assert torch.equal(interrupted(run, stop, every), run(NoKeeper()))


class Recorder(Data):
    """Data that remembers which batches were taken."""

    def take(self, index: Tensor) -> tuple[Tensor, Tensor]:
        self.taken.append(tuple(index.tolist()))
        return super().take(index)

    taken: list[tuple[int, ...]]


def batches_of(
    mask: Mask, network: Network, images: Images, seed: int, steps: range
) -> list[object]:
    part = Images(images.images[:256], images.labels[:256])
    data = Recorder(part, DATASETS["digits"], Normalisation.of(part))
    data.taken = []
    torch.rand(len(network.weights[mask.keep]))  # the global generator is elsewhere each time
    train(network, mask, data, RECIPE, seed, steps)
    return list(data.taken)


def test_every_ticket_of_a_seed_sees_the_same_batches(tiny: Network, digits_images: Images) -> None:
    full, third = Mask.full(tiny.layout), every_third(tiny)
    expected = batches_of(full, tiny, digits_images, 0, STEPS)
    assert len(set(expected)) == 12
    assert batches_of(third, tiny, digits_images, 0, STEPS) == expected
    assert batches_of(third, tiny, digits_images, 0, range(5, 12)) == expected[5:]
    assert batches_of(full, tiny, digits_images, 1, STEPS) != expected


def test_training_augments_where_the_dataset_says_so(tiny: Network, digits: Data) -> None:
    def trained() -> Tensor:
        return train(tiny, Mask.full(tiny.layout), digits, RECIPE, 0, range(2)).weights

    plain = trained()
    digits.dataset = replace(digits.dataset, flip=True)
    assert not torch.equal(trained(), plain)


def test_a_runner_trains_from_the_step_that_it_is_told(tiny: Network, digits: Data) -> None:
    mask = every_third(tiny)
    runner = Runner(digits, RECIPE, seed=3, start_step=5)
    assert runner.training_steps == range(5, 12)
    found = runner.train(tiny, mask)
    assert torch.equal(
        parameters(found), parameters(train(tiny, mask, digits, RECIPE, 3, range(5, 12)))
    )
    assert Runner(digits, RECIPE, seed=3).training_steps == STEPS


def labelled(n: int, classes: int) -> Data:
    """Random images of 2x3 pixels with random labels."""
    draw = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (n, 2, 3, 1), generator=draw, dtype=torch.uint8)
    labels = torch.randint(0, classes, (n,), generator=draw)
    facts = Dataset("random", classes, (1, 2, 3), n, 0)
    return Data(Images(images, labels), facts, Normalisation.of(Images(images, labels)))


def test_accuracy_counts_the_labels_among_the_highest_logits() -> None:
    data = labelled(1100, 7)  # more than two chunks
    x, labels = data.take(torch.arange(1100))
    linear = nn.Linear(6, 7)
    with torch.no_grad():
        linear.weight.copy_(torch.arange(42.0).mul(7).sin().view(7, 6))
        linear.bias.copy_(torch.arange(7.0).cos() / 4)
    module = nn.Sequential(nn.Flatten(), linear)
    gates = torch.linspace(-1, 1, 42)
    for used in (None, gates):
        factor = 1 if used is None else used.view(7, 6)
        logits = x.flatten(1) @ (linear.weight * factor).T + linear.bias
        hits = {1: 0, 3: 0, 5: 0}
        for row, label in zip(logits.tolist(), labels.tolist(), strict=True):
            rank = sum(logit > row[label] for logit in row)
            for k in hits:
                hits[k] += rank < k
        assert 0 < hits[1] < hits[3] < hits[5] < 1100
        found = evaluate(Network(module), data, used)
        expected = [100 * hits[k] / 1100 for k in (1, 3, 5)]
        assert [found.top1, found.top3, found.top5] == pytest.approx(expected, rel=1e-6)


def test_accuracy_of_a_network_that_knows_the_labels() -> None:
    pixels = torch.zeros(600, 1, 1, 6, dtype=torch.uint8)
    labels = torch.arange(600) % 6
    pixels[torch.arange(600), 0, 0, labels] = 255
    facts = Dataset("known", 6, (6, 1, 1), 600, 0)
    data = Data(Images(pixels, labels), facts, Normalisation(torch.zeros(6), torch.ones(6)))
    module = nn.Sequential(nn.Flatten(), nn.Linear(6, 6, bias=False))
    right = Network(module).at(torch.eye(6).flatten())
    assert evaluate(right, data).top1 == 100
    wrong = right.at(-torch.eye(6).flatten())
    accuracy = evaluate(wrong, data)
    # The label has the lowest of 6 logits.
    assert (accuracy.top1, accuracy.top3, accuracy.top5) == (0, 0, 0)


def test_judging_does_not_drop_out() -> None:
    data = labelled(600, 7)
    module = nn.Sequential(nn.Flatten(), nn.Linear(6, 7))
    dropping = nn.Sequential(module[0], module[1], nn.Dropout(0.9))
    assert evaluate(Network(dropping), data) == evaluate(Network(module), data)


def test_judging_needs_no_gradient(tiny: Network, digits: Data) -> None:
    gates = torch.ones(tiny.layout.total, requires_grad=True)
    before = parameters(tiny).clone()
    evaluate(tiny, digits, gates)
    assert gates.grad is None
    assert torch.equal(parameters(tiny), before)
