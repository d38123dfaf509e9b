"""The fixed baselines, one file each; importing this package registers them."""

from baselines import (
    continuous_sparsification,
    dense,
    edge_popup,
    edge_popup_epsilon,
    gem_miner,
    grasp,
    iterative_magnitude,
    l0_hard_concrete,
    magnitude,
    random,
    saliency,
    snip,
    sparse_vd,
    synflow,
)

__all__ = [
    "continuous_sparsification",
    "dense",
    "edge_popup",
    "edge_popup_epsilon",
    "gem_miner",
    "grasp",
    "iterative_magnitude",
    "l0_hard_concrete",
    "magnitude",
    "random",
    "saliency",
    "snip",
    "sparse_vd",
    "synflow",
]
