"""lottery.prune: a ticket of anybody's network and data, by any method."""

import warnings
from collections.abc import Callable, Iterable
from importlib.metadata import version
from typing import Any

import torch
from torch import Tensor, nn

import lottery.search.crbg
import lottery.search.cts  # noqa: F401  (registers them)
from lottery.core.choices import Precision
from lottery.core.errors import BadInput
from lottery.core.layout import Layout
from lottery.core.mask import Mask
from lottery.core.network import Network
from lottery.core.randomness import derive, generator, seeded_globals
from lottery.core.result import Result, as_result
from lottery.core.statistics import batch_norms, measured
from lottery.core.ticket import Ticket
from lottery.library.examples import BATCH, Examples, examples_of, kept_generators, mapped
from lottery.library.recalibration import inputs
from lottery.library.running import Report, ReportingRunner
from lottery.library.settings import check_density, complete, own_objective, recipe_of
from lottery.library.subject import Subject, device_of, subject_of
from lottery.search.registry import Method, methods
from lottery.training.cuda_graphs import eager
from lottery.training.recipe import Recipe

# A ticket's running statistics are measured on as many examples as its search has seen, within
# these bounds: enough for a mean, and not longer than the search itself.
FEWEST, MOST = 128, 2048


def prune(
    model: nn.Module,
    data: Any,
    method: str,
    *,
    density: float | None = None,
    epochs: int | None = None,
    recipe: Recipe | None = None,
    batch_size: int | None = None,
    keep_dense: Iterable[str] = (),
    loss: Callable[[Tensor, Any], Tensor] | None = None,
    device: torch.device | str | None = None,
    precision: Precision = "float32",
    progress: bool | Report | None = None,
    seed: int = 0,
    **options: Any,
) -> Ticket:
    """Draw a ticket of a network: which of its weights to keep.

    The model is left as it is: parameters, statistics, modes and flags; so are all global random
    states. `ticket.apply_(model)` makes it the ticket's.

    Args:
        model: where the ticket starts: at initialisation, or trained to the rewind point.
        data: training examples: a DataLoader of (x, y), a Dataset, or a pair of tensors. x may be
            a dict or tuple of arguments; of a batch that is a dict, `labels` are y.
        method: a registered method; `lottery.methods.names()` has them.
        density: fraction of the prunable weights to keep, in (0, 1].
        epochs: length of the training that the ticket is for. Searches, LTR and schedules take
            theirs from it.
        recipe: that training itself, in place of `epochs`; its rewind point is where the model is.
        batch_size: of a pair of tensors or a Dataset, 128 if nothing is said.
        keep_dense: names of submodules that are not pruned.
        loss: from the network's logits and y to a scalar, a mean over the batch; cross-entropy by
            default.
        device: where to search; by default where the model is.
        precision: "float32", or "bfloat16" for autocast.
        progress: whether there is a bar; by default on a terminal. Or a function of a loop's name,
            the steps done and all steps.
        seed: of all that is random in the search.
        options: of the method. An objective may be a function of (network, gates, batch).

    Returns:
        The ticket, on the CPU: its mask, the weights that it was drawn on or that its method
        trained, and the running statistics of the norms under the mask. Print
        `ticket.mask.layout` to see what is prunable, and why the rest is not.

    Raises:
        BadInput: something given is wrong, or a layer is not supported; the text names it.
    """
    chosen = methods[method]
    recipe = recipe_of(chosen, recipe, epochs, batch_size or BATCH)
    options = complete(chosen, options, epochs, batch_size)
    place = device_of(model) if device is None else torch.device(device)
    subject = subject_of(
        model, place, lambda module: Layout.prunable(module, keep_dense), precision, loss
    )
    network = subject.network
    check_density(chosen, density, options, network.layout)
    with (
        eager(),  # a step captured once may have a choice of the module's own in it
        kept_generators(data),
        seeded_globals(derive(seed, "global", method)),
        own_objective(options.get("objective")) as named,
    ):
        options |= named
        examples = examples_of(data, place, batch_size)
        examples.know_classes(_outputs(network, examples))
        runner = ReportingRunner(examples, recipe, seed, progress)
        found = _draw(chosen, network, examples, density, seed, runner, options)
        statistics = _statistics(subject, found, examples, seed)
    _warn(chosen, subject, found)
    stated = {"method": method, "density": density, "seed": seed, **options}
    return _ticket(network, found, statistics, seed, stated)


def _outputs(network: Network, examples: Examples) -> Tensor:
    """The logits of two examples: a model that cannot run on the data is known at once."""
    two = mapped(examples.first[0], lambda part: part[:2])
    with torch.no_grad():
        return network(two, training=False)


def _draw(
    method: Method,
    network: Network,
    examples: Examples,
    density: float | None,
    seed: int,
    runner: ReportingRunner,
    options: dict[str, Any],
) -> Result:
    """Run the method.

    Raises:
        BadInput: it changed the weights that it was given.
    """
    lent = {"runner": runner} if method.wants_runner else {}
    source, before = generator(seed, "method", method.name), network.weights._version
    returned = method.draw(network, examples, density, source, **options, **lent)
    if network.weights._version != before:
        raise BadInput(f"method {method.name!r} changed the weights that it was given")
    found = as_result(returned, network.layout, density, method.name)
    if density not in (None, 1.0) and found.scores is not None:
        _check_scores(method.name, network, found.scores)
    return found


def _check_scores(method: str, network: Network, scores: Tensor) -> None:
    """Check that scores tell weights apart.

    Raises:
        BadInput: all are equal, as where a layer of zeros lets no gradient through.
    """
    if bool((scores == scores[0]).all()):
        views = network.layout.views(network.weights)
        zero = [name for name, weights in views.items() if not weights.any()]
        why = f": {', '.join(zero)} is zero throughout" if zero else ""
        raise BadInput(f"{method} gives every weight the same score{why}")


def _statistics(
    subject: Subject, found: Result, examples: Examples, seed: int
) -> dict[str, Tensor]:
    """Running statistics under the mask, of the norms that keep them in the user's model."""
    if not subject.norms:
        return {}
    enough = min(max(examples.drawn, FEWEST), MOST)
    network = found.trained or subject.network
    masked = network.at(network.weights.masked_fill(~found.mask.keep, 0), network.rest)
    return measured(masked, subject.norms, inputs(examples, seed, enough))


def _warn(method: Method, subject: Subject, found: Result) -> None:
    """Say what a user may not expect of the ticket."""
    network = subject.network
    if empty := [name for name, kept in found.mask.kept_per_layer().items() if not kept]:
        warnings.warn(f"the ticket keeps no weight of {', '.join(empty)}", stacklevel=3)
    if not (method.strong or found.trained) or not (norms := batch_norms(network.module)):
        return
    first, *others = norms
    which = f"{first} and {len(others)} other norm{'s' * (len(others) > 1)}" if others else first
    if set(norms) <= set(subject.norms):
        then = "apply_ puts statistics in that were measured anew; lottery.recalibrate takes more"
    else:
        then = "what the ticket says of one example depends on the others in its batch"
    warnings.warn(
        f"{method.name} judged the ticket by the statistics of single batches ({which}): {then}",
        stacklevel=3,
    )


def _ticket(
    network: Network,
    found: Result,
    statistics: dict[str, Tensor],
    seed: int,
    stated: dict[str, Any],
) -> Ticket:
    """The ticket on the CPU, with what made it as text."""
    at = found.trained or network
    made_by = {
        "network": type(network.module).__name__,
        "device": str(network.device),
        "precision": network.precision,
        "torch": torch.__version__,
        "version": version("lottery-benchmarks"),
    }
    left = "; ".join(f"{item.name}: {item.reason}" for item in network.layout.left_out)
    return Ticket(
        Mask(network.layout, found.mask.keep.cpu()),
        seed,
        at.weights.cpu(),
        at.rest.cpu(),
        None if found.scores is None else found.scores.cpu(),
        {name: str(value) for name, value in {**stated, **made_by, "left dense": left}.items()},
        {name: tensor.cpu() for name, tensor in statistics.items()},
        found.trained is not None,
    )
