"""python -m benchmarks.throughput.loading: images a second that workers decode and crop.

On photographs of a folder, or on made-up pictures of ImageNet's usual size.
"""

import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image

from lottery.core.command_line import run_command
from lottery.core.errors import BadInput
from lottery.core.randomness import generator
from lottery.data.datasets import Dataset
from lottery.data.streaming import StreamedData, streamed_folder

BATCH = 32


@dataclass(frozen=True)
class Options:
    """Images a second of the loader alone, for numbers of workers."""

    workers: tuple[int, ...] = (1,)
    """Numbers of worker processes; one per core at most."""
    folder: Path | None = None
    """Pictures in train/ and val/; made-up ones of 500x375 where it is not given."""
    size: int = 224
    """Side of the images."""
    batches: int = 8
    """Batches of 32 that are timed."""


def measure(options: Options) -> Iterator[str]:
    """A line for each number of workers.

    Raises:
        BadInput: a number below one.
        DataError: no folder of pictures.
    """
    if min((*options.workers, options.size, options.batches)) < 1:
        raise BadInput("--workers, --size and --batches take numbers from 1 on")
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or made_up(Path(temporary))
        pictures, _ = streamed_folder(folder, options.size)
        for workers in options.workers:
            facts = Dataset("pictures", 2, (3, options.size, options.size), len(pictures.labels), 0)
            data = StreamedData(pictures, facts, workers=workers)
            rate = images_per_second(data, options.batches)
            yield f"{data.workers} workers: {rate:.0f} images/s, {rate / data.workers:.0f} each"


def images_per_second(data: StreamedData, batches: int) -> float:
    """Of augmented batches, once every worker has given its first ones."""
    stream = data.stream(BATCH, generator(0), augment=True)
    first = 2 * data.workers
    for step in range(first):
        stream[step]
    start = time.perf_counter()
    for step in range(first, first + batches):
        stream[step]
    return min(BATCH, len(data)) * batches / (time.perf_counter() - start)


def made_up(folder: Path, count: int = 64, size: Sequence[int] = (500, 375)) -> Path:
    """JPEGs of smooth noise, whose files are as large as photographs' are."""
    rng = generator(0, "pictures")
    for number in range(count):
        path = folder / ("val" if number < 2 else "train") / f"class{number % 2}" / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        coarse = torch.randint(256, (size[1] // 6, size[0] // 6, 3), generator=rng)
        picture = Image.fromarray(coarse.to(torch.uint8).numpy())
        picture.resize((size[0], size[1]), Image.Resampling.BICUBIC).save(path, quality=90)
    return folder


def main() -> int:
    """Run the command line; exit status 0, or 2 with one line for bad input."""
    return run_command(_main, Options, "python -m benchmarks.throughput.loading")


def _main(options: Options) -> int:
    for line in measure(options):
        print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
