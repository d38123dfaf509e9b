"""The image datasets: what is fixed about each, and loading them, fetched and verified."""

import lottery.data.sets  # noqa: F401
from lottery.data.datasets import DATASETS, Dataset, Images, default_root, hold_out, load
from lottery.data.sources import DataError

__all__ = ["DATASETS", "DataError", "Dataset", "Images", "default_root", "hold_out", "load"]
