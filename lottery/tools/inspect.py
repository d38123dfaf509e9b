"""python -m lottery.inspect TICKET: what a ticket file holds."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tyro
from tabulate import tabulate

from lottery.core.command_line import run_command
from lottery.data import DATASETS
from lottery.models.paths import effective
from lottery.tools.rebuild import read, rebuild


@dataclass(frozen=True)
class Options:
    """Print a ticket's layout, density per layer, effective parameters, size and provenance."""

    ticket: tyro.conf.Positional[Path]
    """A ticket file, e.g. .cache/tickets/<cell_key>.safetensors."""


def describe(path: Path) -> str:
    """Everything that a ticket file says, as text.

    Raises:
        BadInput: it is no ticket, or of a network that is not the suite's.
    """
    ticket = read(path)
    network, mask = rebuild(ticket), ticket.mask
    useful = effective(network, mask, DATASETS[ticket.provenance["dataset"]].shape)
    kept, live = mask.kept_per_layer(), useful.kept_per_layer()
    lines = [
        [
            entry.name,
            "x".join(map(str, entry.shape)),
            entry.size,
            kept[entry.name],
            f"{kept[entry.name] / entry.size:.4f}",
            live[entry.name],
        ]
        for entry in mask.layout.entries
    ]
    total = mask.layout.total
    lines.append(["all", "", total, mask.kept, f"{mask.density:.6f}", useful.kept])
    headers = ["layer", "shape", "weights", "kept", "density", "effective"]
    others = len(network.rest)
    # Four bytes a parameter, as in a dense float32 checkpoint.
    dense, stored = 4 * (total + others), path.stat().st_size
    what = "seed and mask bits" if ticket.weights is None else "mask bits and weights"
    parts = [
        tabulate(lines, headers, "github", disable_numparse=True),
        f"{mask.layers_emptied()} layers emptied; {mask.kept - useful.kept} kept weights "
        "(kept minus effective) are on no path from the input to an output.\n"
        f"{others} other parameters (biases, norms, layers that stay dense) are not pruned.",
        f"stored as {what} (seed {ticket.seed}): {stored} bytes, of which the mask "
        f"{-(-total // 8)}; the dense network in float32: {dense} bytes, "
        f"{dense / stored:.1f} times as much.",
        f"mask sha256: {mask.sha256}",
        "\n".join(f"{name}: {value}" for name, value in sorted(ticket.provenance.items())),
    ]
    return "\n\n".join(parts)


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 0, or 2 with one line where there is no ticket."""
    return run_command(_main, Options, "python -m lottery.inspect", arguments)


def _main(options: Options) -> int:
    print(describe(options.ticket))
    return 0
