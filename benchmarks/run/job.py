"""What a run is told."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Job:
    """What a run is told: folders, device, precision, limits.

    Attributes:
        budget: seconds after which to stop; None for no limit.
        jobs: processes that share the cells; None for what suits the device.
        cell_limit: seconds that a method from outside the suite may take to draw.
    """

    data_root: Path
    cache_root: Path
    device: str
    precision: str
    budget: float | None
    jobs: int | None
    cell_limit: float = 86400.0
