"""python -m benchmarks <suite>: run what is missing of a table, then print it; or merge DIR."""

import sys

from lottery.core.entry import run

if __name__ == "__main__":
    run("benchmarks.cli.merge" if sys.argv[1:2] == ["merge"] else "benchmarks.cli.suite")
