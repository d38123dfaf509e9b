"""Networks of torchvision, timm and transformers, as they are, each through five methods.

They are small of their kind and see 32x32 images: the whole file takes a minute or two.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import timm
import torch
from torch import Tensor, nn
from torchvision import models
from torchvision.models.convnext import CNBlockConfig
from torchvision.models.efficientnet import MBConvConfig
from torchvision.models.mobilenetv3 import InvertedResidualConfig
from transformers import ViTConfig, ViTForImageClassification

import lottery


def timm_model(name: str, **construction: Any) -> nn.Module:
    module: nn.Module = timm.create_model(name, num_classes=5, pretrained=False, **construction)
    return module


def mobilenet_v3() -> nn.Module:
    block = partial(InvertedResidualConfig, dilation=1, width_mult=1.0)
    rows = [
        block(16, 3, 16, 16, True, "RE", 2),
        block(16, 5, 32, 24, False, "HS", 1),
        block(24, 5, 48, 24, True, "HS", 1),
    ]
    module: nn.Module = models.MobileNetV3(rows, last_channel=64, num_classes=5)
    return module


def efficientnet() -> nn.Module:
    block = partial(MBConvConfig, width_mult=0.5, depth_mult=1.0)
    rows = [block(1, 3, 1, 32, 16, 1), block(6, 3, 2, 16, 24, 2), block(6, 5, 2, 24, 40, 1)]
    module: nn.Module = models.EfficientNet(rows, dropout=0.2, num_classes=5, last_channel=64)
    return module


def convnext() -> nn.Module:
    rows = [CNBlockConfig(8, 16, 1), CNBlockConfig(16, 32, 1), CNBlockConfig(32, None, 1)]
    module: nn.Module = models.ConvNeXt(rows, num_classes=5)
    return module


def torchvision_vit() -> nn.Module:
    module: Any = models.VisionTransformer(32, 8, 2, 2, 32, 64, num_classes=5)
    nn.init.normal_(module.heads.head.weight, std=0.1)  # zero, from which no gradient comes
    vit: nn.Module = module
    return vit


def transformers_vit() -> nn.Module:
    make: Any = ViTConfig
    config = make(
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        image_size=32,
        patch_size=8,
        num_labels=5,
    )
    module: nn.Module = ViTForImageClassification(config)
    return module


# How each is made, and what of it stays dense to save time: of ResNet-18's 11 million weights those
# of the last two stages.
MODELS: dict[str, tuple[Callable[[], nn.Module], tuple[str, ...]]] = {
    "torchvision resnet18": (lambda: models.resnet18(num_classes=5), ("layer3", "layer4")),
    "torchvision mobilenet_v3": (mobilenet_v3, ()),
    "torchvision efficientnet": (efficientnet, ()),
    "torchvision convnext": (convnext, ()),
    "torchvision vit": (torchvision_vit, ()),
    "torchvision swin": (
        lambda: models.SwinTransformer([4, 4], 16, [2, 2], [2, 4], [4, 4], num_classes=5),
        (),
    ),
    "timm resnet18": (lambda: timm_model("resnet18", channels=(8, 16, 32, 64)), ()),
    "timm mobilenetv3": (lambda: timm_model("mobilenetv3_small_050"), ()),
    "timm efficientnet": (lambda: timm_model("test_efficientnet"), ()),
    "timm convnext": (
        lambda: timm_model("convnext_atto", depths=(1, 1, 1, 1), dims=(8, 16, 32, 64)),
        (),
    ),
    "timm vit": (
        lambda: timm_model(
            "vit_tiny_patch16_224", img_size=32, patch_size=8, depth=2, embed_dim=32, num_heads=2
        ),
        (),
    ),
    "timm swin": (
        lambda: timm_model(
            "swin_tiny_patch4_window7_224",
            img_size=32,
            patch_size=2,
            window_size=4,
            depths=(2, 2),
            embed_dim=16,
            num_heads=(2, 4),
        ),
        (),
    ),
    "transformers vit": (transformers_vit, ()),
}
# A search of one epoch is ten steps.
METHODS: dict[str, dict[str, Any]] = {
    "snip": {"samples_per_class": 2, "density": 0.5},
    "synflow": {"rounds": 3, "density": 0.5},
    "magnitude": {"density": 0.5},
    "cts": {"epochs": 1, "density": 0.5},
    "crbg": {"epochs": 1, "lr": 0.05},
}


@pytest.fixture(scope="module")
def examples() -> tuple[Tensor, Tensor]:
    draw = torch.Generator().manual_seed(0)
    return torch.randn(40, 3, 32, 32, generator=draw), torch.arange(40) % 5


def made(name: str) -> tuple[nn.Module, tuple[str, ...]]:
    make, dense = MODELS[name]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return make(), dense


@pytest.mark.filterwarnings("ignore:the ticket keeps no weight", "ignore:crbg judged the ticket")
@pytest.mark.parametrize("name", MODELS)
def test_every_method_on_every_network(name: str, examples: tuple[Tensor, Tensor]) -> None:
    model, dense = made(name)
    before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    for method, options in METHODS.items():
        ticket = lottery.prune(model, examples, method, keep_dense=dense, batch_size=4, **options)
        total = ticket.mask.layout.total
        assert ticket.scores is not None
        if method == "crbg":
            assert 0 < ticket.mask.kept <= total
            assert len(torch.unique(ticket.scores)) > 5, "gates have moved"
        else:
            assert ticket.mask.kept == round(0.5 * total)
        assert bool(ticket.scores.isfinite().all())
        if method == "synflow":
            assert (ticket.scores >= 0).all()
    assert all(torch.equal(before[key], tensor) for key, tensor in model.state_dict().items())
    ticket.apply_(model)
    parameters = dict(model.named_parameters())
    found = torch.cat([parameters[n].flatten() != 0 for n in ticket.mask.layout.names])
    assert not bool((found & ~ticket.mask.keep).any())
    with torch.no_grad():
        logits = model.eval()(examples[0][:1])
    assert bool(getattr(logits, "logits", logits).isfinite().all())


def test_nothing_but_norms_biases_and_tokens_is_left_dense() -> None:
    """Every weight of two or more dimensions of all networks, and why it is not pruned."""
    left = {
        (item.name.rpartition(".")[2], item.reason)
        for name in MODELS
        for item in lottery.Layout.prunable(made(name)[0]).left_out
        if sum(size > 1 for size in item.shape) > 1
    }
    kinds = {name for name, _ in left}
    assert kinds <= {
        "pos_embedding",
        "pos_embed",
        "position_embeddings",
        "relative_position_bias_table",
    }, left
