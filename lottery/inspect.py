"""python -m lottery.inspect TICKET: what a ticket file holds."""

from lottery.core.entry import run

if __name__ == "__main__":
    run("lottery.tools.inspect")
