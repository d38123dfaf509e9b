"""How any module is called with a batch, and where its logits are in what it returns."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from lottery.core.errors import BadInput

# One tensor, positional arguments, or keyword arguments.
Inputs = Tensor | Sequence[Any] | Mapping[str, Any]
KEYS = ("logits", "out")  # as transformers' and torchvision's models call them


def arguments_of(x: Inputs) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The positional and keyword arguments that inputs stand for."""
    if isinstance(x, Tensor):
        return (x,), {}
    if isinstance(x, Mapping):
        return (), dict(x)
    return tuple(x), {}


def logits_of(output: Any, kind: str) -> Tensor:
    """The tensor that an output is, or has as `logits` or `out`, or begins with.

    Args:
        kind: of the module, for the message.

    Raises:
        BadInput: there is none.
    """
    if isinstance(output, Tensor):
        return output
    found = output
    if isinstance(output, Mapping):
        keys = [key for key in KEYS if key in output] or list(output)[: len(output) == 1]
        found = output[keys[0]] if keys else None
    elif hasattr(output, "logits"):
        found = output.logits
    elif isinstance(output, Sequence) and output:
        found = output[0]
    if isinstance(found, Tensor):
        return found
    what = f"keys {', '.join(map(str, output))}" if isinstance(output, Mapping) else "no logits"
    raise BadInput(
        f"{kind} returns a {type(output).__name__} with {what}: "
        "wrap it in a module that returns one tensor"
    )
