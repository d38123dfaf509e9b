"""`python tests/benchmarks/tiny.py ...`: the command line with one more preset, "tiny", of seconds.

Every step is checkpointed, so that a kill at any moment finds a checkpoint to resume from.
"""

import os
import resource
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.plan import presets
from benchmarks.plan.presets import Preset
from benchmarks.run import stages
from lottery.core import entry
from lottery.training.recipe import Recipe

LENET = "lenet-300-100"
SHORT = Recipe(epochs=4, rewind_epochs=0, batch_size=128, gradient="mean_clipped")
TINY = Preset(
    name="tiny",
    description="seconds, for tests",
    seeds=(0,),
    precision="float32",
    datasets={"cifar10": "digits", "mnist": "digits"},
    models={
        **dict.fromkeys(("resnet50", "wide_resnet50", "resnet20"), LENET),
        "vit_base": "vit_mini",
        "swin_t": "swin_mini",
    },
    recipe={
        "resnet20": replace(SHORT, rewind_epochs=1),
        LENET: SHORT,
        **dict.fromkeys(("swin_t", "vit_base"), replace(SHORT, epochs=1)),
    },
    grid={"resnet20": [6]},
    throughput={LENET: [16]},
    densities={LENET: [0.5, 0.1]},
    lambdas={LENET: [0.05, 0.1, 0.2, 0.4]},
    options={
        "ltr": {"pruning_rate": 0.8},
        "imp": {"pruning_rate": 0.8},
        "crbg": {"epochs": 3, "lr": 0.05},
        "edge_popup": {"epochs": 3},
        "edge_popup_epsilon": {"epochs": 2, "perturbation_epochs": 1},
        "gem_miner": {"epochs": 2, "freeze_every": 1},
        "continuous_sparsification": {"epochs": 1},
        "sparse_vd": {"epochs": 2},
        "bc_gnj": {"epochs": 2},
        "bc_ghs": {"epochs": 2},
        "sparse_then_prune": {"epochs": 2, "fine_tuning_epochs": 1},
    },
)


def install() -> None:
    """Make the tiny preset known to this process."""
    presets.load_presets()["tiny"] = TINY


def crash_at(event: int) -> None:
    """End the process at the nth moment at which a file is whole and not yet in its place, or in
    its place and not yet known to be on disk."""
    left = [event]

    def counted(call: Callable[..., Any]) -> Callable[..., Any]:
        def counting(*arguments: Any) -> Any:
            left[0] -= 1
            if left[0] == 0:
                os._exit(9)
            return call(*arguments)

        return counting

    os.fsync = counted(os.fsync)
    Path.replace = counted(Path.replace)  # type: ignore[method-assign]


if __name__ == "__main__":
    install()
    stages.CHECKPOINT_SECONDS = 0.0
    if "CHAOS_CRASH_AT" in os.environ:
        crash_at(int(os.environ["CHAOS_CRASH_AT"]))
    if "CHAOS_FILE_SIZE" in os.environ:  # as if the disk were full
        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(os.environ["CHAOS_FILE_SIZE"]), hard))
    entry.run("benchmarks.cli.suite")
