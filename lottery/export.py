"""python -m lottery.export TICKET: a ticket file for other tools."""

import sys

from lottery.tools.export import main

if __name__ == "__main__":
    sys.exit(main())
