"""python -m benchmarks.compare METHOD: a new method beside fixed baselines."""

from lottery.core.entry import run

if __name__ == "__main__":
    run("benchmarks.cli.compare")
