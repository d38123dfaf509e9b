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
from torch import Tensor

from lottery.core.files import replacing
from lottery.core.layout import Layout
from lottery.core.mask import Mask

FORMAT = "lottery-ticket-1"


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
    """

    mask: Mask
    seed: int
    weights: Tensor | None = None
    rest: Tensor | None = None
    scores: Tensor | None = None
    provenance: dict[str, str] = field(default_factory=dict)

    def save(self, path: Path) -> None:
        """Write one safetensors file, whole or not at all: packed mask bits, weights, metadata."""
        tensors = {"mask": self.mask.packed()}
        for name in ("weights", "rest", "scores"):
            if (value := getattr(self, name)) is not None:
                tensors[name] = value
        layout = [[e.name, list(e.shape)] for e in self.mask.layout.entries]
        header = {
            "format": FORMAT,
            "layout": json.dumps(layout),
            "seed": str(self.seed),
            "mask_sha256": self.mask.sha256,
            "provenance": json.dumps(self.provenance),
        }
        write_tensors(path, tensors, header)

    @classmethod
    def load(cls, path: Path) -> "Ticket":
        """Read a ticket file.

        Raises:
            ValueError: the file is no ticket, damaged, or its parts do not fit each other.
        """
        tensors, header = read_tensors(path)
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
                if name not in ("weights", "rest", "scores"):
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
    said = header.pop(CHECKSUM, None)
    if said is not None and said != _checksum(tensors, header):
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
