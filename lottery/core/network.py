"""The one place that runs a network under gates."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from copy import copy

import torch
from torch import Tensor, nn
from torch.func import functional_call

from lottery.core.layer_gates import LayerGates
from lottery.core.layout import Layout

Gates = Tensor | LayerGates


class Network:
    """A module together with its parameters as two flat vectors.

    `weights`, shape (d,), are the prunable ones in the order of `layout`; `rest` holds all others
    (biases, norms, layers that stay dense). The module itself is only the recipe of the forward
    pass: its own parameters are never read again or written.

    Args:
        module: any nn.Module whose norms keep no running statistics (CTS Section V-A).
        layout: what is prunable; by default every Conv2d and Linear weight.
        device: where the tensors live and the passes run.
        precision: "float32", or "bfloat16" for autocast with float32 parameters.

    Raises:
        ValueError: no prunable weight, or a norm that keeps running statistics.
    """

    def __init__(
        self,
        module: nn.Module,
        layout: Layout | None = None,
        *,
        device: torch.device | str = "cpu",
        precision: str = "float32",
    ) -> None:
        for name, layer in module.named_modules():
            if getattr(layer, "track_running_stats", False):
                raise ValueError(f"{name} keeps running statistics; a frozen network must not")
        if precision not in ("float32", "bfloat16"):
            raise ValueError(f"precision {precision!r} is neither 'float32' nor 'bfloat16'")
        self.module = module.to(device).train()
        self.layout = layout or Layout.prunable(module)
        self.device = torch.device(device)
        self.precision = precision
        parameters = {name: p.detach() for name, p in module.named_parameters()}
        self.rest_layout = Layout.of_shapes(
            (name, p.shape) for name, p in parameters.items() if name not in self.layout.names
        )
        self.weights = self.layout.flatten(parameters)
        self.rest = self.rest_layout.flatten(parameters).to(device)

    def at(self, weights: Tensor, rest: Tensor | None = None) -> "Network":
        """The same module with other parameters; the tensors are taken as they are."""
        twin = copy(self)
        twin.weights = weights.detach()
        twin.rest = self.rest if rest is None else rest.detach()
        return twin

    def run(
        self,
        x: Tensor,
        weights: Tensor | Mapping[str, Tensor],
        rest: Tensor,
        *,
        training: bool = True,
    ) -> Tensor:
        """Logits, shape (n, classes), for images x, shape (n, c, h, w); at least float32.

        The prunable weights are given as one vector, shape (d,), or as tensors by name.
        """
        if self.module.training != training:
            self.module.train(training)
        if isinstance(weights, Tensor):
            weights = self.layout.views(weights)
        parameters = {**weights, **self.rest_layout.views(rest)}
        with self._autocast():
            logits: Tensor = functional_call(self.module, parameters, (x,))
        return logits if logits.dtype == torch.float64 else logits.float()

    def __call__(self, x: Tensor, gates: Gates | None = None, *, training: bool = True) -> Tensor:
        """Logits of the network, its weights multiplied by gates, shape (d,), where given."""
        weights: Tensor | Mapping[str, Tensor]
        if isinstance(gates, LayerGates):
            weights = gates.gated()
        else:
            weights = self.weights if gates is None else self.weights * gates
        return self.run(x, weights, self.rest, training=training)

    def features(self, x: Tensor, gates: Gates | None = None) -> list[Tensor]:
        """The outputs of the prunable layers, in the layout's order, during one forward pass."""
        outputs: dict[str, Tensor] = {}

        def keep(name: str) -> Callable[[nn.Module, object, Tensor], None]:
            return lambda layer, inputs, output: outputs.__setitem__(name, output)

        names = [name.removesuffix("weight").removesuffix(".") for name in self.layout.names]
        hooks = [
            self.module.get_submodule(name).register_forward_hook(keep(name)) for name in names
        ]
        try:
            self(x, gates)
        finally:
            for hook in hooks:
                hook.remove()
        return [outputs[name] for name in names]

    def _autocast(self) -> AbstractContextManager[object]:
        enabled = self.precision == "bfloat16"
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=enabled)
