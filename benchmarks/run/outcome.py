"""What methods return: held to its word, and kept in stages."""

from typing import Any

from torch import Tensor

from benchmarks.plan.cell import Cell
from benchmarks.run.stages import Stage, Tensors
from lottery.core.mask import Mask, kept_count
from lottery.core.network import Network
from lottery.core.result import Result


def pack(found: Result) -> Tensors:
    """A search's result as tensors by name."""
    parts = {"scores": found.scores, "soft_gates": found.soft_gates}
    if found.trained:
        parts |= {"weights": found.trained.weights, "rest": found.trained.rest}
    return {"mask": found.mask.packed(), **{k: t for k, t in parts.items() if t is not None}}


def unpack(stage: Stage, dense: Network) -> Result:
    """The search's result that a stage holds, on the network's device."""
    parts = {name: tensor.to(dense.device) for name, tensor in stage.tensors.items()}
    keep = Mask.unpacked(dense.layout, stage.tensors["mask"]).keep.to(dense.device)
    return Result(
        Mask(dense.layout, keep),
        parts.get("scores"),
        parts.get("soft_gates"),
        stage.facts["log"],
        at_stage(dense, stage) if "weights" in parts else None,
    )


def at_stage(network: Network, stage: Stage) -> Network:
    """The network at a stage's parameters."""
    parts = {name: tensor.to(network.device) for name, tensor in stage.tensors.items()}
    return network.at(parts["weights"], parts["rest"])


def as_found(result: Any, network: Network, cell: Cell) -> Result:
    """What a method returned, with a mask of the density asked for.

    Raises:
        TypeError: neither scores, nor a Mask, nor Result.
        ValueError: scores of the wrong shape, NaN or all equal, or a mask of another density.
    """
    if isinstance(result, Tensor) and cell.density is not None:
        if result.shape != (network.layout.total,):
            raise ValueError(
                f"{cell.method} returned scores of shape {tuple(result.shape)}, not one for each "
                f"of the {network.layout.total} prunable weights"
            )
        mask = Mask.top(network.layout, result, cell.density)
        if cell.density < 1 and bool((result == result[0]).all()):
            raise ValueError(f"{cell.method} returned the same score for every weight")
        result = Result(mask, scores=result)
    if isinstance(result, Mask):
        result = Result(result)
    if not isinstance(result, Result):
        kind = type(result).__name__
        raise TypeError(f"{cell.method} returned a {kind}, not scores, a Mask or Result")
    if cell.density is not None:
        wanted = kept_count(cell.density, network.layout.total)
        # Of the suite's own methods edge-popup rounds in every layer.
        slack = 0 if cell.source else len(network.layout.entries)
        if abs(result.mask.kept - wanted) > slack:
            raise ValueError(f"{cell.method} kept {result.mask.kept} weights, not {wanted}")
    return result
