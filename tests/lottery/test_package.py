"""What `import lottery` gives, and what it does not wait for."""

import ast
import subprocess
import sys
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

import pytest

import lottery

FOLDER = Path(lottery.__file__).parent
IMPORTED = {
    f"{node.module}.{alias.name}"
    for file in (FOLDER.parent / "baselines").glob("*.py")
    for node in ast.walk(ast.parse(file.read_text()))
    if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("lottery.")
    for alias in node.names
}


@pytest.mark.parametrize("name", lottery.__all__)
def test_a_public_name_is_what_its_module_has(name: str) -> None:
    module = lottery._HOME[name]
    assert getattr(lottery, name) is getattr(import_module(module), name)


def test_types_and_values_are_from_the_same_modules() -> None:
    tree = ast.parse((FOLDER / "__init__.py").read_text())
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    typed = {
        alias.name: node.module
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert typed == lottery._HOME
    assert sorted(typed) == sorted(lottery.__all__)


def test_no_public_name_is_that_of_a_room() -> None:
    # Python would put the module in the place of the name once it is imported.
    assert not {file.stem for file in FOLDER.iterdir()} & set(lottery.__all__)


def test_a_method_finds_all_that_it_needs() -> None:
    public = {f"{module}.{name}" for name, module in lottery._HOME.items()}
    assert public >= IMPORTED != set()


def test_dir_and_version() -> None:
    assert dir(lottery) == sorted([*lottery.__all__, "__version__"])
    assert lottery.__version__ == version("lottery-benchmarks")
    assert (FOLDER / "py.typed").exists()


def test_an_unknown_attribute() -> None:
    with pytest.raises(AttributeError, match="no attribute 'mask_of'"):
        lottery.mask_of  # noqa: B018


def test_importing_the_package_does_not_import_torch() -> None:
    code = "import sys, lottery, lottery.core.errors; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
    code = "import sys, lottery; lottery.Mask; sys.exit('torch' not in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
