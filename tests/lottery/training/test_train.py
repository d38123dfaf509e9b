"""Training under a mask, against the update rule written out; and accuracy, against counting."""

import copy
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from lottery.core.choices import Gradient
from lottery.core.mask import Mask
from lottery.core.network import Network
from lottery.data import Dataset, Images
from lottery.data.batches import Data, Normalisation
from lottery.training.loop import Keeper, NoKeeper, Resumable
from lottery.training.recipe import Recipe
from lottery.training.runner import Runner
from lottery.training.train import evaluate, train
from tests.conftest import PARTS, RecordedData, first, interrupted, tiny_module

# 256 digits in batches of 64: 3 epochs are 12 steps.
RECIPE = Recipe(
    epochs=3,
    rewind_epochs=0,
    batch_size=64,
    replicas=1,
    gradient="mean_clipped",
    weight_decay=0.01,
)
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


def written_out(
    module: nn.Module, mask: Mask, data: RecordedData, recipe: Recipe, rates: list[float]
) -> tuple[nn.Module, list[float]]:
    """SGD on the batches that were recorded, in float64 and on the module itself.

    Returns:
        The trained module, and the norm of every step's gradient before it is clipped.
    """
    module = copy.deepcopy(module).double()
    keep = iter(torch.split(mask.keep, [36, 400]))
    masks = [
        next(keep).view_as(p) if p.dim() > 1 else torch.ones_like(p) for p in module.parameters()
    ]
    scaled = data.images.double()
    images = ((scaled - scaled.mean()) / scaled.std(correction=0)).permute(0, 3, 1, 2)
    with torch.no_grad():
        for p, kept in zip(module.parameters(), masks, strict=True):
            p.mul_(kept)
    momenta, norms = [torch.zeros_like(p) for p in module.parameters()], []
    sums = recipe.gradient == "sum_clipped_all"
    for lr, batch in zip(rates, data.taken, strict=True):
        gradients = [torch.zeros_like(p) for p in module.parameters()]
        lengths = PARTS[recipe.replicas][len(batch)]
        for part in torch.split(torch.tensor(batch), lengths):
            log_p = module(images[part]).log_softmax(1)
            losses = -log_p[torch.arange(len(part)), data.labels[part]]
            loss = losses.sum() if sums else losses.sum() / len(part)
            found = torch.autograd.grad(loss, [*module.parameters()])
            gradients = [g + f / len(lengths) for g, f in zip(gradients, found, strict=True)]
        if not sums:
            gradients = [g * kept for g, kept in zip(gradients, masks, strict=True)]
        norms.append(sum(float((g**2).sum()) for g in gradients) ** 0.5)
        factor = min(1.0, recipe.clip_norm / norms[-1])
        with torch.no_grad():
            for p, g, kept, momentum in zip(
                module.parameters(), gradients, masks, momenta, strict=True
            ):
                momentum.mul_(recipe.momentum).add_(g * kept * factor + recipe.weight_decay * p)
                p.sub_(lr * momentum)
    return module, norms


@pytest.mark.parametrize("replicas", [1, 2, 4])
@pytest.mark.parametrize(
    ("gradient", "clip_norm"),
    [("mean_clipped", 0.1), ("mean_clipped", 1e6), ("sum_clipped_all", 2.0)],
)
def test_steps_are_those_of_sgd(
    digits_images: Images, gradient: Gradient, clip_norm: float, replicas: int
) -> None:
    """Every part is normalised by itself; the last batch of an epoch has 4 images, others 40.

    Of a mean the gradient of what is kept is clipped; of a sum that of all weights, then masked.
    """
    data = RecordedData(first(digits_images, 44))
    recipe = Recipe(
        epochs=2,
        rewind_epochs=0,
        batch_size=40,
        replicas=replicas,
        gradient=gradient,
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
    assert [len(batch) for batch in data.taken] == [40, 4, 40, 4]

    twin, norms = written_out(module, mask, data, recipe, [0.3, 0.15, 0.15, 0.075])
    assert all(norm > clip_norm for norm in norms) == (clip_norm < 1e6)
    expected = Network(twin.float())
    assert (expected.weights - network.weights * mask.keep).abs().max() > 0.01
    torch.testing.assert_close(trained.weights, expected.weights, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(trained.rest, expected.rest, rtol=1e-4, atol=1e-5)
    assert not trained.weights[~mask.keep].any()


@pytest.mark.parametrize("gradient", ["mean_clipped", "sum_clipped_all"])
def test_parts_matter_to_norms_alone(digits: Data, gradient: Gradient) -> None:
    """Without a norm four parts are one, to rounding: of a sum the clipped direction is the same.

    With one they are not.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        plain = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 10))
    for module, alike in ((plain, True), (tiny_module(), False)):
        network = Network(module)
        mask = every_third(network)
        one, four = (
            parameters(
                train(
                    network,
                    mask,
                    digits,
                    replace(RECIPE, replicas=replicas, gradient=gradient),
                    0,
                    range(6),
                )
            )
            for replicas in (1, 4)
        )
        assert (one - parameters(network)).abs().max() > 0.01
        distance = (one - four).abs().max()
        assert (distance < 1e-5) == alike
        assert (distance > 1e-3) != alike


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


def batches_of(
    mask: Mask, network: Network, images: Images, seed: int, steps: range
) -> list[object]:
    data = RecordedData(first(images, 256))
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


@pytest.mark.parametrize(
    ("options", "lengths"),
    [({}, [128, 128]), ({"part_size": 256}, [256]), ({"part_size": 60}, [52, 51, 51, 51, 51])],
    ids=str,
)
def test_parts_are_judged_with_norms_of_their_own(
    digits: Data, options: dict[str, int], lengths: list[int]
) -> None:
    """By default in parts of 128 images; none is left out, and they are nearly equal."""
    module, gates = tiny_module(), torch.linspace(0, 1, 436).roll(100)
    network = Network(module)
    hits = dict.fromkeys((1, 3, 5), 0)
    twin = copy.deepcopy(module).double()
    with torch.no_grad():
        weights = [p for p in twin.parameters() if p.dim() > 1]
        for weight, part in zip(weights, torch.split(gates, [36, 400]), strict=True):
            weight.mul_(part.view_as(weight))
    for index in torch.split(torch.arange(256), lengths):
        x, labels = digits.take(index)
        for row, label in zip(twin(x.double()).tolist(), labels.tolist(), strict=True):
            rank = sum(logit > row[label] for logit in row)
            for k in hits:
                hits[k] += rank < k
    found = evaluate(network, digits, gates, **options)
    expected = [100 * hits[k] / 256 for k in (1, 3, 5)]
    assert [found.top1, found.top3, found.top5] == pytest.approx(expected, rel=1e-6)
    assert evaluate(network, digits, gates, part_size=2) != found


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
