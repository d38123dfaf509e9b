"""What a lottery ticket is, and how one is searched, trained and judged."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lottery.layout import Layout
    from lottery.mask import Mask
    from lottery.network import Network
    from lottery.registry import method, objective
    from lottery.ticket import Ticket

__all__ = ["Layout", "Mask", "Network", "Ticket", "method", "objective"]

_HOME = {
    "Layout": "lottery.layout",
    "Mask": "lottery.mask",
    "Network": "lottery.network",
    "Ticket": "lottery.ticket",
    "method": "lottery.registry",
    "objective": "lottery.registry",
}


def __getattr__(name: str) -> Any:
    # Names load on first use, so that a command which only reads results does not wait for torch.
    if name not in _HOME:
        raise AttributeError(f"module 'lottery' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
