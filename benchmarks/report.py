"""python -m benchmarks.report: every result as one page."""

import sys

from benchmarks.cli.report import main

if __name__ == "__main__":
    sys.exit(main())
