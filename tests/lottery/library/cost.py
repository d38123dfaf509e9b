"""Time and memory of lottery.prune, beside a forward and backward pass of the same network:
python -m tests.lottery.library.cost [images] [size] [threads]

Each number is taken in a process of its own, the memory as the largest that the process ever had.
"""

import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torchvision import models

import lottery

REPEATS = 3


def measure(work: str, images: int, size: int) -> tuple[float, float]:
    """Seconds, a median after a first time, and megabytes more than before the work."""
    torch.manual_seed(0)
    model = models.resnet18(num_classes=10)
    x, y = torch.randn(images, 3, size, size), torch.arange(images) % 10

    def passes() -> None:
        F.cross_entropy(model(x), y).backward()  # type: ignore[no-untyped-call]
        model.zero_grad()

    def snip() -> None:
        per_class = images // 10
        lottery.prune(model, (x, y), "snip", density=0.05, samples_per_class=per_class)

    jobs: dict[str, Callable[[], None]] = {"passes": passes, "snip": snip}
    tiny = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 10))
    lottery.prune(tiny, (torch.rand(20, 4), y[:1].repeat(20)), "snip", density=0.5)  # imports all
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds = []
    for _ in range(REPEATS + 1):
        start = time.perf_counter()
        jobs[work]()
        seconds.append(time.perf_counter() - start)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return statistics.median(seconds[1:]), (after - before) / 1024


def main(images: int = 100, size: int = 224, threads: int = 2) -> None:
    megabytes = sum(p.numel() for p in models.resnet18(num_classes=10).parameters()) * 4 / 2**20
    print(f"ResNet-18, {images} images of {size}x{size}, {threads} threads")
    for work in ("passes", "snip"):
        code = (
            f"import torch; torch.set_num_threads({threads}); from tests.lottery.library import "
            f"cost; print(*cost.measure({work!r}, {images}, {size}))"
        )
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        seconds, more = map(float, done.stdout.split())
        print(f"{work}: {seconds:.2f} s, {more:.0f} MB more, {more / megabytes:.1f} copies")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
