"""python -m benchmarks <suite>: run what is missing of a table, then print it."""

from lottery.core.entry import run

if __name__ == "__main__":
    run("benchmarks.cli.suite")
