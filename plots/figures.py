"""Which module draws which figure: each says so itself, in FIGURE_OF."""

import ast
from collections.abc import Mapping
from functools import cache
from pathlib import Path


@cache
def by_suite() -> Mapping[str, Mapping[str, str]]:
    """By suite, what the file of each of its figures has after the suite's name, and the module
    that draws it by `draw(tables)`."""
    found: dict[str, dict[str, str]] = {}
    for path in sorted(Path(__file__).parent.glob("*.py")):
        for suite, suffix in figure_of(path).items():
            found.setdefault(suite, {})[suffix] = path.stem
    return {suite: dict(sorted(found[suite].items())) for suite in sorted(found)}


def figure_of(path: Path) -> Mapping[str, str]:
    """A module's FIGURE_OF: suites, and what the figure's file has after the suite's name.

    It is read without loading the module, whose libraries take seconds.
    """
    for statement in ast.parse(path.read_text("utf-8")).body:
        match statement:
            case ast.Assign(targets=[ast.Name(id="FIGURE_OF")], value=value):
                stated: Mapping[str, str] = ast.literal_eval(value)
                return stated
    return {}
