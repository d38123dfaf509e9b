"""A user's model as the network of a search, while the model itself stays as it is."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedParameter

from lottery.core.application import unwrapped
from lottery.core.choices import Precision
from lottery.core.errors import BadInput
from lottery.core.layout import Layout
from lottery.core.losses import CrossEntropy, TaskLoss
from lottery.core.network import Network
from lottery.core.statistics import take_out, tracking

FLOATS = (torch.float32, torch.float64)


@dataclass(frozen=True)
class Subject:
    """A network, and the names of the norms whose running statistics were taken out of it."""

    network: Network
    norms: list[str]


def subject_of(
    model: nn.Module,
    device: torch.device,
    layout: Callable[[nn.Module], Layout],
    precision: Precision = "float32",
    loss: Callable[[Tensor, Any], Tensor] | None = None,
) -> Subject:
    """A network of a copy of the model, whose norms keep no running statistics.

    On the model's own device the copy has the model's own parameters, as a Network writes none;
    everything else is copied.

    Args:
        layout: of the copy.
        loss: see TaskLoss; None for cross-entropy.

    Raises:
        BadInput: a model that cannot be copied, or whose parameters are not ready; the text names
            the layer.
    """
    module = unwrapped(model)
    check_parameters(module)
    prunable = layout(module)  # first, as its refusals are the clearer ones
    copy = _copied(module, device)
    norms = tracking(copy)
    take_out(norms.values())
    task_loss = TaskLoss(loss) if loss else CrossEntropy()
    network = Network(copy, prunable, device=device, precision=precision, task_loss=task_loss)
    return Subject(network, list(norms))


def device_of(model: nn.Module) -> torch.device:
    """Where a model's parameters are.

    Raises:
        BadInput: on several devices.
    """
    devices = sorted({str(p.device) for p in model.parameters()})
    if len(devices) > 1:
        raise BadInput(f"the model is on {' and '.join(devices)}: move it to one device")
    return torch.device(devices[0] if devices else "cpu")


def check_parameters(module: nn.Module) -> None:
    """Check that a module's parameters are there, and numbers that a search can differentiate.

    Raises:
        BadInput: they are not.
    """
    if isinstance(module, torch.jit.ScriptModule):
        raise BadInput("a scripted module has no layers to prune: give the module it was made of")
    for name, parameter in module.named_parameters():
        if isinstance(parameter, UninitializedParameter):
            raise BadInput(f"{name} has no shape yet: call the model once on a batch first")
        if parameter.requires_grad and parameter.dtype not in FLOATS:
            kind = str(parameter.dtype).removeprefix("torch.")
            raise BadInput(f"{name} is in {kind}: use model.float(), and precision='bfloat16'")


def _copied(module: nn.Module, device: torch.device) -> nn.Module:
    parameters: dict[int, Any] = {id(p): _on(p, device) for p in module.parameters()}
    try:
        return deepcopy(module, parameters)
    except (RuntimeError, TypeError) as error:
        text = " ".join(str(error).split())
        raise BadInput(f"{type(module).__name__} cannot be copied: {text}") from error


def _on(parameter: nn.Parameter, device: torch.device) -> nn.Parameter:
    if parameter.device == device:
        return parameter
    return nn.Parameter(parameter.detach().to(device), requires_grad=parameter.requires_grad)
