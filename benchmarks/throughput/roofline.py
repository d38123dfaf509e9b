"""What a step cannot be faster than (a roofline), and the memory that it takes at most."""

import time
from functools import cache
from pathlib import Path

import torch
from torch import Tensor, nn

from benchmarks.run.estimate import matrix_rate
from lottery.core.choices import Precision
from lottery.core.network import Network

BYTES = {"float32": 4, "bfloat16": 2}


@cache
def bandwidth(device: torch.device) -> float:
    """Measured bytes per second of copying a vector that fits no cache, read and write counted."""
    count = 64 * 2**20 if device.type == "cpu" else 512 * 2**20
    source = torch.ones(count // 4, device=device)
    target = torch.empty_like(source)
    target.copy_(source)
    _wait(device)
    start, rounds = time.perf_counter(), 4
    for _ in range(rounds):
        target.copy_(source)
    _wait(device)
    return 2 * count * rounds / (time.perf_counter() - start)


def roofline_seconds(
    network: Network, x: Tensor, flops: float, forwards: float, precision: Precision
) -> float:
    """The longer of operations over the matrix rate and bytes over the bandwidth.

    Every layer reads its input and writes its output once in each pass; what caches save and what
    optimisers move is left out.

    Args:
        x: a batch.
        flops: of one forward pass of the batch.
        forwards: cost of the step in forward passes; a backward pass is two.
    """
    device = network.device
    moved = activation_elements(network, x) * BYTES[precision]
    return forwards * max(flops / matrix_rate(device, precision), moved / bandwidth(device))


def activation_elements(network: Network, x: Tensor) -> int:
    """Elements that the innermost modules read and write in one forward pass of a batch."""
    total = 0

    def count(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal total
        total += sum(i.numel() for i in inputs if isinstance(i, Tensor)) + output.numel()

    leaves = [layer for layer in network.module.modules() if not list(layer.children())]
    hooks = [layer.register_forward_hook(count) for layer in leaves]
    try:
        with torch.no_grad():
            network(x[:2])
    finally:
        for hook in hooks:
            hook.remove()
    return total * len(x) // len(x[:2])


def reset_peak_memory(device: torch.device) -> None:
    """Begin a new measurement of `peak_memory`."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    elif (clear := Path("/proc/self/clear_refs")).exists():
        clear.write_text("5")  # Linux: the peak of resident memory starts anew


def peak_memory(device: torch.device) -> int | None:
    """Bytes: at most allocated on a GPU, at most resident on a CPU; None where that is unknown."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    status = Path("/proc/self/status")
    if not status.exists():
        return None
    (line,) = [line for line in status.read_text().splitlines() if line.startswith("VmHWM")]
    return 1024 * int(line.split()[1])


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
