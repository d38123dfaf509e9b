"""What is known of methods, ablations and objectives without loading any of them: words and rules.

Tables, figures and plans take it from here, so that none of them waits for torch. A method that is
not here is called by its name. tests/baselines/test_catalogue.py holds it to the code.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lottery.core.choices import PrunedAt


@dataclass(frozen=True)
class KnownMethod:
    """A method of the suite.

    Attributes:
        label: what tables and figures call it.
        ranks: whether its tickets have scores, without which they cannot be inverted.
        defaults: of those options that a suite sets for a whole figure.
    """

    label: str
    ranks: bool = True
    defaults: Mapping[str, Any] = field(default_factory=dict)


METHODS = {
    "dense": KnownMethod("Dense"),
    "cts": KnownMethod("CTS"),
    "crbg": KnownMethod("CRBG", defaults={"lam": 0.05, "epochs": 50}),
    "ltr": KnownMethod("LTR", ranks=False),  # what earlier levels pruned has no order
    "imp": KnownMethod("IMP", ranks=False),
    "continuous_sparsification": KnownMethod("Cont. sparsification"),
    "l0_hard_concrete": KnownMethod("L0 hard concrete"),
    "gem_miner": KnownMethod("Gem-Miner", defaults={"epochs": 150}),
    "edge_popup": KnownMethod("Edge-popup", defaults={"epochs": 100}),
    "edge_popup_epsilon": KnownMethod("Edge-popup, epsilon"),
    "sparse_vd": KnownMethod("Sparse VD"),
    "bc_gnj": KnownMethod("BC-GNJ", ranks=False),
    "bc_ghs": KnownMethod("BC-GHS", ranks=False),
    "sparse_then_prune": KnownMethod("Sparse then prune"),
    "snip": KnownMethod("SNIP"),
    "grasp": KnownMethod("GraSP"),
    "synflow": KnownMethod("SynFlow"),
    "saliency": KnownMethod("Saliency"),
    "magnitude": KnownMethod("Magnitude"),
    "random": KnownMethod("Random"),
}


def known(method: str) -> KnownMethod:
    """What is known of a method; a new one is called by its name."""
    return METHODS.get(method, KnownMethod(method))


def stated(method: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options without those at their default, which take no part in a cell's key."""
    defaults = known(method).defaults
    return {name: value for name, value in options.items() if defaults.get(name) != value}


@dataclass(frozen=True)
class KnownAblation:
    """What an ablation makes of a ticket, in the one word that tables, figures and docs have."""

    word: str


ABLATIONS = {
    "none": KnownAblation("ticket"),
    "shuffle_layerwise": KnownAblation("shuffled"),
    "reinitialise": KnownAblation("reinitialised"),
    "invert": KnownAblation("inverted"),
}


def ablations_of(method: str, pruned_at: PrunedAt) -> list[str]:
    """The ablations that mean something for a method's tickets, "none" first.

    Weights that are trained already cannot be drawn anew, and without scores nothing is inverted.
    """
    left_out = {"reinitialise"} if pruned_at == "rewind" else set[str]()
    if not known(method).ranks:
        left_out.add("invert")
    return [name for name in ABLATIONS if name not in left_out]


# The objectives R of CTS in the order of the paper's figures, and as an axis names them.
OBJECTIVES = {
    "loss": "loss",
    "delta_loss": "relative change of the loss",
    "grad_norm": "gradient norm (higher is better)",
    "kl": "reverse KL divergence",
    "feature": "feature distance",
    "grad_match": "gradient distance",
}
# The saliency criterion with a name of its own that optimises an objective (CTS Section III).
SALIENCY_OF = {"loss": "snip", "delta_loss": "snip", "grad_norm": "grasp"}


@dataclass(frozen=True)
class KnownDataset:
    """A dataset: what people call it, how many images its accuracies are of, and whether the suite
    can fetch it."""

    label: str
    test_images: int = 0  # unknown
    fetched: bool = True


DATASETS = {
    "digits": KnownDataset("digits", 360),
    "mnist": KnownDataset("MNIST", 10000),
    "fashion_mnist": KnownDataset("Fashion-MNIST", 10000),
    "cifar10": KnownDataset("CIFAR-10", 10000),
    "cifar100": KnownDataset("CIFAR-100", 10000),
    "tiny_imagenet": KnownDataset("Tiny ImageNet", 10000),
    "imagenet": KnownDataset("ImageNet", 50000, fetched=False),
}
# What people call the models; a number is that of the layers.
MODELS = {
    "resnet20": "ResNet-20",
    "resnet20_1x1": "ResNet-20, 1x1 shortcuts",
    "resnet20_he": "ResNet-20, padded shortcuts",
    "resnet20_gem_miner": "ResNet-20 of Gem-Miner",
    "wide_resnet20": "Wide-ResNet-20",
    "vgg16": "VGG-16",
    "resnet50": "ResNet-50",
    "resnet50_imagenet": "ResNet-50",
    "wide_resnet50": "Wide-ResNet-50",
    "vit_base": "ViT-B",
    "swin_t": "Swin-T",
    "vit_mini": "ViT-mini",
    "swin_mini": "Swin-mini",
}


def dataset_label(name: str) -> str:
    """A dataset as people write it; one that is not known is called by its name."""
    return DATASETS[name].label if name in DATASETS else name


def model_label(name: str) -> str:
    """A model as people write it; one that is not known is called by its name."""
    if name.startswith("lenet-"):
        return f"LeNet{name.removeprefix('lenet')}"
    plain = name.removesuffix("_224")
    return MODELS.get(plain, plain) + (" at 224x224" if name != plain else "")
