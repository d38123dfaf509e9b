"""Which tensors of a module are prunable, and why the others are not."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import prod

from torch import nn
from torch.nn.utils import parametrize

from lottery.core.errors import BadInput

CONVOLUTIONS = (
    nn.Conv1d,
    nn.Conv2d,
    nn.Conv3d,
    nn.ConvTranspose1d,
    nn.ConvTranspose2d,
    nn.ConvTranspose3d,
)
IN_PROJECTIONS = ("in_proj_weight", "q_proj_weight", "k_proj_weight", "v_proj_weight")
FROZEN = "frozen (requires_grad is False)"


@dataclass(frozen=True)
class LeftOut:
    """A parameter that is not prunable."""

    name: str
    shape: tuple[int, ...]
    reason: str


def prunable(
    module: nn.Module, keep_dense: Iterable[str] = ()
) -> tuple[list[tuple[str, tuple[int, ...]]], list[LeftOut]]:
    """The weights of every convolution and linear layer, and all other parameters with the reason.

    A tensor that several layers share is there once, under the first of its names.

    Args:
        keep_dense: submodules whose weights stay out, with all that is in them.

    Raises:
        ValueError: there is no prunable weight, or `keep_dense` names a module without one.
        BadInput: a layer's weight is made from other tensors at every pass.
    """
    names = {id(p): name for name, p in module.named_parameters()}
    dense = set(keep_dense)
    found: dict[str, tuple[int, ...]] = {}
    left: dict[str, LeftOut] = {}
    used = set[str]()
    for prefix, layer, attribute in _weights(module):
        wanted = {name for name in dense if prefix == name or prefix.startswith(f"{name}.")}
        used |= wanted
        parameter = getattr(layer, attribute, None)
        if not wanted and parameter is not None and attribute not in layer._parameters:
            raise BadInput(_refusal(prefix, layer, attribute))
        if parameter is None or attribute not in layer._parameters:
            continue
        name, own = names[id(parameter)], _joined(prefix, attribute)
        shape = tuple(parameter.shape)
        if wanted or not parameter.requires_grad:
            left[name] = LeftOut(name, shape, "to be kept dense" if wanted else FROZEN)
            found.pop(name, None)
        elif name not in left:
            found[name] = shape
        if own != name:
            left[own] = LeftOut(own, shape, f"the same tensor as {name}")
    if missing := sorted(dense - used):
        raise ValueError(f"keep_dense names {missing[0]!r}, which has no prunable weight here")
    if not found:
        frozen = " that is not frozen" if any(x.reason == FROZEN for x in left.values()) else ""
        raise ValueError(
            f"{type(module).__name__} has no prunable weight (of a convolution or linear layer)"
            f"{frozen}"
        )
    for other in _others(module):
        if other.name in names.values() and other.name not in found:
            left.setdefault(other.name, other)
    return list(found.items()), list(left.values())


def _weights(module: nn.Module) -> Iterator[tuple[str, nn.Module, str]]:
    """(module's name, module, attribute) of whatever is the weight of a convolution or linear
    layer."""
    for prefix, layer in module.named_modules():
        if isinstance(layer, nn.MultiheadAttention):
            yield from ((prefix, layer, attribute) for attribute in IN_PROJECTIONS)
        elif isinstance(layer, (nn.Linear, *CONVOLUTIONS)):
            yield prefix, layer, "weight"


def _others(module: nn.Module) -> Iterator[LeftOut]:
    """Every parameter with what it is of, as if none were prunable."""
    for prefix, layer in module.named_modules():
        for attribute, parameter in layer.named_parameters(recurse=False):
            yield LeftOut(
                _joined(prefix, attribute),
                tuple(parameter.shape),
                _kind(layer, attribute) if parameter.requires_grad else FROZEN,
            )


def _kind(layer: nn.Module, attribute: str) -> str:
    kind = type(layer).__name__
    if attribute.endswith("bias"):
        return "a bias"
    if is_norm(layer):
        return "a norm's scale"
    if isinstance(layer, nn.RNNBase | nn.RNNCellBase):
        return f"of a recurrent layer, {kind}"
    return f"of {kind}, which is neither a convolution nor a linear layer"


def is_norm(layer: nn.Module) -> bool:
    """Whether a layer calls itself a norm."""
    return any("norm" in kind.__name__.lower() for kind in type(layer).__mro__)


def _joined(prefix: str, attribute: str) -> str:
    return f"{prefix}.{attribute}" if prefix else attribute


def _refusal(prefix: str, layer: nn.Module, attribute: str) -> str:
    """Why a layer's weight, which is no parameter of its own, cannot be pruned, and the remedy."""
    where, say = prefix or type(layer).__name__, "torch.nn.utils"
    if parametrize.is_parametrized(layer, attribute):
        what = f"has a parametrisation of its {attribute}"
        remedy = f"{say}.parametrize.remove_parametrizations(layer, {attribute!r})"
    elif f"{attribute}_mask" in layer._buffers:
        what, remedy = "is pruned already", f"{say}.prune.remove(layer, {attribute!r})"
    elif f"{attribute}_g" in layer._parameters:
        what, remedy = "has weight_norm", f"{say}.remove_weight_norm(layer, {attribute!r})"
    elif f"{attribute}_u" in layer._buffers:
        what, remedy = "has spectral_norm", f"{say}.remove_spectral_norm(layer, {attribute!r})"
    else:
        what, remedy = f"has a {attribute} that is no parameter", "make it one"
    return f"{where} {what}: {remedy}, or keep it dense with keep_dense=[{prefix!r}]"


def described(
    entries: Iterable[tuple[str, tuple[int, ...]]], left_out: Iterable[LeftOut]
) -> list[str]:
    """Lines that say what is prunable and what is not; biases and norms are counted together."""
    entries, left_out = list(entries), list(left_out)
    width = max([len(name) for name, _ in entries], default=0)
    lines = [f"prunable: {_count(shape for _, shape in entries)}"]
    lines += [f"  {name:{width}}  {_text(shape)}" for name, shape in entries]
    if left_out:
        lines.append(f"left dense: {_count(item.shape for item in left_out)}")
    for reason, plural in (("a bias", "biases"), ("a norm's scale", "scales of norms")):
        if group := [item.shape for item in left_out if item.reason == reason]:
            lines.append(f"  {plural}: {_count(group)}")
            left_out = [item for item in left_out if item.reason != reason]
    return lines + [f"  {item.name}  {_text(item.shape)}: {item.reason}" for item in left_out]


def _text(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape)) or "1"


def _count(shapes: Iterable[tuple[int, ...]]) -> str:
    sizes = [prod(shape) for shape in shapes]
    return f"{sum(sizes):,} numbers in {len(sizes)} tensor{'s' * (len(sizes) != 1)}"
