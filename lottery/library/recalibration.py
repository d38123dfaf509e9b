"""Running statistics that fit a ticket."""

from collections.abc import Iterator
from typing import Any

from torch import nn

from lottery.core.application import unwrapped, write_statistics_
from lottery.core.errors import BadInput
from lottery.core.layout import Layout
from lottery.core.outputs import Inputs
from lottery.core.randomness import generator, seeded_globals
from lottery.core.statistics import measured
from lottery.library.examples import Examples, count, examples_of, kept_generators
from lottery.library.subject import device_of, subject_of


def recalibrate(
    model: nn.Module, data: Any, *, batch_size: int | None = None, seed: int = 0
) -> None:
    """Measure the running statistics of a model's norms anew, in place, over one pass of the data.

    Statistics belong to weights: after a mask was laid over them, or weights were set, those from
    before are another network's. Nothing else of the model changes; dropout is off.

    Args:
        data: see `lottery.prune`.
        batch_size: of a pair of tensors or a Dataset.
        seed: of the order of the examples.

    Raises:
        BadInput: no norm of the model keeps running statistics.
    """
    module, place = unwrapped(model), device_of(model)
    with kept_generators(data), seeded_globals(seed):
        subject = subject_of(module, place, lambda _: Layout(()))
        if not subject.norms:
            raise BadInput(f"no norm of {type(module).__name__} keeps running statistics")
        examples = examples_of(data, place, batch_size)
        batches = inputs(examples, seed, len(examples))
        write_statistics_(module, measured(subject.network, subject.norms, batches))


def inputs(examples: Examples, seed: int, enough: int) -> Iterator[Inputs]:
    """Batches of inputs until there are enough examples, one pass at most."""
    seen = 0
    for x, _ in examples.passes(generator(seed, "statistics")):
        yield x
        seen += count(x)
        if seen >= enough:
            return
