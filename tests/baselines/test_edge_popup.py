"""Edge-popup, against its update rule written out."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from baselines.edge_popup import edge_popup
from lottery.core.ablations import ablate
from lottery.core.errors import BadInput
from lottery.core.network import Network
from lottery.core.randomness import generator
from lottery.core.result import Result
from lottery.core.ticket import Ticket
from lottery.data import DATASETS, Images
from lottery.data.batches import Data, Normalisation
from lottery.search.registry import methods
from tests.baselines.tools import Recorder, runner
from tests.lottery.search.test_cts import Wide, gated_logits

SIZES = {"0.weight": 36, "5.weight": 400}
FAN_IN = {"0.weight": 9, "5.weight": 40}


def draw(
    network: Network,
    data: Data,
    density: float = 0.3,
    keeper: Recorder | None = None,
    **options: Any,
) -> Result:
    source = generator(0, "method", "edge_popup")
    return edge_popup(network, data, density, source, runner=runner(data, keeper), **options)


def scores_of(found: Result) -> Tensor:
    assert found.scores is not None
    return found.scores


def top_of_layers(scores: Tensor, density: float) -> list[int]:
    chosen = []
    for start, end in ((0, 36), (36, 436)):
        order = sorted(range(start, end), key=lambda i: (-abs(scores[i].item()), i))
        chosen += order[: max(1, round(density * (end - start)))]
    return sorted(chosen)


def test_the_defaults_are_the_authors() -> None:
    assert methods["edge_popup"].options == {
        "scope": "layer",
        "lr": 0.1,
        "momentum": 0.9,
        "weight_decay": 1e-4,
        "epochs": 100,
        "batch_size": 128,
    }


@pytest.mark.parametrize("density", [0.01, 0.3, 0.5, 1.0])
def test_every_layer_keeps_its_share(tiny: Network, digits: Data, density: float) -> None:
    found = draw(tiny, digits, density, epochs=2)
    counts = found.mask.kept_per_layer()
    assert counts == {name: max(1, round(density * size)) for name, size in SIZES.items()}
    assert found.mask.keep.nonzero().flatten().tolist() == top_of_layers(scores_of(found), density)


def test_with_global_scope_the_layers_compete(tiny: Network, digits: Data) -> None:
    found = draw(tiny, digits, 0.3, epochs=1, scope="global")
    assert found.mask.kept == round(0.3 * 436)
    order = sorted(range(436), key=lambda i: (-scores_of(found)[i].item(), i))
    assert found.mask.keep.nonzero().flatten().tolist() == sorted(order[: round(0.3 * 436)])
    # A convolution's scores start larger, having fewer inputs.
    assert found.mask.kept_per_layer()["0.weight"] > round(0.3 * 36)


def test_scores_start_uniform_within_one_over_the_root_of_fan_in(
    tiny: Network, digits: Data
) -> None:
    start = draw(tiny, digits, lr=0.0, epochs=1, scope="global")
    for name, part in start.mask.layout.views(scores_of(start)).items():
        bound = 1 / math.sqrt(FAN_IN[name])
        assert part.max() <= bound
        assert part.max() > 0.9 * bound
        error = bound / math.sqrt(12 * part.numel())
        assert abs(part.mean() - bound / 2) < 5 * error


@pytest.mark.parametrize(
    "options", [{}, {"lr": 2.0, "momentum": 0.5, "weight_decay": 0.1}, {"density": 0.7}], ids=str
)
def test_it_is_sgd_on_the_scores(digits_images: Images, options: dict[str, Any]) -> None:
    """s <- s - lr * (momentum of sign(s) * dL/dgate + weight decay * s), the rate a half cosine.

    The loss sees |s| alone and a global search returns it, so that all scores may be taken positive
    at first; a score may change its sign later.
    """
    part = Images(digits_images.images[:40], digits_images.labels[:40])
    data = Data(part, DATASETS["digits"], Normalisation.of(part))
    module = Wide()
    network = Network(module)
    start = draw(network, data, **{**options, "lr": 0.0}, epochs=1, scope="global")
    scores = scores_of(start).double()

    recorder = Recorder()
    found = draw(network, data, **options, epochs=6, keeper=recorder)
    density, lr = options.get("density", 0.3), options.get("lr", 0.1)
    momentum, decay = options.get("momentum", 0.9), options.get("weight_decay", 1e-4)
    x, y = data.take(torch.arange(40))
    buffer = torch.zeros_like(scores)
    for t in range(6):
        gates = torch.zeros_like(scores)
        gates[top_of_layers(scores, density)] = 1
        gates.requires_grad_()
        log_p = gated_logits(module.inner, x.double(), gates).log_softmax(1)
        (g,) = torch.autograd.grad(-log_p[torch.arange(40), y].mean(), gates)
        buffer = momentum * buffer + scores.sign() * g + decay * scores
        scores = scores - lr * 0.5 * (1 + math.cos(math.pi * t / 6)) * buffer
    last = recorder.trace("search", "parameter")[-1]
    torch.testing.assert_close(last.double().abs(), scores.abs(), rtol=1e-5, atol=1e-5)
    assert found.mask.keep.nonzero().flatten().tolist() == top_of_layers(scores, density)
    if lr == 2.0:
        assert (scores < 0).any()


@pytest.mark.parametrize("density", [0.01, 0.02, 0.04, 0.1, 0.3])
def test_inverted_it_keeps_the_lowest_of_every_layer(
    tiny: Network, digits: Data, density: float
) -> None:
    """Its layers do not compete; turned round they do not either."""
    recorder = Recorder()
    found = draw(tiny, digits, density, recorder, epochs=1)
    ticket = Ticket(found.mask, 0, scores=found.scores)
    inverted = ablate("invert", ticket, generator(0), lambda seed: tiny).mask
    sizes = recorder.trace("search", "parameter")[-1].abs()
    assert inverted.kept_per_layer() == found.mask.kept_per_layer()
    for entry in tiny.layout.entries:
        part, keep = sizes[entry.span], inverted.keep[entry.span]
        if keep.any():
            assert part[keep].max() < part[~keep].min()


@pytest.mark.parametrize("density", [0, 1.5, -1, math.nan])
def test_an_invalid_density_is_refused(tiny: Network, digits: Data, density: float) -> None:
    with pytest.raises(BadInput, match=rf"density {density} is outside \(0, 1\]"):
        draw(tiny, digits, density, epochs=1)
