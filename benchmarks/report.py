"""python -m benchmarks.report: every result as one page."""

from lottery.core.entry import run

if __name__ == "__main__":
    run("benchmarks.cli.report")
