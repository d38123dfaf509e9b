"""A ticket: a mask and the weights it belongs to; and its file."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

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
                json.loads(header["provenance"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path} is a damaged ticket: {error!r}") from error


def write_tensors(path: Path, tensors: dict[str, Tensor], header: dict[str, str]) -> None:
    """Write a safetensors file under a temporary name, then rename it into place."""
    # Copies, because safetensors refuses tensors that share memory.
    whole = {name: t.detach().cpu().contiguous().clone() for name, t in tensors.items()}
    with replacing(path) as temporary:
        save_file(whole, temporary, header)


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors and the text header of a safetensors file.

    Raises:
        ValueError: the file is missing or damaged.
    """
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from error
