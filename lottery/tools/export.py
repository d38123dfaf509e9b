"""python -m lottery.export TICKET --to FORMAT: a ticket for use elsewhere."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import torch
import tyro
from torch import nn
from torch.nn.utils import prune

from lottery.core.application import write_statistics_
from lottery.core.command_line import run_command
from lottery.core.errors import BadInput
from lottery.core.extras import needing
from lottery.core.files import replacing
from lottery.core.mask import Mask
from lottery.core.network import Network
from lottery.core.randomness import generator
from lottery.core.statistics import batch_norms, keep_statistics, measured
from lottery.core.ticket import save_tensors
from lottery.data import DATASETS, default_root, load
from lottery.data.batches import Data, Normalisation
from lottery.tools.rebuild import read, rebuild

Format = Literal["state-dict", "torch-prune", "onnx"]
Statistics = Literal["recalibrated", "batch"]
PART, PARTS = 128, 40  # images that are normalised together, and how often, to recalibrate


@dataclass(frozen=True)
class Options:
    """Write a ticket at the weights that it was drawn on, as a file for other programs."""

    ticket: tyro.conf.Positional[Path]
    """A ticket file, e.g. .cache/tickets/<cell_key>.safetensors."""
    to: Format
    """state-dict: dense tensors, pruned weights zero (safetensors). torch-prune: the same with
    torch.nn.utils.prune's names, weight_orig and weight_mask (safetensors). onnx: an ONNX model."""
    out: Path | None = None
    """The file to write; by default named after the ticket, in the current folder."""
    statistics: Statistics = "recalibrated"
    """What BatchNorm normalises by. recalibrated: running statistics under the mask, measured on
    training images. batch: each batch's own, as the suite has it; of one image it says little."""
    data_root: Path = field(default_factory=default_root)
    """Where the training images lie or are fetched to."""


def recalibrate(network: Network, mask: Mask, dataset: str, root: Path) -> None:
    """Give the norms of the network's module running statistics: means over random parts of the
    training images, as many as the suite normalises together.

    Raises:
        BadInput: the images are not there.
    """
    norms = batch_norms(network.module)
    if not norms:
        return
    try:
        images, _ = load(dataset, root)
    except BadInput as error:
        raise BadInput(f"{error} (--statistics batch needs no images)") from error
    data = Data(images, DATASETS[dataset], Normalisation.of(images))
    stream = data.stream(PART, generator(0, "statistics"))
    inputs = (stream[i][0] for i in range(min(PARTS, stream.steps_per_epoch)))
    found = measured(network.at(network.weights * mask.keep), norms, inputs)
    keep_statistics(network.module)
    write_statistics_(network.module, found)


def dense_module(network: Network, mask: Mask) -> nn.Module:
    """The network's module with its parameters loaded, pruned weights zero."""
    parameters = {
        **network.layout.views(network.weights * mask.keep),
        **network.rest_layout.views(network.rest),
    }
    network.module.load_state_dict(parameters, strict=False)  # what is left are buffers
    return network.module.eval()


def pruned_module(network: Network, mask: Mask) -> nn.Module:
    """The network's module with its parameters loaded, and torch.nn.utils.prune's masks on them."""
    module = dense_module(network, Mask.full(mask.layout))
    for name, keep in mask.layout.views(mask.keep).items():
        layer = module.get_submodule(name.rpartition(".")[0])
        prune.custom_from_mask(layer, "weight", keep)  # type: ignore[no-untyped-call]
    return module


def write_state(module: nn.Module, path: Path) -> None:
    """A module's state dict as safetensors."""
    with replacing(path) as temporary:
        state = {name: t.contiguous() for name, t in module.state_dict().items()}
        save_tensors(temporary, state, {})


def write_onnx(module: nn.Module, shape: tuple[int, int, int], path: Path) -> None:
    """A module as an ONNX model, for any number of images (n, *shape).

    Raises:
        BadInput: the packages that torch's exporter needs are not installed.
    """
    with needing("onnx"):
        import onnx  # noqa: F401  (torch's exporter imports both when it is too late for a line)
        import onnxscript  # noqa: F401
    program = torch.onnx.export(
        module,
        (torch.zeros(2, *shape),),
        dynamo=True,
        dynamic_shapes=({0: torch.export.Dim("n", min=2)},),
        input_names=["images"],
        output_names=["logits"],
        verbose=False,
    )
    assert program is not None
    with replacing(path) as temporary:
        program.save(temporary)


def export(
    ticket: Path,
    to: Format,
    out: Path,
    statistics: Statistics = "recalibrated",
    data_root: Path | None = None,
) -> bool:
    """Read a ticket and write it in another format.

    Returns:
        Whether the outputs for an image depend on the others in its batch.

    Raises:
        BadInput: it is no ticket, of a network that is not the suite's, or a package or the
            training images are missing.
    """
    loaded = read(ticket)
    network, mask = rebuild(loaded), loaded.mask
    dataset = loaded.provenance["dataset"]
    shape = DATASETS[dataset].shape
    if statistics == "recalibrated":
        recalibrate(network, mask, dataset, data_root or default_root())
    writers: dict[Format, Callable[[], None]] = {
        "state-dict": lambda: write_state(dense_module(network, mask), out),
        "torch-prune": lambda: write_state(pruned_module(network, mask), out),
        "onnx": lambda: write_onnx(dense_module(network, mask), shape, out),
    }
    writers[to]()
    return statistics == "batch" and bool(batch_norms(network.module))


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 0, or 2 with one line where nothing was written."""
    return run_command(_main, Options, "python -m lottery.export", arguments)


def _main(options: Options) -> int:
    ending = ".onnx" if options.to == "onnx" else f"-{options.to}.safetensors"
    out = options.out or Path(options.ticket.stem + ending)
    try:
        by_batch = export(options.ticket, options.to, out, options.statistics, options.data_root)
    except OSError as error:
        raise BadInput(f"{out} was not written: {error}") from error
    print(f"{out}: {out.stat().st_size} bytes")
    if by_batch:
        print(
            "warning: it normalises every batch by itself, so that what it says of an image "
            "depends on the others; --statistics recalibrated does not",
            file=sys.stderr,
        )
    return 0
