"""Models of anybody's: made fit for the suite, or refused in one line."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lottery.core.errors import BadInput, UnknownName
from lottery.models.adaptation import adapt, probe
from lottery.models.registry import MODELS, Shape, build, model

DIGITS = (1, 8, 8)


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    with MODELS.temporarily():
        yield


def ordinary(shape: Shape, classes: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(shape[0], 8, 3),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Flatten(),
        nn.Dropout(0.5),
        nn.Linear(8 * (shape[1] - 2) * (shape[2] - 2), classes),
    )


def test_an_ordinary_model_is_made_fit() -> None:
    model("mine", keep_dense=("5",))(ordinary)
    network = build("mine", DIGITS, 10, seed=3)
    assert network.layout.names == ("0.weight",)
    probe("mine", network, DIGITS, 10)
    norm, dropout = network.module[1], network.module[4]  # type: ignore[index]
    assert (norm.running_mean, norm.track_running_stats, dropout.p) == (None, False, 0.0)
    x = torch.rand(8, *DIGITS)
    assert torch.equal(network(x), network(x, training=False))
    assert torch.equal(network.weights, build("mine", DIGITS, 10, seed=3).weights)
    assert not torch.equal(network.weights, build("mine", DIGITS, 10, seed=4).weights)


def test_the_suites_own_are_not_changed_by_that() -> None:
    module = MODELS["resnet20"].build(DIGITS, 10)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    after = adapt(module).state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


class Own(nn.Module):
    def __init__(self, forward: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.linear = nn.Linear(64, 10)
        self.after = forward

    def forward(self, x: Tensor) -> Any:
        return self.after(self.linear(x.flatten(1)))


@pytest.mark.parametrize(
    ("after", "words"),
    [
        (lambda x: F.dropout(x), "gives other logits for the same images"),
        (lambda x: x[:, :7], r"gives \(4, 7\) for 4 images, not logits of shape \(4, 10\)"),
        (lambda x: x[:1].expand(4, 10), "gives the same logits for every image"),
        (lambda x: x.view(3, 7), "cannot run on 1x8x8 images: RuntimeError"),
    ],
)
def test_a_module_that_gives_no_logits(after: Callable[[Tensor], Any], words: str) -> None:
    model("mine")(lambda shape, classes: Own(after))
    with pytest.raises(BadInput, match=f"^model mine {words}"):
        probe("mine", build("mine", DIGITS, 10, seed=0), DIGITS, 10)


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda shape: nn.Linear(1, 1), "cannot be built for 1x8x8 images: TypeError"),
        (
            lambda shape, classes: nn.ReLU(),
            "cannot be built for 1x8x8 images: ValueError: ReLU has no",
        ),
        (lambda shape, classes: None, "cannot be built for 1x8x8 images: AttributeError"),
    ],
)
def test_a_function_that_builds_nothing(function: Any, words: str) -> None:
    model("mine")(function)
    with pytest.raises(BadInput, match=f"^model mine {words}"):
        build("mine", DIGITS, 10, seed=0)


def test_names() -> None:
    with pytest.raises(BadInput, match="model name 'timm:mine' has to be letters"):
        model("timm:mine")
    with pytest.raises(ValueError, match="model 'resnet20' is registered already"):
        model("resnet20")(ordinary)


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("timm:mobilenetv3_small_050", (1, 16, 16)),
        ("timm:test_vit", (3, 32, 32)),
        ("torchvision:squeezenet1_1", (1, 32, 32)),
        ("torchvision:shufflenet_v2_x0_5", (3, 32, 32)),
    ],
)
def test_models_of_libraries(name: str, shape: Shape) -> None:
    network = build(name, shape, 7, seed=0)
    probe(name, network, shape, 7)
    assert torch.equal(network.weights, build(name, shape, 7, seed=0).weights)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("timm:resnet_18", "timm has no model 'resnet_18': did you mean resnet18"),
        ("torchvision:resnet19", "torchvision has no model 'resnet19': did you mean resnet"),
    ],
)
def test_models_that_libraries_lack_or_cannot_make(name: str, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        build(name, DIGITS, 10, seed=0)


def test_images_smaller_than_a_patch() -> None:
    with pytest.raises(BadInput, match=r"timm:test_vit cannot run on 1x8x8 images: .*patch size"):
        probe("timm:test_vit", build("timm:test_vit", DIGITS, 10, seed=0), DIGITS, 10)


def test_an_unknown_name() -> None:
    with pytest.raises(UnknownName, match="unknown model 'jax:resnet18'"):
        build("jax:resnet18", DIGITS, 10, seed=0)
