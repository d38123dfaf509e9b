"""The device and the precision that cells run with."""

from typing import Literal

import torch

from lottery.core.choices import PRECISIONS, Precision
from lottery.core.errors import BadInput, check_name


def choose_device(name: str, *, planned: bool = False) -> torch.device:
    """The device of --device; "auto" is CUDA where there is one.

    Args:
        planned: whether a GPU may be one that is not here.

    Raises:
        BadInput: CUDA is asked for and absent.
        UnknownName: no such device.
    """
    check_name("device", name, ["auto", "cpu", "cuda"])
    if name == "cuda" and not (planned or torch.cuda.is_available()):
        raise BadInput("--device cuda was asked for, but torch sees no CUDA device here")
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)


def choose_precision(name: str, device: torch.device) -> Precision:
    """float32 or bfloat16; "auto" takes bfloat16 where the processor computes in it.

    Raises:
        UnknownName: no such precision.
    """
    choices: tuple[Precision | Literal["auto"], ...] = ("auto", *PRECISIONS)
    asked = check_name("precision", name, choices)
    if asked != "auto":
        return asked
    native = device.type == "cuda" or torch.cpu.get_capabilities().get("avx512_bf16", False)
    return "bfloat16" if native else "float32"


def device_name(device: torch.device) -> str:
    """The device as provenance: the GPU's name, or the CPU and its threads."""
    if device.type == "cuda":
        return f"cuda {torch.cuda.get_device_name(device)}"
    name = torch.cpu.get_capabilities().get("cpu_name", "")
    return f"cpu {name} {torch.get_num_threads()} threads"
