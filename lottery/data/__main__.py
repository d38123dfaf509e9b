"""Fetch and verify datasets: python -m lottery.data [--data-root DIR] [names ...]."""

from lottery.core.entry import run

if __name__ == "__main__":
    run("lottery.data.command")
