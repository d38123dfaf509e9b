"""The suite's models: what each is, for any input size, and which of its layers stay dense.

BatchNorm keeps no running statistics (CTS Section V-A): every batch is normalised with its own.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from lottery.core.extras import needing
from lottery.models.registry import MODELS, Model, Shape, build, check_input

__all__ = ["MODELS", "Model", "Shape", "build", "check_input"]

MakeNorm = Callable[[int], nn.Module]
BatchNorm = partial(nn.BatchNorm2d, track_running_stats=False)


class LeNet(nn.Sequential):
    """LeNet-300-100: fully connected (LeCun et al. 1998, the CRBG paper's Section IV-B)."""

    def __init__(self, shape: Shape, classes: int, hidden: tuple[int, ...]) -> None:
        channels, height, width = shape
        sizes = (channels * height * width, *hidden)
        layers: list[nn.Module] = [nn.Flatten()]
        for inputs, outputs in zip(sizes, hidden, strict=False):
            layers += [nn.Linear(inputs, outputs), nn.ReLU()]
        super().__init__(*layers, nn.Linear(hidden[-1], classes))


class PaddedShortcut(nn.Module):
    """Every `stride`-th pixel, channels of zeros added on both sides (He et al. 2016, option A)."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.stride, self.padding = stride, (outputs - inputs) // 2

    def forward(self, x: Tensor) -> Tensor:
        x = x[:, :, :: self.stride, :: self.stride]
        return F.pad(x, (0, 0, 0, 0, self.padding, self.padding))


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut.

    Args:
        shortcut: kernel size of its convolution where the shape changes; 0 for none.
        norm: makes a norm for a number of channels.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        stride: int,
        shortcut: int,
        norm: Callable[[int], nn.Module],
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.norm1 = norm(outputs)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.norm2 = norm(outputs)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 and not shortcut:
            self.shortcut = PaddedShortcut(inputs, outputs, stride)
        elif stride != 1 or inputs != outputs:
            conv = nn.Conv2d(inputs, outputs, shortcut, stride, padding=shortcut // 2, bias=False)
            self.shortcut = nn.Sequential(conv, norm(outputs))
        self.relu2 = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        inner = self.relu1(self.norm1(self.conv1(x)))
        return self.relu2(self.norm2(self.conv2(inner)) + self.shortcut(x))  # type: ignore[no-any-return]


class ResNet20(nn.Module):
    """The CIFAR ResNet-20 (He et al. 2016, Section 4.2).

    Args:
        widen: factor on the channels.
        shortcut: kernel size of the two convolutions in shortcuts: 3 as in the CTS authors' code,
            1 for a projection, 0 for none, as in He et al.'s own.
        affine: whether norms scale and shift, and the classifier has a bias.
    """

    def __init__(
        self, shape: Shape, classes: int, widen: int = 1, shortcut: int = 3, affine: bool = True
    ) -> None:
        super().__init__()
        channels, norm = 16 * widen, partial(BatchNorm, affine=affine)
        self.conv = nn.Conv2d(shape[0], channels, 3, padding=1, bias=False)
        self.norm = norm(channels)
        self.relu = nn.ReLU()
        blocks = []
        for stage in range(3):
            outputs = 16 * widen * 2**stage
            for block in range(3):
                stride = 2 if stage > 0 and block == 0 else 1
                blocks.append(ResidualBlock(channels, outputs, stride, shortcut, norm))
                channels = outputs
        self.blocks = nn.Sequential(*blocks)
        self.classifier = nn.Linear(channels, classes, bias=affine)

    def forward(self, x: Tensor) -> Tensor:
        features = self.blocks(self.relu(self.norm(self.conv(x))))
        return self.classifier(features.mean(dim=(2, 3)))  # type: ignore[no-any-return]


class VGG16(nn.Module):
    """VGG-16 with BatchNorm and no hidden fully connected layer (CTS Section V).

    Four max-poolings, then the average of what is left: 2x2 positions of a 32x32 image.
    """

    STAGES = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))

    def __init__(self, shape: Shape, classes: int) -> None:
        super().__init__()
        channels, layers = shape[0], list[nn.Module]()
        for stage in self.STAGES:
            if layers:
                # Rounding up halves any size without ever reaching zero.
                layers.append(nn.MaxPool2d(2, ceil_mode=True))
            for outputs in stage:
                conv = nn.Conv2d(channels, outputs, 3, padding=1, bias=False)
                layers += [conv, BatchNorm(outputs), nn.ReLU()]
                channels = outputs
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Linear(channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.features(x).mean(dim=(2, 3)))  # type: ignore[no-any-return]


def timm_model(name: str, shape: Shape, classes: int, **construction: Any) -> nn.Module:
    """A timm model made for an input size, its stochastic depth off; otherwise untouched."""
    # timm takes seconds to import; only these models pay for it.
    with needing("timm"):
        from timm import create_model

    module: nn.Module = create_model(
        name,
        pretrained=False,
        num_classes=classes,
        in_chans=shape[0],
        img_size=shape[1:],
        drop_path_rate=0.0,
        **construction,
    )
    return module


def native(build: Callable[[Shape, int], nn.Module], shape: Shape, classes: int) -> nn.Module:
    """A model as it is for 224x224 images, which smaller ones are upsampled to on the device."""
    upsampling = nn.Upsample((224, 224), mode="bilinear")
    return nn.Sequential(upsampling, build((shape[0], 224, 224), classes))


def torchvision_resnet_224(name: str, shape: Shape, classes: int) -> nn.Module:
    """A torchvision ResNet with its own stem."""
    # torchvision takes a second to import; only these models pay for it.
    with needing("suites"):
        from torchvision import models

    module: nn.Module = getattr(models, name)(norm_layer=BatchNorm, num_classes=classes)
    if shape[0] != 3:
        module.conv1 = nn.Conv2d(shape[0], 64, 7, stride=2, padding=3, bias=False)
    return module


def torchvision_resnet(name: str, shape: Shape, classes: int) -> nn.Module:
    """A torchvision ResNet for 32x32 input: a 3x3 stem of stride 1 and no first pooling."""
    module = torchvision_resnet_224(name, shape, classes)
    module.conv1 = nn.Conv2d(shape[0], 64, 3, padding=1, bias=False)
    module.maxpool = nn.Identity()
    return module


SUITE = {
    # LeNet-300-100, and those of 80% to 20% of its width.
    **{
        f"lenet-{3 * w}-{w}": Model(partial(LeNet, hidden=(3 * w, w)))
        for w in (100, 80, 60, 40, 20)
    },
    "500-500-500-500": Model(partial(LeNet, hidden=(500, 500, 500, 500))),
    # As the CTS authors' code has it; with projections; as He et al. have it; as Gem-Miner has it.
    "resnet20": Model(ResNet20),
    "resnet20_1x1": Model(partial(ResNet20, shortcut=1)),
    "resnet20_he": Model(partial(ResNet20, shortcut=0)),
    "resnet20_gem_miner": Model(partial(ResNet20, shortcut=0, affine=False)),
    "wide_resnet20": Model(partial(ResNet20, widen=2)),
    "vgg16": Model(VGG16, keep_dense=("classifier",)),
    "resnet50": Model(partial(torchvision_resnet, "resnet50")),
    "wide_resnet50": Model(partial(torchvision_resnet, "wide_resnet50_2")),
    "resnet50_imagenet": Model(partial(torchvision_resnet_224, "resnet50")),  # for 224x224
    # For 32x32 images by default: smaller patches, and windows that divide what is left of them.
    "vit_base": Model(partial(timm_model, "vit_base_patch16_224", patch_size=4), patch=4),
    "swin_t": Model(
        partial(timm_model, "swin_tiny_patch4_window7_224", patch_size=2, window_size=4), patch=2
    ),
    # Or untouched, behind an upsampling to the native size.
    "resnet50_224": Model(partial(native, partial(torchvision_resnet_224, "resnet50"))),
    "wide_resnet50_224": Model(partial(native, partial(torchvision_resnet_224, "wide_resnet50_2"))),
    "vit_base_224": Model(partial(native, partial(timm_model, "vit_base_patch16_224"))),
    "swin_t_224": Model(partial(native, partial(timm_model, "swin_tiny_patch4_window7_224"))),
    # Of two and four blocks, for digits.
    "vit_mini": Model(
        partial(
            timm_model,
            "vit_tiny_patch16_224",
            patch_size=2,
            depth=4,
            embed_dim=64,
            num_heads=4,
        ),
        patch=2,
    ),
    "swin_mini": Model(
        partial(
            timm_model,
            "swin_tiny_patch4_window7_224",
            patch_size=1,
            window_size=4,
            depths=(2, 2),
            num_heads=(2, 4),
            embed_dim=32,
        )
    ),
}

for _name, _model in SUITE.items():
    MODELS.add(_name, _model)
