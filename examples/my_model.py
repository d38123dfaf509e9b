"""A model of one's own, as any network for pictures is written."""

from torch import nn

from lottery import model


@model(
    "my_model",
    recipe={
        "demo": {"epochs": 12, "batch_size": 128, "gradient": "mean_clipped"},
        "quick": {"epochs": 20, "batch_size": 128, "gradient": "mean_clipped"},
        "paper": {"epochs": 160},
    },
)
def my_model(shape, classes):
    """Three convolutions and a classifier."""
    channels, _, _ = shape
    layers = []
    for outputs in (16, 32, 64):
        layers += [nn.Conv2d(channels, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU()]
        channels = outputs
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, classes))
