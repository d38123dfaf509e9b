"""What a lottery ticket is, and how one is searched, trained and judged.

Everything that a method, an objective or a use of tickets elsewhere needs is imported from here.
"""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lottery.core.ablations import ablate
    from lottery.core.errors import BadInput, UnknownName, check_name
    from lottery.core.layer_densities import keep_layerwise
    from lottery.core.layer_gates import LayerGates
    from lottery.core.layout import Layout
    from lottery.core.mask import Mask, kept_count
    from lottery.core.network import Network
    from lottery.core.outputs import Inputs
    from lottery.core.randomness import child, derive
    from lottery.core.result import Log, Result
    from lottery.core.statistics import keep_statistics
    from lottery.core.ticket import Ticket
    from lottery.data.batches import Data, Normalisation
    from lottery.data.datasets import DATASETS, Dataset, Images, dataset
    from lottery.data.folder import image_folder
    from lottery.data.streaming import streamed_folder
    from lottery.library.pruning import prune
    from lottery.library.recalibration import recalibrate
    from lottery.models.paths import absolute_twin, effective
    from lottery.models.registry import MODELS, Model, build, model
    from lottery.search.crbg import crbg
    from lottery.search.cts import cts
    from lottery.search.gates import (
        constant,
        cosine,
        drop_after,
        plan_epochs,
        plan_share,
        search_epochs,
        search_gates,
    )
    from lottery.search.objectives import Batch, loss
    from lottery.search.pressures import ExpectedL0, GradBalance, Lagrange, Pressure
    from lottery.search.registry import method, methods, objective, objectives
    from lottery.search.relaxations import (
        Concrete,
        GaussianHardSigmoid,
        HardConcrete,
        Relaxation,
        StraightThroughRounding,
        StraightThroughTopK,
    )
    from lottery.search.rounds import check_finite, prune_in_rounds
    from lottery.training.cuda_graphs import set_lr
    from lottery.training.loop import Keeper, Resumable
    from lottery.training.recipe import Recipe
    from lottery.training.runner import Runner
    from lottery.training.train import Accuracy, evaluate, train

__all__ = [
    "DATASETS",
    "MODELS",
    "Accuracy",
    "BadInput",
    "Batch",
    "Concrete",
    "Data",
    "Dataset",
    "ExpectedL0",
    "GaussianHardSigmoid",
    "GradBalance",
    "HardConcrete",
    "Images",
    "Inputs",
    "Keeper",
    "Lagrange",
    "LayerGates",
    "Layout",
    "Log",
    "Mask",
    "Model",
    "Network",
    "Normalisation",
    "Pressure",
    "Recipe",
    "Relaxation",
    "Result",
    "Resumable",
    "Runner",
    "StraightThroughRounding",
    "StraightThroughTopK",
    "Ticket",
    "UnknownName",
    "ablate",
    "absolute_twin",
    "build",
    "check_finite",
    "check_name",
    "child",
    "constant",
    "cosine",
    "crbg",
    "cts",
    "dataset",
    "derive",
    "drop_after",
    "effective",
    "evaluate",
    "image_folder",
    "keep_layerwise",
    "keep_statistics",
    "kept_count",
    "loss",
    "method",
    "methods",
    "model",
    "objective",
    "objectives",
    "plan_epochs",
    "plan_share",
    "prune",
    "prune_in_rounds",
    "recalibrate",
    "search_epochs",
    "search_gates",
    "set_lr",
    "streamed_folder",
    "train",
]

# Where each is.
_HOME = {
    "ablate": "lottery.core.ablations",
    "BadInput": "lottery.core.errors",
    "UnknownName": "lottery.core.errors",
    "check_name": "lottery.core.errors",
    "keep_layerwise": "lottery.core.layer_densities",
    "LayerGates": "lottery.core.layer_gates",
    "Layout": "lottery.core.layout",
    "Mask": "lottery.core.mask",
    "kept_count": "lottery.core.mask",
    "Network": "lottery.core.network",
    "Inputs": "lottery.core.outputs",
    "child": "lottery.core.randomness",
    "derive": "lottery.core.randomness",
    "Log": "lottery.core.result",
    "Result": "lottery.core.result",
    "keep_statistics": "lottery.core.statistics",
    "Ticket": "lottery.core.ticket",
    "Data": "lottery.data.batches",
    "Normalisation": "lottery.data.batches",
    "DATASETS": "lottery.data.datasets",
    "Dataset": "lottery.data.datasets",
    "Images": "lottery.data.datasets",
    "dataset": "lottery.data.datasets",
    "image_folder": "lottery.data.folder",
    "streamed_folder": "lottery.data.streaming",
    "prune": "lottery.library.pruning",
    "recalibrate": "lottery.library.recalibration",
    "absolute_twin": "lottery.models.paths",
    "effective": "lottery.models.paths",
    "MODELS": "lottery.models.registry",
    "Model": "lottery.models.registry",
    "build": "lottery.models.registry",
    "model": "lottery.models.registry",
    "crbg": "lottery.search.crbg",
    "cts": "lottery.search.cts",
    "constant": "lottery.search.gates",
    "cosine": "lottery.search.gates",
    "drop_after": "lottery.search.gates",
    "plan_epochs": "lottery.search.gates",
    "plan_share": "lottery.search.gates",
    "search_epochs": "lottery.search.gates",
    "search_gates": "lottery.search.gates",
    "Batch": "lottery.search.objectives",
    "loss": "lottery.search.objectives",
    "ExpectedL0": "lottery.search.pressures",
    "GradBalance": "lottery.search.pressures",
    "Lagrange": "lottery.search.pressures",
    "Pressure": "lottery.search.pressures",
    "method": "lottery.search.registry",
    "methods": "lottery.search.registry",
    "objective": "lottery.search.registry",
    "objectives": "lottery.search.registry",
    "Concrete": "lottery.search.relaxations",
    "GaussianHardSigmoid": "lottery.search.relaxations",
    "HardConcrete": "lottery.search.relaxations",
    "Relaxation": "lottery.search.relaxations",
    "StraightThroughRounding": "lottery.search.relaxations",
    "StraightThroughTopK": "lottery.search.relaxations",
    "check_finite": "lottery.search.rounds",
    "prune_in_rounds": "lottery.search.rounds",
    "set_lr": "lottery.training.cuda_graphs",
    "Keeper": "lottery.training.loop",
    "Resumable": "lottery.training.loop",
    "Recipe": "lottery.training.recipe",
    "Runner": "lottery.training.runner",
    "Accuracy": "lottery.training.train",
    "evaluate": "lottery.training.train",
    "train": "lottery.training.train",
}


def __getattr__(name: str) -> Any:
    # Names load on first use, so that a command which only reads results does not wait for torch.
    if name == "__version__":
        return version("lottery-benchmarks")
    if name not in _HOME:
        raise AttributeError(f"module 'lottery' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
