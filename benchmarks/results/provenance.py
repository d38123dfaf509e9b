"""Which version of the code made a row."""

import os
import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CODE = ("lottery", "baselines", "benchmarks", "pyproject.toml")


@cache
def commit() -> str:
    """The git commit of this package's own checkout, with a plus where the code differs.

    Empty where the code is in no checkout, or lies inside another project's.
    """
    top, mine = git("rev-parse", "--show-toplevel"), str(Path(__file__).resolve())
    if not top or Path(top).resolve() != ROOT or not git("ls-files", "--", mine):
        return ""
    head = git("rev-parse", "--short=12", "HEAD")
    return head + ("+" if head and git("status", "--porcelain", "--", *CODE) else "")


def git(*arguments: str) -> str:
    """What a git command says about this checkout; empty where it fails or there is no git.

    Variables such as GIT_DIR, which point git at another repository, are left out.
    """
    environment = {name: value for name, value in os.environ.items() if name[:4] != "GIT_"}
    try:
        done = subprocess.run(
            ["git", "-C", str(ROOT), *arguments],
            capture_output=True,
            text=True,
            check=True,
            env=environment,
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()
