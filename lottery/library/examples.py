"""A user's training examples, as methods ask for data."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from lottery.core.errors import BadInput
from lottery.core.outputs import Inputs
from lottery.core.randomness import child
from lottery.data.batches import Data, Stream
from lottery.data.datasets import Dataset

Pair = tuple[Any, Any]  # inputs and targets
LABELS = ("labels", "label")  # as transformers' data sets call them
BATCH = 128  # of a pair of tensors


def examples_of(data: Any, device: torch.device, batch_size: int | None) -> "Examples":
    """The data that a user gave.

    Args:
        data: a pair (x, y) of tensors or arrays; or a DataLoader, or whatever else can be passed
            over again and again and knows its number of batches.

    Raises:
        BadInput: it is none of these, or its batches are not pairs.
    """
    if isinstance(data, tuple | list) and len(data) == 2 and all(map(_is_array, data)):
        x, y = (torch.as_tensor(part) for part in data)
        return TensorExamples(x, y, device, batch_size or BATCH)
    if isinstance(data, TorchDataset):
        data = DataLoader(data, batch_size or BATCH, shuffle=True)
    elif batch_size is not None:
        raise BadInput("batch_size is for a pair of tensors or a Dataset; a DataLoader has its own")
    if not isinstance(data, Iterable) or isinstance(data, Iterator):
        raise BadInput(
            f"data is a {type(data).__name__}, not a DataLoader, a Dataset or a pair of tensors"
        )
    return LoaderExamples(data, device)


@contextmanager
def kept_generators(data: Any) -> Iterator[None]:
    """Within it a DataLoader may draw from generators of its own; they are as before after it."""
    places = (data, getattr(data, "sampler", None), getattr(data, "batch_sampler", None))
    found = [getattr(place, "generator", None) for place in places]
    states = [(g, g.get_state()) for g in found if isinstance(g, torch.Generator)]
    try:
        yield
    finally:
        for drawn_from, state in states:
            drawn_from.set_state(state)


def _is_array(part: Any) -> bool:
    return isinstance(part, Tensor | np.ndarray)


class Examples(Data):
    """What methods ask of data, for examples of any kind.

    Attributes:
        first: the first batch, on the device.
        classes: that `balanced` looks for; set when the network's outputs are known.
    """

    first: Pair

    def __init__(self, x: Inputs, size: int, device: torch.device) -> None:
        shape = tuple(x.shape[1:]) if isinstance(x, Tensor) else ()
        self.dataset = Dataset("the data", 0, shape, size, 0)  # type: ignore[arg-type]
        self.device = device
        self.drawn = 0
        self.classes = 0

    def __len__(self) -> int:
        return self.dataset.train_size

    def passes(self, generator: torch.Generator) -> Iterator[Pair]:
        """The batches of one pass."""
        return self.epoch(BATCH, generator)

    def balanced(self, per_class: int, generator: torch.Generator) -> Pair:
        """A random batch with `per_class` examples of every class, of a class with fewer all.

        Where targets are no class numbers, as many examples as of ten classes.
        """
        drawn, counts, found, taken = self.drawn, dict[int, int](), list[Pair](), 0
        wanted = (self.classes or 10) * per_class
        for x, y in self.passes(generator):
            if self.classes:
                index = _of_open_classes(y, counts, per_class)
            else:
                index = torch.arange(min(count(x), wanted - taken))
            taken += len(index)
            if len(index):
                found.append((mapped(x, _pick(index)), mapped(y, _pick(index))))
            if taken == wanted:
                break
        self.drawn = drawn + taken
        x, y = (joined(parts) for parts in zip(*found, strict=True))
        return x, y

    def know_classes(self, logits: Tensor) -> None:
        """Learn from the network's outputs how many classes there are, if targets are classes."""
        y = self.first[1]
        if isinstance(y, Tensor) and y.dim() == 1 and not y.is_floating_point():
            self.classes = logits.shape[1]

    def ones(self, dtype: torch.dtype) -> Tensor:
        x = self.first[0]
        if not (isinstance(x, Tensor) and x.is_floating_point()):
            kind = f"{x.dtype} tensor" if isinstance(x, Tensor) else type(x).__name__
            raise BadInput(f"an input of ones needs inputs that are one tensor of floats: a {kind}")
        return super().ones(dtype)

    def normalised_again(self, x: Tensor) -> Tensor:
        raise BadInput("images are normalised twice in the suite's data alone")


class TensorExamples(Examples):
    """A pair of tensors, x of shape (n, ...) and y of shape (n, ...), that stay where they are."""

    def __init__(self, x: Tensor, y: Tensor, device: torch.device, batch_size: int) -> None:
        if len(x) != len(y) or len(x) < 2:
            raise BadInput(f"data has {len(x)} inputs and {len(y)} targets; at least two of each")
        super().__init__(x, len(x), device)
        self._x, self._y, self._own_batch = x, y, batch_size
        self.first = self.take(torch.arange(min(batch_size, len(x))))
        self.drawn = 0

    def take(self, index: Tensor) -> tuple[Tensor, Tensor]:
        self.drawn += len(index)
        place = index.to(self._x.device)
        return self._x[place].to(self.device), self._y[place.to(self._y.device)].to(self.device)

    def passes(self, generator: torch.Generator) -> Iterator[Pair]:
        return self.epoch(self._own_batch, generator)

    def know_classes(self, logits: Tensor) -> None:
        super().know_classes(logits)
        if self.classes:  # those that there are examples of
            self.classes = len(torch.unique(self._y))


class LoaderExamples(Examples):
    """Batches of a DataLoader, of the size and in the order that it makes them."""

    def __init__(self, loader: Iterable[Any], device: torch.device) -> None:
        self._loader = loader
        self._on_device: Callable[[Tensor], Tensor] = lambda part: part.to(device)
        first = next(iter(loader), None)
        if first is None:
            raise BadInput("the data has no batch")
        self.first = self._pair(first)
        x = self.first[0]
        super().__init__(x, 0, device)
        self._size = count(x)

    def __len__(self) -> int:
        dataset = getattr(self._loader, "dataset", None)
        if isinstance(dataset, TorchDataset) and hasattr(dataset, "__len__"):
            return len(dataset)
        return self._batches() * self._size

    def _batches(self) -> int:
        try:
            return len(self._loader)  # type: ignore[arg-type]
        except TypeError as error:
            raise BadInput(
                "the data does not know how many batches it has (an IterableDataset?): "
                "a search needs that, give its DataLoader a length"
            ) from error

    def steps_per_epoch(self, batch_size: int) -> int:
        """Batches in one pass but for a last one of a single example."""
        batches = self._batches()
        alone = len(self) % self._size == 1 and batches * self._size > len(self)
        return batches - (alone and batches > 1)

    def batch_size(self, wanted: int) -> int:
        return self._size

    def stream(
        self, batch_size: int, generator: torch.Generator, *, augment: bool = False
    ) -> Stream:
        return LoaderStream(self, generator)

    def passes(self, generator: torch.Generator) -> Iterator[Pair]:
        """One pass, its order by the generator."""
        # Loaders draw their order, and their workers' seeds, from torch's global generator.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(generator.initial_seed())
            batches = iter(self._loader)
            first = next(batches)
        yield self._pair(first)
        yield from map(self._pair, batches)

    def _pair(self, batch: Any) -> Pair:
        """Inputs and targets on the device."""
        if isinstance(batch, tuple | list) and len(batch) == 2:
            x, y = batch
        elif isinstance(batch, Mapping) and (keys := [key for key in LABELS if key in batch]):
            x, y = {k: v for k, v in batch.items() if k != keys[0]}, batch[keys[0]]
        else:
            what = f"{len(batch)} parts" if isinstance(batch, Sequence) else "no labels"
            raise BadInput(
                f"a batch is a {type(batch).__name__} with {what}; "
                "it has to be a pair (x, y), or a dict with labels"
            )
        return mapped(x, self._on_device), mapped(y, self._on_device)


class LoaderStream(Stream):
    """Batches of a loader by step number, best asked for one after the other."""

    def __init__(self, examples: LoaderExamples, generator: torch.Generator) -> None:
        self._examples, self._parent = examples, generator
        self.steps_per_epoch = examples.steps_per_epoch(0)
        self._next = -1
        self._batches: Iterator[Pair] = iter(())

    def __getitem__(self, step: int) -> Pair:
        epoch, position = divmod(step, self.steps_per_epoch)
        if step != self._next or position == 0:
            order = child(self._parent, "order", epoch, device="cpu")
            self._batches = self._examples.passes(order)
            for _ in range(position):
                next(self._batches)
        self._next = step + 1
        x, y = next(self._batches)
        self._examples.drawn += count(x)
        return x, y


def _of_open_classes(y: Tensor, counts: dict[int, int], per_class: int) -> Tensor:
    """The examples of a batch of classes that have not enough yet; `counts` goes on."""
    chosen = []
    for i, label in enumerate(y.tolist()):
        if counts.get(label, 0) < per_class:
            counts[label] = counts.get(label, 0) + 1
            chosen.append(i)
    return torch.tensor(chosen, dtype=torch.long)


def mapped(batch: Any, function: Callable[[Tensor], Tensor]) -> Any:
    """A batch with a function applied to every tensor in it."""
    if isinstance(batch, Tensor):
        return function(batch)
    if isinstance(batch, Mapping):
        return {key: mapped(part, function) for key, part in batch.items()}
    if isinstance(batch, tuple | list):
        return type(batch)(mapped(part, function) for part in batch)
    return batch


def count(batch: Any) -> int:
    """How many examples a batch has: the length of the first tensor in it."""
    if isinstance(batch, Mapping):
        return count(next(iter(batch.values())))
    return len(batch) if isinstance(batch, Tensor) else count(batch[0])


def joined(parts: Sequence[Any]) -> Any:
    """One batch of several."""
    first = parts[0]
    if isinstance(first, Tensor):
        return torch.cat(list(parts))
    if isinstance(first, Mapping):
        return {key: joined([part[key] for part in parts]) for key in first}
    if isinstance(first, tuple | list):
        return type(first)(joined(group) for group in zip(*parts, strict=True))
    return first


def _pick(index: Tensor) -> Callable[[Tensor], Tensor]:
    return lambda part: part[index.to(part.device)]
