"""What is imported is declared, what is declared is imported, and the library is light."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from lottery.core.errors import BadInput
from lottery.core.extras import needing

ROOT = Path(__file__).resolve().parents[1]
OWN = {"lottery", "baselines", "benchmarks", "plots", "tests"}
PACKAGE_OF = {"PIL": "pillow"}  # where a module is not called as its package
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
# Commands of the library's own folder, which `import lottery` does not import.
COMMANDS = ("lottery/tools", "lottery/data/command.py", "lottery/core/command_line.py")
# Which extras each folder may use besides the core.
USES = {
    "lottery": {"suites", "timm", "onnx"},
    "baselines": set[str](),
    "benchmarks": {"suites"},
    "plots": {"plots"},
    "docs": {"docs", "suites"},
    "tests": {"suites", "plots", "timm", "onnx", "docs", "examples", "dev"},
}
# Run, not imported; so are stubs.
NOT_IMPORTED = {"ruff", "mypy", "pre-commit", "hatchling", "mkdocs-material", "mkdocstrings"}
# A test imports it where it is there; the package has the digits that it is compared with.
OPTIONAL = {"scikit-learn", "sklearn"}


def names(requirements: list[str]) -> set[str]:
    found = {re.split(r"[\[<>=;~! ]", line)[0] for line in requirements}
    return found - {"lottery-benchmarks"}


CORE = names(PROJECT["dependencies"])


def imported(path: Path, *, heads_only: bool = False) -> set[str]:
    """The packages that a file imports from elsewhere."""
    tree = ast.parse(path.read_text())
    modules = set[str]()
    for node in tree.body if heads_only else ast.walk(tree):
        match node:
            case ast.Import():
                modules |= {alias.name for alias in node.names}
            case ast.ImportFrom(module=str(module), level=0):
                modules.add(module)
            case ast.Call(func=ast.Attribute(attr="importorskip"), args=[ast.Constant(str(name))]):
                modules.add(name)
    roots = {module.partition(".")[0] for module in modules}
    return {PACKAGE_OF.get(root, root) for root in roots - OWN - set(sys.stdlib_module_names)}


@pytest.mark.parametrize("folder", USES)
def test_every_import_is_declared(folder: str) -> None:
    allowed = CORE | names([line for extra in USES[folder] for line in EXTRAS[extra]])
    undeclared = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in (ROOT / folder).rglob("*.py")
        for name in imported(path) - allowed - OPTIONAL
        if name not in ("some_package", "nothing_like_this")  # in tests of what is not there
    }
    assert not undeclared


def test_the_library_itself_needs_only_the_core() -> None:
    heads = {
        f"{path.relative_to(ROOT)}: {name}"
        for folder in ("lottery", "baselines")
        for path in (ROOT / folder).rglob("*.py")
        if not str(path.relative_to(ROOT)).startswith(COMMANDS)
        for name in imported(path, heads_only=True) - CORE
    }
    assert not heads
    assert {"torch", "numpy", "safetensors", "filelock", "tqdm"} == CORE


def test_nothing_is_declared_that_is_not_used() -> None:
    files = [path for folder in USES for path in (ROOT / folder).rglob("*.py")]
    used = {name for path in files for name in imported(path)}
    declared = CORE | names([line for lines in EXTRAS.values() for line in lines])
    idle = declared - used - NOT_IMPORTED
    assert not {name for name in idle if not re.search(r"^types-|-stubs$", name)}


def test_the_library_runs_without_any_extra() -> None:
    extras = names([line for lines in EXTRAS.values() for line in lines])
    modules = {"PIL" if name == "pillow" else name for name in extras} - {"pytest", "hypothesis"}
    code = f"""
import sys
from pathlib import Path
sys.modules |= dict.fromkeys({sorted(modules)!r})
import lottery, baselines
from lottery.data import load
for name in lottery.__all__:
    getattr(lottery, name)
load("digits", Path("unused"))
lottery.build("resnet20", (1, 8, 8), 10, 0)
try:
    lottery.build("vit_mini", (1, 8, 8), 10, 0)
except lottery.BadInput as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert (
        done.stdout
        == "model vit_mini: timm is not installed: pip install 'lottery-benchmarks[timm]'\n"
    )


def test_a_missing_package_is_one_line() -> None:
    said = r"^nothing_like_this is not installed: .*\[plots\]'$"
    with pytest.raises(BadInput, match=said), needing("plots"):
        import nothing_like_this  # type: ignore[import-not-found]  # noqa: F401
