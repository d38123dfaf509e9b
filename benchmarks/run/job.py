"""What a run is told."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Brought:
    """What a command brings along: files of methods, models and datasets, and folders of pictures.

    Attributes:
        folders: by the name of the dataset that each is.
        image_size: side of the folders' images; 0 for that of the pictures.
    """

    plugins: tuple[Path, ...] = ()
    folders: Mapping[str, Path] = field(default_factory=dict)
    image_size: int = 0


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
    brought: Brought = Brought()
