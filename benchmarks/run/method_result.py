"""What methods return: held to its word, and kept in stages."""

from typing import Any

from benchmarks.plan.cell import Cell
from benchmarks.run.stages import Stage, Tensors
from lottery.core.mask import Mask, kept_count
from lottery.core.network import Network
from lottery.core.result import Result, as_result


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
    """The network at a stage's parameters.

    Raises:
        KeyError, ValueError: they are not there, or not of this network.
    """
    parts = {name: tensor.to(network.device) for name, tensor in stage.tensors.items()}
    for name, mine in (("weights", network.weights), ("rest", network.rest)):
        if parts[name].shape != mine.shape:
            raise ValueError(f"{name} of a stage do not fit the network's {len(mine)}")
    return network.at(parts["weights"], parts["rest"])


def as_found(returned: Any, network: Network, cell: Cell) -> Result:
    """What a method returned, with a mask of the density asked for.

    Raises:
        TypeError: neither scores, nor a Mask, nor Result.
        ValueError: scores of the wrong shape, NaN or all equal, or that rank the weights of a
            layer otherwise than the mask does; a mask of another density.
    """
    result = as_result(returned, network.layout, cell.density, cell.method)
    if cell.source and result.scores is not None:
        _check_agreement(result, cell)
    if cell.density is not None:
        wanted = kept_count(cell.density, network.layout.total)
        # Of the suite's own methods edge-popup rounds in every layer.
        slack = 0 if cell.source else len(network.layout.entries)
        if abs(result.mask.kept - wanted) > slack:
            raise ValueError(f"{cell.method} kept {result.mask.kept} weights, not {wanted}")
    return result


def _check_agreement(found: Result, cell: Cell) -> None:
    """Check that a result's scores and its mask belong together.

    Raises:
        ValueError: a pruned weight has a higher score than a kept one of its layer: inverted
            tickets would be drawn from scores that have nothing to do with the mask.
    """
    assert found.scores is not None
    if found.scores.shape != found.mask.keep.shape:
        raise ValueError(f"{cell.method} returned scores of shape {tuple(found.scores.shape)}")
    for entry in found.mask.layout.entries:
        scores, keep = found.scores[entry.span], found.mask.keep[entry.span].to(found.scores.device)
        if keep.any() and not keep.all() and scores[keep].min() < scores[~keep].max():
            raise ValueError(f"{cell.method} returned scores that do not match its mask")
