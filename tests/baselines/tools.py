"""What the tests of several baselines share: float64 data and networks, and a record of loops."""

import torch
from torch import Tensor, nn

from lottery.core.network import Network
from lottery.data import DATASETS, Dataset, Images
from lottery.data.batches import Data, Normalisation
from lottery.training.loop import Keeper, Resumable
from lottery.training.recipe import Recipe
from lottery.training.runner import Runner


class DoubleData(Data):
    """Batches in float64."""

    def finish(self, pixels: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
        x, y = super().finish(pixels, index)
        return x.double(), y


def double_digits(images: Images, count: int = 256) -> DoubleData:
    """The first digits."""
    part = Images(images.images[:count], images.labels[:count])
    return DoubleData(part, DATASETS["digits"], Normalisation.of(part))


def noise_data(shape: tuple[int, int, int], classes: int = 2, count: int = 4) -> Data:
    """Random images of any shape."""
    draw = torch.Generator().manual_seed(0)
    channels, height, width = shape
    pixels = torch.randint(0, 256, (count, height, width, channels), generator=draw)
    images = Images(pixels.to(torch.uint8), torch.arange(count) % classes)
    facts = Dataset("noise", classes, shape, count, count)
    return Data(images, facts, Normalisation.of(images))


def seeded(*layers: nn.Module, seed: int = 0) -> nn.Sequential:
    """A float64 module of the layers, its parameters drawn anew, norms and biases included."""
    module = nn.Sequential(*layers).double()
    draw = torch.Generator().manual_seed(seed)
    for name, parameter in module.named_parameters():
        with torch.no_grad():
            scale = parameter[0].numel() ** -0.5 if parameter.dim() > 1 else 0.5
            parameter.normal_(0, scale, generator=draw)
            if parameter.dim() == 1 and name.endswith("weight"):
                parameter.add_(1)
    return module


def runner(data: Data, keeper: Keeper | None = None, epochs: int = 1) -> Runner:
    """A runner with a short recipe from initialisation."""
    recipe = Recipe(
        epochs=epochs, rewind_epochs=0, batch_size=128, replicas=1, gradient="mean_clipped"
    )
    return Runner(data, recipe, 0, keeper=keeper)


class Recorder:
    """A keeper that remembers the state of every loop after each of its steps."""

    def __init__(self) -> None:
        self.loops: dict[str, list[dict[str, Tensor]]] = {}

    def resume(self, loop: str, first: int, state: Resumable) -> int:
        self.loops[loop] = []
        return first

    def done(self, loop: str, step: int, state: Resumable) -> None:
        self.loops[loop].append({name: t.clone() for name, t in state.tensors().items()})

    def trace(self, loop: str, name: str) -> Tensor:
        """One tensor after every step, stacked: shape (steps, ...)."""
        return torch.stack([tensors[name] for tensors in self.loops[loop]])


def chosen(scores: Tensor, count: int, among: Tensor | None = None) -> Tensor:
    """Bool vector of the `count` highest scores, by plain sorting; where given, of those among."""
    places = range(len(scores)) if among is None else among.nonzero().flatten().tolist()
    order = sorted(places, key=lambda i: (-scores[i].item(), i))
    keep = torch.zeros(len(scores), dtype=torch.bool)
    keep[order[:count]] = True
    return keep


def scores_of(scores: Tensor | None) -> Tensor:
    """Scores that are there."""
    assert scores is not None
    return scores


def connected(module: nn.Module, network: Network, keep: Tensor, x: Tensor) -> bool:
    """Whether a path of kept weights leads from the input to an output.

    The weights become 0 or 1, norms the identity and biases zero: nothing is negative, so that an
    output is above zero if and only if a path leads to it.
    """
    for name, layer in list(module.named_modules()):
        if isinstance(layer, nn.BatchNorm2d):
            parent, _, attribute = name.rpartition(".")
            setattr(module.get_submodule(parent), attribute, nn.Identity())
    module = module.double()
    ones = network.layout.views(keep.double())
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            parameter.copy_(ones.get(name, torch.zeros_like(parameter)))
        return bool((module(x.double()) > 0).any())
