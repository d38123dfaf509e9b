"""python -m lottery.export TICKET: a ticket file for other tools."""

from lottery.core.entry import run

if __name__ == "__main__":
    run("lottery.tools.export")
