"""The one place that runs a network under gates."""

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from copy import copy

import torch
from torch import Tensor, nn
from torch.func import functional_call

from lottery.core.choices import PRECISIONS, Precision
from lottery.core.errors import check_name
from lottery.core.layer_gates import LayerGates
from lottery.core.layout import Layout
from lottery.core.losses import CrossEntropy, TaskLoss
from lottery.core.outputs import Inputs, arguments_of, logits_of

Gates = Tensor | LayerGates
ACTIVATIONS = (nn.ReLU, nn.ReLU6, nn.GELU, nn.SiLU, nn.Hardswish, nn.Tanh, nn.Sigmoid)


class Network:
    """A module together with its parameters as two flat vectors.

    `weights`, shape (d,), are the prunable ones in the order of `layout`; `rest` holds all others
    (biases, norms, layers that stay dense) but the frozen. The module itself is only the recipe of
    the forward pass: of its own parameters the frozen alone are read again, and none is written.

    Args:
        module: any nn.Module whose norms keep no running statistics (CTS Section V-A). Of an output
            that is no tensor the logits are taken, see `logits_of`.
        layout: what is prunable; by default the weights of all convolutions and linear layers.
        device: where the tensors live and the passes run.
        precision: "float32", or "bfloat16" for autocast with float32 parameters.
        task_loss: what the network is for.

    Raises:
        ValueError: no prunable weight, or a norm that keeps running statistics.
    """

    def __init__(
        self,
        module: nn.Module,
        layout: Layout | None = None,
        *,
        device: torch.device | str = "cpu",
        precision: Precision = "float32",
        task_loss: TaskLoss = CrossEntropy(),  # noqa: B008  (frozen)
    ) -> None:
        for name, layer in module.named_modules():
            if getattr(layer, "track_running_stats", False):
                raise ValueError(f"{name} keeps running statistics; a frozen network must not")
        check_name("precision", precision, PRECISIONS)
        self.module = module.to(device).train()
        self.layout = layout or Layout.prunable(module)
        self.device = torch.device(device)
        self.precision = precision
        self.task_loss = task_loss
        prunable = set(self.layout.names)
        parameters = {
            name: p.detach()
            for name, p in module.named_parameters()
            if p.requires_grad or name in prunable
        }
        self.rest_layout = Layout.of_shapes(
            (name, p.shape) for name, p in parameters.items() if name not in prunable
        )
        self.weights = self.layout.flatten(parameters)
        self.rest = self.rest_layout.flatten(parameters).to(device)

    def at(self, weights: Tensor, rest: Tensor | None = None) -> "Network":
        """The same module with other parameters; the tensors are taken as they are."""
        twin = copy(self)
        twin.weights = weights.detach()
        twin.rest = self.rest if rest is None else rest.detach()
        return twin

    def in_precision(self, precision: Precision) -> "Network":
        """The same network, its passes in another precision."""
        twin = copy(self)
        twin.precision = precision
        return twin

    def run(
        self,
        x: Inputs,
        weights: Tensor | Mapping[str, Tensor],
        rest: Tensor,
        *,
        training: bool = True,
    ) -> Tensor:
        """Logits, shape (n, classes), for images x, shape (n, c, h, w); at least float32.

        Other modules take what they take: x may also be the arguments of a call. The prunable
        weights are given as one vector, shape (d,), or as tensors by name.
        """
        if self.module.training != training:
            self.module.train(training)
        if isinstance(weights, Tensor):
            weights = self.layout.views(weights)
        parameters = {**weights, **self.rest_layout.views(rest)}
        with self._autocast():
            output = functional_call(self.module, parameters, *arguments_of(x))
        logits = logits_of(output, type(self.module).__name__)
        return logits if logits.dtype == torch.float64 else logits.float()

    def __call__(self, x: Inputs, gates: Gates | None = None, *, training: bool = True) -> Tensor:
        """Logits of the network, its weights multiplied by gates, shape (d,), where given."""
        weights: Tensor | Mapping[str, Tensor]
        if isinstance(gates, LayerGates):
            weights = gates.gated()
        else:
            weights = self.weights if gates is None else self.weights * gates
        return self.run(x, weights, self.rest, training=training)

    def calls(
        self, layers: Iterable[nn.Module], x: Inputs, gates: Gates | None = None
    ) -> tuple[list[tuple[nn.Module, Tensor]], Tensor]:
        """Every call of some layers in one forward pass, in order, with its output; the logits."""
        calls: list[tuple[nn.Module, Tensor]] = []

        def keep(layer: nn.Module, inputs: object, output: Tensor) -> None:
            calls.append((layer, output))

        hooks = [layer.register_forward_hook(keep) for layer in layers]
        try:
            logits = self(x, gates)
        finally:
            for hook in hooks:
                hook.remove()
        return calls, logits

    def activations(self, x: Inputs, gates: Gates | None = None) -> list[Tensor]:
        """The outputs of the activation layers in one forward pass, and the logits' softmax.

        Raises:
            ValueError: no layer of the module is an activation.
        """
        layers = [layer for layer in self.module.modules() if isinstance(layer, ACTIVATIONS)]
        if not layers:
            names = ", ".join(kind.__name__ for kind in ACTIVATIONS)
            raise ValueError(f"{type(self.module).__name__} has no activation layer ({names})")
        calls, logits = self.calls(layers, x, gates)
        return [*(output for _, output in calls), logits.softmax(dim=1)]

    def _autocast(self) -> AbstractContextManager[object]:
        enabled = self.precision == "bfloat16"
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=enabled)
