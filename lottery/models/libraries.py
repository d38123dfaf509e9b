"""Models of timm and torchvision by their names there, with random initial weights."""

from collections.abc import Callable
from difflib import get_close_matches
from functools import partial
from typing import Any

from torch import nn

from lottery.core.errors import UnknownName
from lottery.core.extras import needing

Shape = tuple[int, int, int]  # channels, height, width


def from_timm(name: str, shape: Shape, classes: int) -> nn.Module:
    """A model of timm, made for the size of the images where it is made for one."""
    # timm takes seconds to import; only these models pay for it.
    with needing("timm"):
        import timm

    if not timm.is_model(name):
        raise _unknown("timm", name, timm.list_models())
    facts = timm.get_pretrained_cfg(name, allow_unregistered=True)
    sized: dict[str, Any] = {"img_size": shape[1:]} if facts and facts.fixed_input_size else {}
    module: nn.Module = timm.create_model(
        name, pretrained=False, num_classes=classes, in_chans=shape[0], **sized
    )
    return module


def from_torchvision(name: str, shape: Shape, classes: int) -> nn.Module:
    """A model of torchvision; its first convolution is made anew for other than three channels."""
    # torchvision takes a second to import; only these models pay for it.
    with needing("suites"):
        from torchvision import models

    known = models.list_models(module=models)
    if name not in known:
        raise _unknown("torchvision", name, known)
    module: nn.Module = models.get_model(name, weights=None, num_classes=classes)
    if shape[0] != 3:
        _take_channels(module, shape[0])
    return module


def _take_channels(module: nn.Module, channels: int) -> None:
    """Make the first convolution anew for so many input channels."""
    name, old = next((n, m) for n, m in module.named_modules() if isinstance(m, nn.Conv2d))
    new = nn.Conv2d(
        channels,
        old.out_channels,
        old.kernel_size,  # type: ignore[arg-type]
        old.stride,  # type: ignore[arg-type]
        old.padding,  # type: ignore[arg-type]
        bias=old.bias is not None,
    )
    parent, _, last = name.rpartition(".")
    setattr(module.get_submodule(parent), last, new)


LIBRARIES: dict[str, Callable[[str, Shape, int], nn.Module]] = {
    "timm": from_timm,
    "torchvision": from_torchvision,
}


def builder(library: str, name: str) -> Callable[[Shape, int], nn.Module]:
    """What builds a library's model from (shape, classes)."""
    return partial(LIBRARIES[library], name)


def _unknown(library: str, name: str, known: list[str]) -> UnknownName:
    near = get_close_matches(name, known, n=3, cutoff=0.5)
    hint = f": did you mean {' or '.join(near)}?" if near else ""
    return UnknownName(f"{library} has no model {name!r}{hint}")
