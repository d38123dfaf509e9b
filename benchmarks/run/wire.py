"""What a method's process and the suite say to each other: JSON and plain tensors, no pickle."""

import json
from collections.abc import Mapping
from multiprocessing.connection import Connection
from typing import Any

from safetensors.torch import load, save
from torch import Tensor

Message = dict[str, Any]
Tensors = dict[str, Tensor]
LARGEST_TEXT = 2**26


def send(connection: Connection, message: Mapping[str, Any], **tensors: Tensor) -> None:
    """Send a message and tensors by name."""
    plain = {name: t.detach().cpu().contiguous().clone() for name, t in tensors.items()}
    connection.send_bytes(json.dumps(message).encode())
    connection.send_bytes(save(plain))


def receive(connection: Connection, largest: int | None = None) -> tuple[Message, Tensors]:
    """The next message and its tensors, of at most `largest` bytes.

    Raises:
        EOFError: the other side has ended.
        ValueError: it is no message.
        OSError: it is larger than it may be.
    """
    message = json.loads(connection.recv_bytes(LARGEST_TEXT))
    raw = connection.recv_bytes(largest)
    try:
        tensors = load(raw)
    except Exception as error:  # of safetensors, which has no common type of it
        raise ValueError(f"no tensors: {error}") from error
    if not isinstance(message, dict):
        raise ValueError("no message")
    return message, tensors
