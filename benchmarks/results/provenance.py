"""Which version of the code made a row."""

import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CODE = ("lottery", "baselines", "benchmarks", "pyproject.toml")


@cache
def commit() -> str:
    """The git commit of this checkout, with a plus where the code differs; empty outside git."""
    head = git("rev-parse", "--short=12", "HEAD")
    if not head:
        return ""
    return head + ("+" if git("status", "--porcelain", "--", *CODE) else "")


def git(*arguments: str) -> str:
    """What a git command says about this checkout; empty where it fails or there is no git."""
    try:
        done = subprocess.run(
            ["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()
