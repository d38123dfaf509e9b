"""Code from outside the suite: the files of methods, models and datasets."""

import hashlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from benchmarks.plan.cell import source_hash
from lottery.core.errors import BadInput


@dataclass(frozen=True)
class Code:
    """Where a method, model or dataset comes from: the bytes of a file, or an installed package by
    the method's name."""

    name: str
    path: Path | None
    text: bytes = b""

    @property
    def source(self) -> str:
        """Hash of the file."""
        return source_hash(self.text)


def read_code(path: Path, kind: str) -> Code:
    """A Python file.

    Args:
        kind: what it is called in messages.

    Raises:
        BadInput: there is no such file, or it cannot be read.
    """
    if not path.is_file():
        raise BadInput(f"there is no {kind} file {path}")
    try:
        return Code(path.stem, path, path.read_bytes())
    except OSError as error:
        raise BadInput(f"{kind} file {path} cannot be read: {error.strerror}") from error


def run_code(code: Code) -> None:
    """Run a file, as a module of its own."""
    module = ModuleType(f"plugin_{code.name}")
    module.__file__ = str(code.path)
    sys.modules[module.__name__] = module  # dataclasses look their module up by name
    # Run from the bytes that are hashed: an import might take older, cached bytecode.
    exec(compile(code.text, str(code.path), "exec"), module.__dict__)


def source_of_function(function: Callable[..., Any]) -> str:
    """Hash of every Python file of the installed package that a function is from; empty where that
    is the suite."""
    while isinstance(function, partial):
        function = function.func
    top = function.__module__.partition(".")[0]
    if top in ("baselines", "lottery"):
        return ""
    file = sys.modules[top].__file__ or sys.modules[function.__module__].__file__
    if file is None:
        raise BadInput(f"the code of {function.__qualname__} is in no file")
    root = Path(file)
    digest = hashlib.sha256()
    for path in sorted(root.parent.rglob("*.py")) if root.name == "__init__.py" else [root]:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
