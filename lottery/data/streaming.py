"""Pictures that are too many for memory: workers decode and crop them, batch by batch.

Which pictures are in a batch, and how each is cropped and flipped, depends on the generator and on
the step alone: a loop that resumes within an epoch sees what it would have seen.
"""

import os
import signal
from collections.abc import Iterable, Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from lottery.core.extras import needing
from lottery.core.randomness import child
from lottery.data.batches import Data, Normalisation, Stream, chunked
from lottery.data.datasets import Dataset, Images, Pictures
from lottery.data.folder import class_names, held_out_folder, pictures, read_picture
from lottery.data.sources import DataError

Item = tuple[int, int]  # a picture's number, and the seed of its crop, or UNCUT
UNCUT = -1  # resized, and the centre cut out
AROUND = 256 / 224  # the resized side, in units of the centre's
BATCHES_AHEAD = 2  # that each worker prepares


def streamed_folder(folder: str | Path, size: int = 224) -> tuple[Pictures, Pictures]:
    """The pictures below train/ and below val/ or test/, a folder for each class, to be read batch
    by batch: for training a random part of 8% to 100% of the picture, stretched by up to 4/3; for
    the test the centre of the picture resized to 8/7 of the size.

    Args:
        size: side of the images.

    Raises:
        DataError: it has another layout, or a class has no picture.
    """
    root = Path(folder).expanduser()
    train, test = root / "train", held_out_folder(root)
    classes = class_names(train)
    found = pictures(train, classes), pictures(test, classes, needed=False)
    parts = [
        Pictures(
            part,
            np.array([os.fsencode(path)[len(os.fsencode(part)) + 1 :] for path, _ in files]),
            torch.tensor([label for _, label in files]),
            size,
        )
        for part, files in zip((train, test), found, strict=True)
    ]
    return parts[0], parts[1]


def data_of(
    part: Images | Pictures,
    facts: Dataset,
    normalisation: Normalisation,
    device: torch.device | str,
    workers: int,
) -> Data:
    """Images on the device, or pictures that are streamed to it."""
    if isinstance(part, Pictures):
        return StreamedData(part, facts, device, workers)
    return Data(part, facts, normalisation, device)


def normalisation_of(part: Images | Pictures) -> Normalisation:
    """Moments of pixels in 0..255: exact ones of images, stated ones of pictures."""
    if isinstance(part, Images):
        return Normalisation.of(part)
    mean, std = (255 * torch.tensor(moment) for moment in (part.mean, part.std))
    return Normalisation(mean, std)


class StreamedData(Data):
    """Pictures that are read when they are asked for; otherwise as Data.

    Args:
        pictures: n files and labels.
        workers: processes that read them, one per core at most; 0 to read them in this one.
    """

    def __init__(
        self,
        pictures: Pictures,
        dataset: Dataset,
        device: torch.device | str = "cpu",
        workers: int = 0,
    ) -> None:
        self.dataset = dataset
        self.device = torch.device(device)
        self.pictures = pictures
        self.workers = min(workers, _cores())
        self.labels = pictures.labels.to(device)
        moments = normalisation_of(pictures)
        self._mean, self._std = moments.mean.to(device), moments.std.to(device)
        self.drawn = 0

    def content(self) -> tuple[Tensor, Tensor]:
        """The names of its pictures, and the labels."""
        return self.pictures.content()[0], self.labels

    def take(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """See Data.take; without augmentation."""
        found = list(self.read(_uncut(part) for part in chunked(index.cpu(), 64)))
        return self.finish(torch.cat([pixels for pixels, _, _ in found]), index)

    def chunks(self, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """See Data.chunks."""
        parts = chunked(torch.arange(len(self)), size)
        for pixels, index, _ in self.read(_uncut(part) for part in parts):
            yield self.finish(pixels, index)

    def stream(
        self, batch_size: int, generator: torch.Generator, *, augment: bool = False
    ) -> "Stream":
        """See Data.stream."""
        return PictureStream(self, batch_size, generator, augment)

    def read(self, batches: Iterable[Sequence[Item]]) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Batch by batch pixels, uint8 (b, h, w, c), numbers (b,) and seeds (b,), on the device.

        Raises:
            DataError: a picture cannot be read.
        """
        loader: Any = DataLoader(
            Reader(self.pictures),
            batch_sampler=batches,  # type: ignore[arg-type]
            num_workers=self.workers,
            prefetch_factor=BATCHES_AHEAD if self.workers else None,
            pin_memory=self.device.type == "cuda",
            worker_init_fn=_ignore_interrupts,
            generator=torch.Generator(),  # else it draws from torch's global one
        )
        try:
            for found in loader:
                pixels, index, seeds = (t.to(self.device, non_blocking=True) for t in found)
                yield pixels, index, seeds
        except DataError as error:
            last = str(error).strip().splitlines()[-1]  # a worker's traceback comes before it
            raise DataError(last.partition("DataError: ")[2] or last) from None


def _uncut(index: Tensor) -> list[Item]:
    return [(number, UNCUT) for number in index.tolist()]


def _cores() -> int:
    """Those that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _ignore_interrupts(worker: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started it decides when it ends


class PictureStream(Stream):
    """Shuffled batches of pictures: step -> (x, y); see Stream.

    Workers read ahead from the step that was asked for last; another than the next starts anew.
    """

    def __init__(
        self, data: StreamedData, batch_size: int, generator: torch.Generator, augment: bool
    ) -> None:
        super().__init__(data, batch_size, generator, augment)
        self._source = data
        self._augment = augment
        self._next = -1

    def __getitem__(self, step: int) -> tuple[Tensor, Tensor]:
        if step != self._next:
            self._batches = self._source.read(map(self.items, count(step)))
        self._next = step + 1
        pixels, index, seeds = next(self._batches)
        if self._flip:
            mirrored = (seeds % 2 == 1)[:, None, None, None]
            pixels = torch.where(mirrored, pixels.flip(2), pixels)
        return self._data.finish(pixels, index)

    def items(self, step: int) -> list[Item]:
        """The pictures of a step's batch, and how each is cropped."""
        epoch, position = divmod(step, self.steps_per_epoch)
        if epoch != self._epoch:
            self._shuffle(epoch)
        chosen = slice(position * self._batch, (position + 1) * self._batch)
        return list(zip(self._order[chosen].tolist(), self._seeds[chosen].tolist(), strict=True))

    def _shuffle(self, epoch: int) -> None:
        size = len(self._data)
        self._order = torch.randperm(
            size, generator=child(self._generator, "order", epoch, device="cpu")
        )
        rng = child(self._generator, "augmentation", epoch, device="cpu")
        self._seeds = torch.full((size,), UNCUT)
        if self._augment:
            self._seeds = torch.randint(2**62, (size,), generator=rng)
        self._epoch = epoch


class Reader(TorchDataset[tuple[Tensor, int, int]]):
    """Pictures by number and seed, as a worker reads them: pixels, uint8 (h, w, c)."""

    def __init__(self, pictures: Pictures) -> None:
        self._pictures = pictures

    def __getitem__(self, item: Item) -> tuple[Tensor, int, int]:
        number, seed = item
        picture, _ = read_picture(self._pictures.path(number))
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(max(seed, 0))  # the CPU's alone
            cut = _cropping(self._pictures.size, random=seed != UNCUT)(picture)
        return torch.from_numpy(np.array(cut)), number, seed

    def __len__(self) -> int:
        return len(self._pictures.labels)


def _cropping(size: int, *, random: bool) -> Any:
    with needing("suites"):
        from torchvision import transforms  # a second to import, which only pictures need

    if random:
        return transforms.RandomResizedCrop(size)
    return transforms.Compose(
        [transforms.Resize(round(size * AROUND)), transforms.CenterCrop(size)]
    )
