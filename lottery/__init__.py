"""What a lottery ticket is, and how one is searched, trained and judged."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lottery.core.layout import Layout
    from lottery.core.mask import Mask
    from lottery.core.network import Network
    from lottery.core.ticket import Ticket
    from lottery.search.registry import method, objective

__all__ = ["Layout", "Mask", "Network", "Ticket", "method", "objective"]

_HOME = {
    "Layout": "lottery.core.layout",
    "Mask": "lottery.core.mask",
    "Network": "lottery.core.network",
    "Ticket": "lottery.core.ticket",
    "method": "lottery.search.registry",
    "objective": "lottery.search.registry",
}


def __getattr__(name: str) -> Any:
    # Names load on first use, so that a command which only reads results does not wait for torch.
    if name not in _HOME:
        raise AttributeError(f"module 'lottery' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
