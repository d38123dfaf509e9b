"""What a run is told."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Job:
    """What a run is told: folders, device, precision, limits.

    Attributes:
        budget: seconds after which to stop; None for no limit.
        jobs: processes that share the cells; None for what suits the device.
    """

    data_root: Path
    cache_root: Path
    device: str
    precision: str
    budget: float | None
    jobs: int | None
