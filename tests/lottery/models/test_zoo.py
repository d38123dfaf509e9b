"""The suite's models and their initial weights."""

import math
from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

from lottery.core.errors import BadInput, UnknownName
from lottery.core.initialisation import Initialisation
from lottery.core.network import Network
from lottery.core.randomness import generator
from lottery.models.initialisation import initialise
from lottery.models.registry import MODELS, Shape, build, model
from tests.conftest import global_state

CIFAR10: Shape = (3, 32, 32)
# Of ResNet-20: the stem's, two in each of the 3 blocks of a stage, and the two shortcuts'.
NORM_CHANNELS = 16 + 6 * (16 + 32 + 64) + 32 + 64
SHAPES: list[Shape] = [(1, 8, 8), (1, 28, 28), (3, 32, 32), (2, 5, 9)]


def layers(network: Network, kind: type[nn.Module]) -> list[str]:
    return [name for name, layer in network.module.named_modules() if isinstance(layer, kind)]


def tensors(network: Network) -> dict[str, Tensor]:
    """Every parameter by name."""
    return {
        **network.layout.views(network.weights),
        **network.rest_layout.views(network.rest),
    }


@pytest.mark.parametrize(
    ("name", "shortcut", "total"),
    [
        ("resnet20", 9, 291_376),
        ("resnet20_1x1", 1, 270_896),
        ("resnet20_he", 0, 268_336),
        ("resnet20_gem_miner", 0, 268_336),
    ],
)
def test_resnet20_has_as_many_weights_as_it_should(name: str, shortcut: int, total: int) -> None:
    """He et al. 2016, Section 4.2: 3 stages of 3 blocks of two 3x3 convolutions; and two shortcuts
    where the width changes, of 9, 1 or no weights per pair of channels."""
    network = build(name, CIFAR10, 10, seed=0)
    widths, expected = [16, 32, 64], 3 * 16 * 9 + 64 * 10
    for width in widths:
        expected += 6 * width * width * 9
    for narrow, wide in pairwise(widths):
        expected += narrow * wide * 9 - wide * wide * 9 + narrow * wide * shortcut
    assert network.layout.total == expected == total
    assert len(network.layout.names) == 1 + 18 + (2 if shortcut else 0) + 1
    channels = NORM_CHANNELS - (0 if shortcut else 32 + 64)
    of_norms = 0 if name == "resnet20_gem_miner" else 2 * channels + 10
    assert len(network.rest) == of_norms


def test_gem_miners_network_has_no_parameters_but_weights() -> None:
    """Norms neither scale nor shift, and the classifier has no bias (its authors' code)."""
    network = build("resnet20_gem_miner", CIFAR10, 10, seed=0)
    parameters = dict(network.module.named_parameters())
    assert set(parameters) == set(network.layout.names)
    assert all(p.dim() in (2, 4) for p in parameters.values())
    assert len(layers(network, nn.BatchNorm2d)) == 1 + 18
    logits = network(torch.linspace(-1, 1, 4 * 3 * 1024).reshape(4, *CIFAR10).sin())
    torch.testing.assert_close(network(torch.zeros(4, *CIFAR10)), torch.zeros(4, 10))
    assert logits.abs().min() > 0


def test_wide_resnet20_has_twice_the_channels() -> None:
    narrow, wide = (build(n, CIFAR10, 10, seed=0) for n in ("resnet20", "wide_resnet20"))
    inside = narrow.layout.total - 3 * 16 * 9 - 64 * 10
    assert wide.layout.total == 4 * inside + 3 * 32 * 9 + 128 * 10


def test_vgg16_keeps_its_classifier_dense() -> None:
    network = build("vgg16", CIFAR10, 10, seed=0)
    widths = [3, 64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512]
    assert network.layout.total == sum(9 * a * b for a, b in pairwise(widths))
    assert len(network.layout.names) == 13
    assert not any("classifier" in name for name in network.layout.names)
    assert tensors(network)["classifier.weight"].shape == (10, 512)
    assert "classifier.weight" in network.rest_layout.names
    assert not any(
        layer.bias is not None for layer in network.module.modules() if isinstance(layer, nn.Conv2d)
    )


def test_vgg16_pools_four_times_and_averages_two_by_two() -> None:
    """Three, three, three convolutions after the first two pairs; the last stage is not pooled."""
    network = build("vgg16", CIFAR10, 10, seed=0)
    kinds = (nn.Conv2d, nn.MaxPool2d)
    calls, logits = network.calls(
        [layer for layer in network.module.modules() if isinstance(layer, kinds)],
        torch.linspace(-1, 1, 2 * 3 * 1024).reshape(2, *CIFAR10).sin(),
    )
    order = "".join("P" if isinstance(layer, nn.MaxPool2d) else "c" for layer, _ in calls)
    assert order == "ccPccPcccPcccPccc"
    sizes = [output.shape[2] for layer, output in calls if isinstance(layer, nn.MaxPool2d)]
    assert sizes == [16, 8, 4, 2]
    last = [output for _, output in calls][-1]
    assert last.shape == (2, 512, 2, 2)
    # A norm over the batch, ReLU, and the average of the four positions.
    mean, std = last.mean((0, 2, 3)), (last.var((0, 2, 3), correction=0) + 1e-5).sqrt()
    p = tensors(network)
    scale, shift = ((p[n].reshape(-1, 1, 1)) for n in last_norm(network))
    normed = (last - mean.view(-1, 1, 1)) / std.view(-1, 1, 1) * scale + shift
    features = normed.relu().sum((2, 3)) / 4
    expected = features @ p["classifier.weight"].T + p["classifier.bias"]
    torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-5)


def last_norm(network: Network) -> tuple[str, str]:
    """The names of the last norm's scale and shift."""
    name = layers(network, nn.BatchNorm2d)[-1]
    return f"{name}.weight", f"{name}.bias"


def test_lenet_is_300_100() -> None:
    network = build("lenet-300-100", (1, 28, 28), 10, seed=0)
    assert [entry.shape for entry in network.layout.entries] == [(300, 784), (100, 300), (10, 100)]
    assert network.layout.total == 266_200
    assert len(network.rest) == 410


@pytest.mark.parametrize(
    "name",
    [
        *("lenet-300-100", "lenet-60-20", "500-500-500-500"),
        *("resnet20", "resnet20_1x1", "resnet20_he", "resnet20_gem_miner", "wide_resnet20"),
        "vgg16",
    ],
)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_model_takes_any_input(name: str, shape: Shape) -> None:
    network = build(name, shape, 7, seed=0)
    logits = network(torch.linspace(-1, 1, 2 * math.prod(shape)).reshape(2, *shape))
    assert logits.shape == (2, 7)
    assert torch.isfinite(logits).all()
    assert not torch.allclose(logits[0], logits[1])


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 32, 32)], ids=str)
def test_torchvisions_resnet_takes_small_input(shape: Shape) -> None:
    network = build("resnet50", shape, 7, seed=0)
    with torch.no_grad():
        logits = network(torch.linspace(-1, 1, 2 * math.prod(shape)).reshape(2, *shape))
    assert logits.shape == (2, 7)
    assert torch.isfinite(logits).all()
    stem = network.module.get_submodule("conv1")
    assert isinstance(stem, nn.Conv2d)
    assert (stem.kernel_size, stem.stride) == ((3, 3), (1, 1))
    # He et al. 2016, Table 1: bottlenecks of 1x1, 3x3 and 1x1, with a projection in each first.
    total, inputs = shape[0] * 64 * 9, 64
    for width, blocks in ((64, 3), (128, 4), (256, 6), (512, 3)):
        total += inputs * 4 * width
        for _ in range(blocks):
            total += inputs * width + 9 * width**2 + width * 4 * width
            inputs = 4 * width
    assert network.layout.total == total + 2048 * 7


def test_wide_resnet50_has_twice_the_inner_channels() -> None:
    module = MODELS["wide_resnet50"].build(CIFAR10, 10)
    inner = module.get_submodule("layer1.0.conv2")
    assert isinstance(inner, nn.Conv2d)
    assert (inner.in_channels, inner.out_channels) == (128, 128)
    assert sum(isinstance(layer, nn.Conv2d) for layer in module.modules()) == 1 + 16 * 3 + 4


def test_an_unknown_model_is_refused() -> None:
    with pytest.raises(UnknownName, match=r"unknown model 'resnet2': did you mean resnet20"):
        build("resnet2", CIFAR10, 10, seed=0)


@pytest.mark.parametrize("name", ["resnet20", "resnet20_1x1", "resnet20_he", "resnet20_gem_miner"])
def test_a_resnet_is_the_network_of_its_paper(name: str) -> None:
    """The forward pass of ResNet-20, written out with functions.

    Its shortcuts, where the width changes, are a 3x3 convolution (the CTS authors' code), a 1x1 one
    (He et al.'s option B), or every other pixel, the new channels zero (option A).
    """
    network = build(name, (1, 8, 8), 10, seed=0)
    p = tensors(network)
    x = torch.linspace(-1, 1, 3 * 64).reshape(3, 1, 8, 8).sin()

    def conv_norm(x: Tensor, conv: str, norm: str, stride: int) -> Tensor:
        weight = p[f"{conv}.weight"]
        x = torch.conv2d(x, weight, stride=stride, padding=weight.shape[2] // 2)
        mean = x.mean((0, 2, 3), keepdim=True)
        std = (x.var((0, 2, 3), correction=0, keepdim=True) + 1e-5).sqrt()
        if name == "resnet20_gem_miner":
            return (x - mean) / std
        scale, shift = (p[f"{norm}.{part}"][:, None, None] for part in ("weight", "bias"))
        return (x - mean) / std * scale + shift

    def shortcut(x: Tensor, block: str, outputs: int) -> Tensor:
        if name in ("resnet20", "resnet20_1x1"):
            size = 3 if name == "resnet20" else 1
            assert p[f"{block}.shortcut.0.weight"].shape[2:] == (size, size)
            return conv_norm(x, f"{block}.shortcut.0", f"{block}.shortcut.1", 2)
        n, inputs, height, width = x.shape
        wide = torch.zeros(n, outputs, (height + 1) // 2, (width + 1) // 2)
        wide[:, outputs // 4 : outputs // 4 + inputs] = x[:, :, ::2, ::2]
        return wide

    out = conv_norm(x, "conv", "norm", 1).relu()
    for block in range(9):
        part, stride = f"blocks.{block}", 2 if block in (3, 6) else 1
        inner = conv_norm(out, f"{part}.conv1", f"{part}.norm1", stride).relu()
        inner = conv_norm(inner, f"{part}.conv2", f"{part}.norm2", 1)
        if stride == 2:
            out = shortcut(out, part, inner.shape[1])
        out = (inner + out).relu()
    expected = out.mean((2, 3)) @ p["classifier.weight"].T
    if name != "resnet20_gem_miner":
        expected = expected + p["classifier.bias"]
    torch.testing.assert_close(network(x), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["lenet-300-100", "resnet20", "vgg16"])
def test_the_same_seed_makes_the_same_weights(name: str) -> None:
    torch.manual_seed(1)
    before = global_state()
    one = build(name, (1, 8, 8), 10, seed=3)
    assert global_state() == before
    torch.manual_seed(2)
    torch.rand(5)
    again, other = build(name, (1, 8, 8), 10, seed=3), build(name, (1, 8, 8), 10, seed=4)
    assert torch.equal(one.weights, again.weights)
    assert torch.equal(one.rest, again.rest)
    assert (one.weights != other.weights).float().mean() > 0.99


def test_parameters_of_other_kinds_follow_the_seed_too() -> None:
    class Tokens(nn.Module):
        """Draws its token from the global generator as it is constructed, as timm's ViT does."""

        def __init__(self, shape: Shape, classes: int) -> None:
            super().__init__()
            self.token = nn.Parameter(torch.randn(6))
            self.head = nn.Linear(6, classes)

    with MODELS.temporarily():
        model("tokens")(Tokens)
        torch.manual_seed(1)
        one = build("tokens", (1, 8, 8), 10, seed=3)
        torch.manual_seed(2)
        assert torch.equal(build("tokens", (1, 8, 8), 10, seed=3).rest, one.rest)
        assert not torch.equal(build("tokens", (1, 8, 8), 10, seed=4).rest, one.rest)


def test_kaiming_normal_has_the_right_spread() -> None:
    network = build("resnet20", CIFAR10, 10, seed=0)
    for name, weight in network.layout.views(network.weights).items():
        n, deviation = weight.numel(), math.sqrt(2 / weight[0].numel())
        assert abs(weight.mean()) < 5 * deviation / math.sqrt(n), name
        # The standard error of a standard deviation is sigma / sqrt(2 n).
        assert abs(weight.std() - deviation) < 5 * deviation / math.sqrt(2 * n), name
        assert weight.abs().max() < 6 * deviation, name
    biases = [t for name, t in tensors(network).items() if name.endswith("bias")]
    assert len(biases) == 21 + 1
    assert not torch.cat(biases[:-1]).any()  # of the norms


@pytest.mark.parametrize("kept", [1.0, 0.25])
def test_biases_start_uniform_within_one_over_the_root_of_fan_in(kept: float) -> None:
    """As torch's own linear layers; or at zero."""
    uniform, zero = (
        build("lenet-300-100", (1, 28, 28), 10, 0, initialisation=Initialisation(bias=b, kept=kept))
        for b in ("uniform", "zero")
    )
    parts = torch.split(uniform.rest, [300, 100, 10])
    for part, fan_in in zip(parts, (784, 300, 100), strict=True):
        bound = fan_in**-0.5
        assert part.abs().max() <= bound
        assert part.abs().max() > 0.6 * bound
        assert abs(part.mean()) < 5 * bound / math.sqrt(3 * len(part))
    assert len(set(uniform.rest.tolist())) > 400
    assert not zero.rest.any()


def test_biases_of_zero_take_nothing_from_the_weights_draws() -> None:
    """So that the seeds of tickets from before protocol 3 make the same weights."""
    how = Initialisation(bias="zero")
    network = build("lenet-300-100", (1, 8, 8), 10, 5, initialisation=how)
    draw = generator(5, "initialisation")
    for entry, fan_in in zip(network.layout.entries, (64, 300, 100), strict=True):
        expected = torch.empty(entry.shape).normal_(0, math.sqrt(2 / fan_in), generator=draw)
        assert torch.equal(network.weights[entry.span], expected.flatten())


@pytest.mark.parametrize("kept", [1.0, 0.25])
def test_signed_constants_are_two_values_a_layer(kept: float) -> None:
    how = Initialisation(weights="signed_constant", kept=kept)
    network = build("resnet20", CIFAR10, 10, seed=0, initialisation=how)
    normal = build("resnet20", CIFAR10, 10, seed=0)
    for (name, weight), drawn in zip(
        network.layout.views(network.weights).items(),
        normal.layout.views(normal.weights).values(),
        strict=True,
    ):
        magnitude = math.sqrt(2 / (kept * weight[0].numel()))
        low, high = sorted(set(weight.flatten().tolist()))
        assert (-low, high) == pytest.approx((magnitude, magnitude), rel=1e-6), name
        assert torch.equal(weight > 0, drawn > 0), name


def test_kept_scales_kaiming_normal() -> None:
    full, half = (
        build("lenet-300-100", (1, 8, 8), 10, 0, initialisation=Initialisation(kept=kept))
        for kept in (1.0, 0.25)
    )
    torch.testing.assert_close(half.weights, 2 * full.weights)
    assert torch.equal(half.rest, full.rest)


def test_norm_scales() -> None:
    uniform, one = (
        build("resnet20", (1, 8, 8), 10, seed=0, initialisation=Initialisation(norm_scale=scale))
        for scale in ("uniform", "one")
    )
    norms = layers(uniform, nn.BatchNorm2d)
    assert len(norms) == 21
    drawn = torch.cat([tensors(uniform)[f"{name}.weight"] for name in norms])
    assert len(drawn) == NORM_CHANNELS
    assert ((drawn > 0) & (drawn < 1)).all()
    # Mean and variance of U(0, 1) are 1/2 and 1/12; 5 standard errors.
    assert abs(drawn.mean() - 0.5) < 5 * math.sqrt(1 / 12 / NORM_CHANNELS)
    assert abs(drawn.var() - 1 / 12) < 5 * math.sqrt(1 / 180 / NORM_CHANNELS)
    assert all((tensors(one)[f"{name}.weight"] == 1).all() for name in norms)
    for network in (uniform, one):
        assert not any(tensors(network)[f"{name}.bias"].any() for name in norms)


def test_no_norm_keeps_running_statistics() -> None:
    for name in ("resnet20", "vgg16", "resnet50"):
        module = build(name, (1, 8, 8), 10, seed=0).module
        assert [k for k in module.state_dict() if "running" in k or "batches" in k] == []
        assert any(isinstance(layer, nn.BatchNorm2d) for layer in module.modules())


def test_norms_without_scale_are_left_alone() -> None:
    module = nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2, affine=False))
    initialise(module, 0, Initialisation())
    assert len(list(module.parameters())) == 2


@pytest.mark.parametrize("choice", [{"weights": "kaiming"}, {"norm_scale": "two"}, {"bias": "no"}])
def test_unknown_initialisations_are_refused(choice: dict[str, str]) -> None:
    with pytest.raises(UnknownName, match=f"'{next(iter(choice.values()))}'"):
        Initialisation(**choice)  # type: ignore[arg-type]


def test_an_initialisation_is_read_back_from_its_facts() -> None:
    for how in (Initialisation(), Initialisation("signed_constant", "one", "zero", 0.2)):
        facts = how.facts()
        assert all(isinstance(value, str) for value in facts.values())
        assert Initialisation.of_facts({**facts, "model": "resnet20"}) == how
    # Where nothing is said of biases they were zero: facts older than protocol 3.
    assert Initialisation.of_facts({"kept": "0.5"}) == Initialisation(bias="zero", kept=0.5)
    assert Initialisation.of_facts({}).kept == 1


@pytest.mark.parametrize(
    ("name", "shape"),
    [("vit_mini", (1, 8, 8)), ("swin_mini", (1, 8, 8)), ("lenet-60-20", (1, 28, 28))],
)
def test_the_same_seed_builds_the_same_network(name: str, shape: tuple[int, int, int]) -> None:
    first, second = build(name, shape, 10, 3), build(name, shape, 10, 3)
    assert torch.equal(first.weights, second.weights)
    assert torch.equal(first.rest, second.rest), "position embeddings included"
    x = torch.randn(2, *shape)
    assert torch.equal(first(x), second(x)), "nothing is dropped at random"


@pytest.mark.parametrize("name", ["vit_base", "swin_t", "vit_mini"])
def test_images_that_patches_do_not_cover_are_refused(name: str) -> None:
    with pytest.raises(BadInput, match=r"must be multiples of [24], not 31x31"):
        build(name, (3, 31, 31), 10, 0)
