"""python -m lottery.inspect TICKET: what a ticket file holds."""

import sys

from lottery.tools.inspect import main

if __name__ == "__main__":
    sys.exit(main())
