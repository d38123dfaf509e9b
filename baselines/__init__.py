"""The fixed baselines, one file each; importing this package registers them."""

from baselines import dense, edge_popup, iterative_magnitude, magnitude, random

__all__ = ["dense", "edge_popup", "iterative_magnitude", "magnitude", "random"]
