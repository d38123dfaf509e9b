"""A ticket: a mask and the weights it belongs to; and its file."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from lottery.core.application import (
    is_at,
    load_,
    reparametrise_,
    unwrapped,
    write_statistics_,
    zero_,
)
from lottery.core.errors import BadInput
from lottery.core.files import replacing
from lottery.core.layout import Layout
from lottery.core.mask import Mask

FORMAT = "lottery-ticket-1"
PARTS = ("weights", "rest", "scores")
STATISTICS = "statistics."  # before a buffer's name


@dataclass(frozen=True)
class Ticket:
    """A mask, the weights it belongs to or the seed that made them, and where it comes from.

    Attributes:
        mask: which weights are kept.
        weights: the prunable weights, shape (d,), and `rest`, all other parameters, shape (r,); or
            both None where the seed alone makes them again.
        seed: of the initial weights.
        scores: what the mask was taken from, shape (d,), higher = keep; None where there are none.
        provenance: what made the ticket, as text.
        statistics: running statistics of norms under the mask, by the name of the buffer; empty
            where norms keep none.
        trained: whether a method trained the weights together with the mask.
    """

    mask: Mask
    seed: int
    weights: Tensor | None = None
    rest: Tensor | None = None
    scores: Tensor | None = None
    provenance: dict[str, str] = field(default_factory=dict)
    statistics: dict[str, Tensor] = field(default_factory=dict)
    trained: bool = False

    def apply_(
        self, module: nn.Module, *, weights: bool | None = None, reparametrise: bool = False
    ) -> None:
        """Make a module the ticket's: its pruned weights zero, in place.

        Where its kept weights are the ticket's, the running statistics of its norms become those
        under the mask too; further on in a training they stay as they are, so that this may be
        called after every step, to set what has grown back to zero again.

        Args:
            module: of the layout that the ticket is over.
            weights: whether to put the ticket's own weights in first: those that it was drawn on,
                which a module made anew needs, and rewinding; or those that its method trained
                together with the mask, where this is the default.
            reparametrise: mask the weights in every pass by torch.nn.utils.prune instead, so that
                they stay zero whatever trains them.

        Raises:
            BadInput: the module is not of this layout, or weights are asked for and the ticket has
                none.
        """
        module = unwrapped(module)
        if self.trained if weights is None else weights:
            if self.weights is None or self.rest is None:
                raise BadInput("the ticket has no weights: it was saved without them")
            load_(module, self.mask.layout, self.weights, self.rest)
        if self.weights is not None and is_at(module, self.mask, self.weights):
            write_statistics_(module, self.statistics)
        if reparametrise:
            reparametrise_(module, self.mask)
        else:
            zero_(module, self.mask)

    def save(self, path: Path | str, *, weights: bool = True) -> None:
        """Write one safetensors file, whole or not at all: packed mask bits, weights, metadata.

        Args:
            weights: False leaves out the weights, which are most of the file, with the statistics
                and scores that belong to them: the mask is left.
        """
        tensors = {"mask": self.mask.packed()}
        if weights:
            found = {name: getattr(self, name) for name in PARTS}
            tensors |= {name: value for name, value in found.items() if value is not None}
            tensors |= {f"{STATISTICS}{name}": value for name, value in self.statistics.items()}
        layout = [[e.name, list(e.shape)] for e in self.mask.layout.entries]
        header = {
            "format": FORMAT,
            "layout": json.dumps(layout),
            "seed": str(self.seed),
            "mask_sha256": self.mask.sha256,
            "provenance": json.dumps(self.provenance),
        }
        if self.trained and weights:
            header["trained"] = "yes"
        write_tensors(Path(path), tensors, header)

    @classmethod
    def load(cls, path: Path | str) -> "Ticket":
        """Read a ticket file.

        Raises:
            ValueError: the file is no ticket, damaged, or its parts do not fit each other.
        """
        tensors, header = read_tensors(Path(path))
        if header.get("format") != FORMAT:
            raise ValueError(f"{path} is not a ticket ({FORMAT})")
        try:
            layout = Layout.of_shapes((name, shape) for name, shape in json.loads(header["layout"]))
            provenance = json.loads(header["provenance"])
            if not isinstance(provenance, dict) or not all(
                isinstance(value, str) for value in provenance.values()
            ):
                raise ValueError("its provenance is no table of texts")
            for name in tensors.keys() - {"mask"}:
                if name not in PARTS and not name.startswith(STATISTICS):
                    raise ValueError(f"it has a tensor {name!r}")
                if not tensors[name].is_floating_point() or tensors[name].element_size() < 2:
                    raise ValueError(f"its {name} are {tensors[name].dtype}")
            for name in ("weights", "scores"):
                if name in tensors and tensors[name].shape != (layout.total,):
                    raise ValueError(f"{name} do not fit a layout of {layout.total} weights")
            mask = Mask.unpacked(layout, tensors["mask"])
            if mask.sha256 != header["mask_sha256"]:
                raise ValueError("the mask is not the one that was written")
            return cls(
                mask,
                int(header["seed"]),
                tensors.get("weights"),
                tensors.get("rest"),
                tensors.get("scores"),
                provenance,
                {
                    name.removeprefix(STATISTICS): tensor
                    for name, tensor in tensors.items()
                    if name.startswith(STATISTICS)
                },
                header.get("trained") == "yes",
            )
        except (KeyError, TypeError, ValueError, RecursionError, AttributeError) as error:
            raise ValueError(f"{path} is a damaged ticket: {error!r}") from error


CHECKSUM = "sha256"


def save_tensors(path: Path, tensors: dict[str, Tensor], header: dict[str, str]) -> None:
    """Write a safetensors file.

    Raises:
        OSError: it cannot be written, which safetensors has another exception for.
    """
    try:
        save_file(tensors, path, header)
    except SafetensorError as error:
        raise OSError(f"{path}: {error}") from error


def write_tensors(path: Path, tensors: dict[str, Tensor], header: dict[str, str]) -> None:
    """Write a safetensors file under a temporary name, then rename it into place. Its header gains
    a checksum of everything in it."""
    # Copies, because safetensors refuses tensors that share memory.
    whole = {name: t.detach().cpu().contiguous().clone() for name, t in tensors.items()}
    with replacing(path) as temporary:
        save_tensors(temporary, whole, {**header, CHECKSUM: _checksum(whole, header)})


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors and the text header of a safetensors file.

    Raises:
        ValueError: the file is missing or damaged, or not what its checksum says; files from
            before there was one are taken as they are, their header being without it.
    """
    if not path.is_file():
        raise ValueError(f"{path} cannot be read: it is no file")
    try:
        with safe_open(path, framework="pt") as file:
            header = dict(file.metadata() or {})
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from error
    stated = header.pop(CHECKSUM, None)
    if stated is not None and stated != _checksum(tensors, header):
        raise ValueError(f"{path} is damaged: it is not what its checksum says")
    return tensors, header


def _checksum(tensors: Mapping[str, Tensor], header: Mapping[str, str]) -> str:
    """Of the tensors' names, types, shapes and bytes, and of the header."""
    digest = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
    for name in sorted(tensors):
        tensor = tensors[name].contiguous()
        digest.update(json.dumps([name, str(tensor.dtype), list(tensor.shape)]).encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
