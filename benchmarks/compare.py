"""python -m benchmarks.compare METHOD: a new method beside fixed baselines."""

import sys

from benchmarks.cli.compare import main

if __name__ == "__main__":
    sys.exit(main())
