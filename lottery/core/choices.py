"""Choices of a few words, as types, and the words of each."""

from typing import Literal, get_args

PrunedAt = Literal["init", "rewind"]  # where a method draws, and which weights its ticket lies over
Precision = Literal["float32", "bfloat16"]  # of a pass; parameters are float32
Gradient = Literal["mean_clipped", "sum_clipped_all"]  # see Recipe

PRUNED_AT: tuple[PrunedAt, ...] = get_args(PrunedAt)
PRECISIONS: tuple[Precision, ...] = get_args(Precision)
GRADIENTS: tuple[Gradient, ...] = get_args(Gradient)
