"""Steps captured as CUDA graphs: the host launches a whole step at once, not kernel by kernel."""

import math
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

Work = Callable[[Tensor, Tensor], Tensor]

# Steps before the capture, in which optimisers and libraries allocate what they keep.
EAGER_STEPS = 2
_capturing = True
# Whose capture failed. torch's allocator may still refer to them, and takes no other well.
_failed: list[torch.cuda.CUDAGraph] = []


@contextmanager
def eager() -> Iterator[None]:
    """Within it, no step is captured."""
    global _capturing
    before, _capturing = _capturing, False
    try:
        yield
    finally:
        _capturing = before


def set_lr(optimiser: torch.optim.Optimizer, lr: float) -> None:
    """Set the learning rate of the coming step, captured or not."""
    for group in optimiser.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(lr)
        else:
            group["lr"] = lr


def make_capturable(optimiser: torch.optim.Optimizer) -> None:
    """Let a step of SGD or Adam read its learning rate, and count its steps, on the GPU."""
    for group in optimiser.param_groups:
        group["lr"] = torch.tensor(float(group["lr"]), device=group["params"][0].device)
        group["fused"] = group["capturable"] = True


def captured(
    work: Work, optimiser: torch.optim.Optimizer, generator: torch.Generator | None = None
) -> Work:
    """A loop's work on a batch; on a GPU, captured as one CUDA graph after its first steps.

    Args:
        work: (x, y) -> value, its optimiser's step included. All that it changes are tensors, in
            place: a captured step runs its kernels alone, and no Python. A batch of another shape
            than the captured one, as the last of an epoch may be, runs as it is.
        optimiser: SGD or Adam; its learning rate may be changed between steps by `set_lr`.
        generator: where `work` draws from; it may be seeded between steps.

    Returns:
        `work` itself on a CPU. On a GPU what does the same; its value is overwritten by the next
        step. If `work` cannot be captured (it waits for the GPU, say), a warning tells why and
        steps go on as they are, here and in later loops.
    """
    device = optimiser.param_groups[0]["params"][0].device
    if device.type != "cuda" or not _capturing or _failed:
        return work
    make_capturable(optimiser)
    return _Captured(work, generator)


class _Captured:
    def __init__(self, work: Work, generator: torch.Generator | None) -> None:
        self._work, self._generator = work, generator
        self._eager_steps: float = EAGER_STEPS
        self._largest = 0
        self._graph: torch.cuda.CUDAGraph | None = None

    def __call__(self, x: Tensor, y: Tensor) -> Tensor:
        self._largest = max(self._largest, len(x))
        if self._graph is None and self._eager_steps <= 0 and len(x) == self._largest:
            self._capture(x, y)
        if self._graph is None or x.shape != self._x.shape:
            self._eager_steps -= 1
            return self._work(x, y)
        self._x.copy_(x)
        self._y.copy_(y)
        self._graph.replay()
        return self._value

    def _capture(self, x: Tensor, y: Tensor) -> None:
        """Record the work, without running it, or give up."""
        self._x, self._y = x.clone(), y.clone()
        graph = torch.cuda.CUDAGraph()
        if self._generator:
            graph.register_generator_state(self._generator)
        try:
            # A capture that fails leaves its own stream behind as the current one.
            stream = torch.cuda.stream(torch.cuda.current_stream(x.device))
            with torch.cuda.device(x.device), stream, torch.cuda.graph(graph):
                self._value = self._work(self._x, self._y)
        except RuntimeError as error:
            reason = str(error.__context__ or error).partition("\n")[0]
            warnings.warn(f"steps run eagerly, they cannot be captured: {reason}", stacklevel=3)
            self._eager_steps = math.inf
            _failed.append(graph)
            if self._generator:  # its state waits for the end of the capture
                fresh = torch.Generator(x.device).manual_seed(self._generator.initial_seed())
                self._generator.graphsafe_set_state(fresh.graphsafe_get_state())
        else:
            self._graph = graph
