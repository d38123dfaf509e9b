"""Batches of a dataset that sits on the device: shuffling, augmentation and normalisation."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from lottery.core.randomness import child
from lottery.data.datasets import Dataset, Images


@dataclass(frozen=True)
class Normalisation:
    """Per-channel mean and standard deviation of pixels in 0..255, each of shape (c,)."""

    mean: Tensor
    std: Tensor

    @classmethod
    def of(cls, images: Images) -> "Normalisation":
        """Exact moments of a dataset, from the histogram of its bytes."""
        pixels = images.images.flatten(0, 2)
        counts = torch.stack([channel.bincount(minlength=256) for channel in pixels.T]).double()
        values = torch.arange(256, dtype=torch.float64)
        share = counts / counts.sum(1, keepdim=True)
        mean = share @ values
        std = (share @ values**2 - mean**2).clamp_min(1e-12).sqrt()  # a channel may be constant
        return cls(mean.float(), std.float())


class Data:
    """Images on a device, uint8 and channels last; `drawn` counts every image handed out.

    Args:
        images: n images and labels.
        dataset: what is fixed about the dataset, its augmentation included.
        normalisation: moments of the training images.
        device: where the images live.
    """

    def __init__(
        self,
        images: Images,
        dataset: Dataset,
        normalisation: Normalisation,
        device: torch.device | str = "cpu",
    ) -> None:
        self.dataset = dataset
        self.device = torch.device(device)
        self.images = images.images.to(device)
        self.labels = images.labels.to(device)
        self._mean = normalisation.mean.to(device)
        self._std = normalisation.std.to(device)
        self.drawn = 0

    def __len__(self) -> int:
        return len(self.labels)

    def batch_size(self, wanted: int) -> int:
        return min(wanted, len(self))

    def steps_per_epoch(self, batch_size: int) -> int:
        """Batches in one pass, the smaller last one included; a single image makes no batch."""
        whole, rest = divmod(len(self), self.batch_size(batch_size))
        return whole + (rest > 1)

    def content(self) -> tuple[Tensor, Tensor]:
        """All that it holds: images and labels."""
        return self.images, self.labels

    def take(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """Normalised float32 images (b, c, h, w), channels last in memory, and labels (b,)."""
        return self.finish(self.images[index], index)

    def finish(self, pixels: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
        """Normalise the pixels, uint8 (b, h, w, c), of the images at `index`."""
        self.drawn += len(index)
        x = (pixels.float() - self._mean) / self._std
        return x.permute(0, 3, 1, 2), self.labels[index]

    def ones(self, dtype: torch.dtype) -> Tensor:
        """An input of ones, shape (1, c, h, w)."""
        return torch.ones(1, *self.dataset.shape, dtype=dtype, device=self.device)

    def normalised_again(self, x: Tensor) -> Tensor:
        """Normalised images (b, c, h, w), taken for pixels in 0..1 and normalised once more."""
        mean, std = (moment[:, None, None] / 255 for moment in (self._mean, self._std))
        return (x - mean) / std

    def stream(
        self, batch_size: int, generator: torch.Generator, *, augment: bool = False
    ) -> "Stream":
        """Endless shuffled batches by step number."""
        return Stream(self, batch_size, generator, augment)

    def epoch(self, batch_size: int, generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        """One pass of shuffled batches without augmentation."""
        stream = self.stream(batch_size, generator)
        return (stream[step] for step in range(stream.steps_per_epoch))

    def chunks(self, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Every image once and in order, in nearly equal chunks of at most `size`."""
        index = torch.arange(len(self), device=self.device)
        return (self.take(part) for part in chunked(index, size))

    def balanced(self, per_class: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """A random batch with `per_class` images of every class, without augmentation.

        Raises:
            ValueError: a class has fewer images.
        """
        order = torch.randperm(len(self), generator=generator).to(self.device)
        chosen = []
        for label in range(self.dataset.classes):
            members = order[self.labels[order] == label][:per_class]
            if len(members) < per_class:
                raise ValueError(
                    f"class {label} of {self.dataset.name} has {len(members)} images, "
                    f"{per_class} are needed"
                )
            chosen.append(members)
        return self.take(torch.cat(chosen))


def chunked(index: Tensor, size: int) -> tuple[Tensor, ...]:
    """Nearly equal chunks of at most `size`."""
    return index.tensor_split(-(-len(index) // size))


class Stream:
    """Shuffled batches: step -> (x, y), the same whenever and in whatever order it is asked.

    Epoch e has its own named generator, so a loop that resumes at step i sees what it would have
    seen. Augmentation (crop after reflect padding, horizontal flip, where the dataset says so) is
    drawn for a whole epoch at once and applied in one gather.
    """

    def __init__(
        self, data: Data, batch_size: int, generator: torch.Generator, augment: bool
    ) -> None:
        self._data = data
        self._generator = generator
        self._batch = data.batch_size(batch_size)
        self.steps_per_epoch = data.steps_per_epoch(batch_size)
        self._padding = data.dataset.crop_padding if augment else 0
        self._flip = data.dataset.flip and augment
        self._epoch = -1

    def __getitem__(self, step: int) -> tuple[Tensor, Tensor]:
        epoch, position = divmod(step, self.steps_per_epoch)
        if epoch != self._epoch:
            self._shuffle(epoch)
        chosen = slice(position * self._batch, (position + 1) * self._batch)
        index = self._order[chosen]
        if not (self._padding or self._flip):
            return self._data.take(index)
        return self._data.finish(self._augmented(index, chosen), index)

    def _shuffle(self, epoch: int) -> None:
        size, device = len(self._data), self._data.device
        order = child(self._generator, "order", epoch, device="cpu")
        self._order = torch.randperm(size, generator=order).to(device)
        rng = child(self._generator, "augmentation", epoch, device="cpu")
        shifts = torch.randint(0, 2 * self._padding + 1, (2, size, 1), generator=rng)
        self._shift = shifts.to(device)
        self._flipped = (torch.rand(size, 1, generator=rng) < 0.5).to(device) & self._flip
        self._epoch = epoch

    def _augmented(self, index: Tensor, chosen: slice) -> Tensor:
        """The pixels of the images at `index`, cropped from a padding that mirrors the image."""
        images = self._data.images
        _, height, width, channels = images.shape
        rows = self._reflected(height, self._shift[0, chosen])
        columns = self._reflected(width, self._shift[1, chosen])
        columns = columns.where(~self._flipped[chosen], columns.flip(1))
        place = index[:, None, None] * (height * width) + rows[:, :, None] * width
        return images.view(-1, channels)[place + columns[:, None, :]]

    def _reflected(self, size: int, shift: Tensor) -> Tensor:
        """Where each pixel of a crop comes from, shape (b, size), for shifts of shape (b, 1)."""
        period = max(2 * (size - 1), 1)
        place = torch.arange(size, device=shift.device) + shift - self._padding
        place = place.remainder(period)
        return torch.minimum(place, period - place)


def mean_over_parts(
    work: Callable[[Tensor, Tensor], tuple[Tensor, ...]], x: Tensor, y: Tensor, count: int
) -> tuple[Tensor, ...]:
    """The mean over a batch's parts of every tensor that `work(x, y)` returns.

    Args:
        work: called part by part; it may reuse its tensors' memory from call to call.
        count: nearly equal parts to make; fewer where a part would have a single image.
    """
    count = max(1, min(count, len(y) // 2))
    if count == 1:
        return work(x, y)
    pairs = zip(x.tensor_split(count), y.tensor_split(count), strict=True)
    means = [tensor / count for tensor in work(*next(pairs))]
    for pair in pairs:
        for mean, tensor in zip(means, work(*pair), strict=True):
            mean.add_(tensor, alpha=1 / count)
    return tuple(means)
