"""Models by name: registering them, and building them with the initial weights of a seed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch
from torch import nn

from lottery.core.choices import Precision
from lottery.core.errors import BadInput
from lottery.core.initialisation import Initialisation
from lottery.core.layout import Layout
from lottery.core.network import Network
from lottery.core.randomness import derive
from lottery.core.registry import Registry, check_registered_name
from lottery.models import libraries
from lottery.models.adaptation import adapt
from lottery.models.initialisation import initialise

Shape = tuple[int, int, int]  # channels, height, width
Build = Callable[[Shape, int], nn.Module]


@dataclass(frozen=True)
class Model:
    """How a model is built from (shape, classes), and which layers are never pruned.

    Attributes:
        keep_dense: layers by name.
        patch: height and width of the images must be multiples of it.
        recipe: how its tickets are trained: the name of a model whose recipe it shares, or by
            preset a Recipe or choices of one; empty for that of the model that it stands in for.
    """

    build: Build
    keep_dense: tuple[str, ...] = ()
    patch: int = 1
    recipe: str | Mapping[str, Any] = field(default="", hash=False)


class Models(Registry[Model]):
    """Models by name; timm:NAME and torchvision:NAME are those of the libraries."""

    def __getitem__(self, name: str) -> Model:
        library, colon, theirs = name.partition(":")
        if colon and library in libraries.LIBRARIES:
            return Model(libraries.builder(library, theirs))
        return super().__getitem__(name)


MODELS = Models("model", "lottery.models")

F = TypeVar("F", bound=Build)


def model(
    name: str,
    *,
    keep_dense: tuple[str, ...] = (),
    patch: int = 1,
    recipe: str | Mapping[str, Any] = "",
) -> Callable[[F], F]:
    """Register a function as a model; see Model for the arguments.

    `build(shape, classes)` returns an nn.Module that takes images of shape (n, channels, height,
    width), `shape` being (channels, height, width), and returns logits of shape (n, classes). The
    suite sets the initial weights of its convolutions, linear layers and norms; `adapt` says what
    else it changes.

    Raises:
        BadInput: a name that is no file's name.
        ValueError: the name is taken.
    """
    check_registered_name("model", name)

    def register(build: F) -> F:
        MODELS.add(name, Model(build, keep_dense, patch, recipe))
        return build

    return register


def check_input(name: str, shape: Shape) -> None:
    """Check that a model can take images of a shape.

    Raises:
        UnknownName: no such model.
        BadInput: it cannot.
    """
    patch = MODELS[name].patch
    _, height, width = shape
    if height % patch or width % patch:
        raise BadInput(
            f"{name} cuts images into patches of {patch}x{patch}; "
            f"height and width must be multiples of {patch}, not {height}x{width}"
        )


def build(
    name: str,
    shape: Shape,
    classes: int,
    seed: int,
    *,
    initialisation: Initialisation = Initialisation(),  # noqa: B008  (frozen)
    device: torch.device | str = "cpu",
    precision: Precision = "float32",
) -> Network:
    """Build a model with the initial weights of a seed.

    Args:
        name: a name of MODELS.
        shape: channels, height and width of the input.
        device, precision: see Network.

    Raises:
        UnknownName: no such model.
        BadInput: it cannot take images of this shape, or cannot be built or pruned.
    """
    check_input(name, shape)
    model = MODELS[name]
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive(seed, "construction"))
            module = adapt(model.build(shape, classes))
        initialise(module, seed, initialisation)
        layout = Layout.prunable(module, model.keep_dense)
        return Network(module, layout, device=device, precision=precision)
    except torch.OutOfMemoryError:
        raise
    except BadInput as error:
        raise BadInput(f"model {name}: {error}") from error
    except Exception as error:  # whatever the function of a plug-in raises
        what = " ".join(f"{type(error).__name__}: {error}".split())
        size = "x".join(map(str, shape))
        raise BadInput(f"model {name} cannot be built for {size} images: {what}") from error
