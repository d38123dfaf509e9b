"""python -m benchmarks <suite>: run what is missing of a table, then print it."""

import sys

from benchmarks.cli.suite import main

if __name__ == "__main__":
    sys.exit(main())
