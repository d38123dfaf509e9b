"""What modules take and return, and losses of all kinds."""

from collections import OrderedDict, namedtuple
from dataclasses import dataclass
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lottery.core.errors import BadInput
from lottery.core.losses import CrossEntropy, TaskLoss
from lottery.core.network import Network
from lottery.core.outputs import logits_of

LOGITS = torch.arange(6.0).view(2, 3)
OTHER = torch.zeros(2)


@dataclass
class Output:
    logits: Tensor


Named = namedtuple("Named", "logits aux")


@pytest.mark.parametrize(
    "output",
    [
        LOGITS,
        {"loss": OTHER, "logits": LOGITS},
        OrderedDict(out=LOGITS, aux=OTHER),
        {"scores": LOGITS},
        (LOGITS, OTHER),
        [LOGITS],
        Named(LOGITS, OTHER),
        Output(LOGITS),
    ],
)
def test_where_the_logits_are(output: Any) -> None:
    assert logits_of(output, "Net") is LOGITS


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ({"a": LOGITS, "b": LOGITS}, "Net returns a dict with keys a, b: wrap it"),
        ((), "Net returns a tuple with no logits: wrap it"),
        (None, "Net returns a NoneType"),
        ([[LOGITS]], "Net returns a list"),
    ],
)
def test_an_output_without_logits(output: Any, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        logits_of(output, "Net")


class TwoInputs(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 2)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> dict[str, Tensor]:
        return {"logits": self.layer(x if mask is None else x * mask)}


def test_inputs_are_the_arguments_of_a_call() -> None:
    network, mask = Network(TwoInputs()), torch.tensor([1.0, 0, 0])
    assert torch.equal(network((LOGITS, mask)), network({"x": LOGITS, "mask": mask}))
    assert not torch.equal(network((LOGITS, mask)), network(LOGITS))


def test_losses() -> None:
    y = torch.tensor([0, 2])
    mean, entropy = TaskLoss(F.cross_entropy), CrossEntropy()
    assert torch.equal(mean(LOGITS, y), entropy(LOGITS, y))
    assert torch.allclose(mean.total(LOGITS, y), entropy.total(LOGITS, y))
    assert torch.equal(entropy.total(LOGITS, y), F.cross_entropy(LOGITS, y, reduction="sum"))
    wrongs: list[Any] = [lambda x, y: x.sum(1), lambda x, y: 3.0]
    for wrong in wrongs:
        with pytest.raises(BadInput, match="a loss returns a scalar"):
            TaskLoss(wrong)(LOGITS, y)
