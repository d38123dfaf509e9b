"""What the suite changes in a model of anybody's, so that it can be pruned by the suite's rules."""

import torch
from torch import Tensor, nn

from lottery.core.errors import BadInput
from lottery.core.network import Network
from lottery.core.statistics import take_out, tracking

# Layers that draw at random, by the attribute that says how much; of torchvision and timm by name,
# since only those who use them import them.
RANDOM_LAYERS = {"StochasticDepth": "p", "DropPath": "drop_prob", "PatchDropout": "prob"}


def adapt(module: nn.Module) -> nn.Module:
    """A module without running statistics and without layers that draw at random.

    Norms use the statistics of their batch, in training as in test (CTS Section V-A). Dropout and
    stochastic depth are switched off: each ticket of a seed sees the same training.
    """
    take_out(tracking(module).values())
    for layer in module.modules():
        if isinstance(layer, nn.modules.dropout._DropoutNd):
            layer.p = 0.0
        elif amount := RANDOM_LAYERS.get(type(layer).__name__):
            setattr(layer, amount, 0.0)
    return module


@torch.no_grad()
def probe(name: str, network: Network, shape: tuple[int, int, int], classes: int) -> None:
    """Check that a network does what the suite needs, on a few random images.

    Raises:
        BadInput: it cannot be run, gives something else than logits, other ones when run again, or
            the same for every image.
    """
    rng = torch.Generator().manual_seed(0)
    x = torch.rand(4, *shape, generator=rng).to(network.device)
    try:
        first, second = network(x), network(x)
        _check(first, second, classes)
    except BadInput as error:
        raise BadInput(f"model {name} {error}") from error
    except Exception as error:  # whatever a module of anybody's raises
        what = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        size = "x".join(map(str, shape))
        raise BadInput(f"model {name} cannot run on {size} images: {what}") from error


def _check(first: Tensor, second: Tensor, classes: int) -> None:
    if first.shape != (4, classes):
        raise BadInput(
            f"gives {tuple(first.shape)} for 4 images, not logits of shape (4, {classes})"
        )
    if not torch.equal(first, second):
        raise BadInput(
            "gives other logits for the same images when it is run again: it draws at random, or "
            "keeps something from one batch to the next"
        )
    if torch.equal(first, first[:1].expand_as(first)):
        raise BadInput("gives the same logits for every image, which may be too small for it")
