"""`python tests/benchmarks/tiny.py ...`: the command line with one more preset, "tiny", of seconds.

Every step is checkpointed, so that a kill at any moment finds a checkpoint to resume from.
"""

import sys

from benchmarks.cli.suite import main
from benchmarks.plan import presets
from benchmarks.plan.presets import Preset
from benchmarks.run import stages

LENET = "lenet-300-100"
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
    _recipe={
        "resnet20": {"epochs": 4, "rewind_epochs": 1, "batch_size": 128},
        "swin_t": {"epochs": 1, "rewind_epochs": 0, "batch_size": 128},
    },
    grid={"resnet20": [6]},
    throughput={LENET: [16]},
    densities={LENET: [0.5, 0.1]},
    lambdas={LENET: [0.05, 0.1, 0.2, 0.4]},
    _options={
        "ltr": {"any": {"pruning_rate": 0.8}},
        "imp": {"any": {"pruning_rate": 0.8}},
        "crbg": {"any": {"epochs": 3, "lr": 0.05}},
        "edge_popup": {"any": {"epochs": 3}},
        "edge_popup_epsilon": {"any": {"epochs": 2, "perturbation_epochs": 1}},
        "gem_miner": {"any": {"epochs": 2, "freeze_every": 1}},
        "continuous_sparsification": {"any": {"epochs": 1}},
        "sparse_vd": {"any": {"epochs": 2}},
        "bc_gnj": {"any": {"epochs": 2}},
        "bc_ghs": {"any": {"epochs": 2}},
        "sparse_then_prune": {"any": {"epochs": 2, "fine_tuning_epochs": 1}},
    },
)


def install() -> None:
    """Make the tiny preset known to this process."""
    presets.load_presets()["tiny"] = TINY


if __name__ == "__main__":
    install()
    stages.CHECKPOINT_SECONDS = 0.0
    sys.exit(main(sys.argv[1:]))
