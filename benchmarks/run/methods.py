"""The suite's methods, which importing this module registers, and those of files and packages."""

from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import baselines  # noqa: F401
import lottery.search.crbg
import lottery.search.cts  # noqa: F401
from benchmarks.plan.cell import Cell
from benchmarks.run.apart import MethodFailed, described
from benchmarks.run.closed_test_set import closed_test_set
from benchmarks.run.code import Code, read_code, source_of_function
from lottery.core.errors import BadInput
from lottery.search.registry import Method, methods

__all__ = [
    "add_file",
    "code_apart",
    "is_trained",
    "load_file",
    "method_files",
    "methods",
    "named",
    "one_line",
    "option",
    "source_of",
]


method_files: dict[str, Code] = {}  # by the name of the method


def option(cell: Cell, name: str) -> Any:
    """A cell's option, stated or by default; empty where its method has no such option."""
    return {**methods[cell.method].options, **cell.options}.get(name, "")


def is_trained(cell: Cell) -> bool:
    """Whether the cell's ticket is trained after it is drawn."""
    method = methods[cell.method]
    if cell.judged is None:
        return not (method.strong or method.own_weights)
    return cell.judged == "trained"


def named(name_or_file: str) -> Method:
    """A method by name, or the one that a Python file registers.

    Raises:
        UnknownName: no such method.
        BadInput: the file cannot be used, see load_file.
    """
    if name_or_file.endswith(".py"):
        return load_file(Path(name_or_file))
    with closed_test_set():  # installed packages are imported here
        return methods[name_or_file]


def load_file(path: Path) -> Method:
    """Register the method of a Python file, which runs in processes of its own alone.

    Raises:
        BadInput: there is no such file, it raises, or it does not register exactly one new method.
    """
    code = read_code(path, "method")
    return add_file(code, described(code))


def add_file(code: Code, method: Method) -> Method:
    """Register the method that a file was found to have.

    Raises:
        BadInput: its name is taken.
    """
    if method.name in methods.names():
        raise BadInput(f"{code.path} does not load: method {method.name!r} is registered already")
    methods.add(method.name, method)
    method_files[method.name] = code
    return method


def code_apart(method: Method) -> Code | None:
    """The code of a method that runs in a process of its own: of a file, or of an installed
    package; None for one of the suite's, or of this process."""
    if file := method_files.get(method.name):
        return file
    installed = {plugin.name for plugin in entry_points(group="lottery.methods")}
    return Code(method.name, None) if method.name in installed else None


def source_of(method: Method) -> str:
    """Hash of the code that a method comes from; empty for the suite's own methods.

    It covers the method's file, or every Python file of the installed package that it is in.
    """
    if method.name in method_files:
        return method_files[method.name].source
    return source_of_function(method.draw)


def one_line(error: BaseException) -> str:
    """An exception in one line."""
    if isinstance(error, MethodFailed):
        return str(error)
    return " ".join(f"{type(error).__name__}: {error}".split())
