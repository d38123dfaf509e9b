"""python -m plots SUITE: draw a suite's figures from its results, where they are newer."""

from lottery.core.entry import run

if __name__ == "__main__":
    run("plots.command")
