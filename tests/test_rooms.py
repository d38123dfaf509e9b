"""Which room imports which, measured from the source: no circle, and no arrow up."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("lottery", "baselines", "benchmarks", "plots")

# Each room with those that it may import, from the lowest up. `lottery` and `benchmarks` are their
# packages' own few modules: the public names, and the commands as they are called.
MAY_IMPORT = {
    "lottery.core": "",
    "lottery.data": "lottery.core",
    "lottery.models": "lottery.core",
    "lottery.training": "lottery.core lottery.data",
    "lottery.search": "lottery.core lottery.data lottery.training",
    "lottery.tools": "lottery.core lottery.data lottery.models",
    "lottery.library": "lottery.core lottery.data lottery.training lottery.search",
    "lottery": "lottery.core lottery.data lottery.models lottery.training lottery.search "
    "lottery.tools lottery.library",
    "baselines": "lottery.core lottery.data lottery.models lottery.training lottery.search",
    "plots": "lottery.core",
    "benchmarks.plan": "lottery.core lottery.training",
    "benchmarks.results": "benchmarks.plan lottery.core",
    "benchmarks.judge": "benchmarks.plan benchmarks.results lottery.core",
    "benchmarks.run": "benchmarks.plan benchmarks.results baselines "
    "lottery.core lottery.data lottery.models lottery.training lottery.search",
    "benchmarks.throughput": "benchmarks.run "
    "lottery.core lottery.data lottery.models lottery.training lottery.search",
    "benchmarks.cli": "benchmarks.plan benchmarks.results benchmarks.judge benchmarks.run "
    "benchmarks.throughput lottery.core lottery.data lottery.training lottery.search lottery.tools",
    "benchmarks": "benchmarks.cli lottery.core",
}
WITHOUT_TORCH = ("benchmarks.plan", "benchmarks.results", "benchmarks.judge", "plots")


def modules() -> dict[str, Path]:
    """Every module of the packages, by its dotted name."""
    found = {}
    for path in (file for package in PACKAGES for file in (ROOT / package).rglob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        found[name.removesuffix(".__init__")] = path
    return found


MODULES = modules()


def imports(path: Path) -> Iterator[str]:
    """The modules of the packages that a file imports, at its head, in a function or by name."""
    for node in ast.walk(ast.parse(path.read_text())):
        names: list[str] = []
        match node:
            case ast.ImportFrom(module=str(module)):
                whole = [f"{module}.{alias.name}" for alias in node.names]
                names = [name if name in MODULES else module for name in whole]
            case ast.Import():
                names = [alias.name for alias in node.names]
            case ast.Call(func=ast.Name("import_module"), args=[ast.Constant(str(name))]):
                names = [name]
        yield from (name for name in names if name.partition(".")[0] in PACKAGES)


def room(module: str) -> str:
    """The folder of a module: the package, or one of its rooms."""
    first, *inner = module.split(".")
    is_room = first in ("lottery", "benchmarks") and inner and (ROOT / first / inner[0]).is_dir()
    return f"{first}.{inner[0]}" if is_room else first


ARROWS = {name: sorted(set(imports(path))) for name, path in MODULES.items()}


def test_what_is_measured() -> None:
    assert "lottery.core.mask" in ARROWS["lottery.core.ticket"]
    assert "benchmarks.run.scheduler" in ARROWS["benchmarks.cli.suite"]  # by import_module
    assert "benchmarks.run.scheduler" in ARROWS["benchmarks.cli.compare"]
    assert "lottery.core.mask" in ARROWS["lottery"]
    assert room("lottery.data") == room("lottery.data.sources") == "lottery.data"
    assert room("benchmarks.judge.tables.text") == "benchmarks.judge"
    assert (room("benchmarks.compare"), room("plots.style")) == ("benchmarks", "plots")


@pytest.mark.parametrize("name", sorted({room(module) for module in MODULES}))
def test_a_room_imports_only_rooms_below_it(name: str) -> None:
    others = {
        f"{module} -> {target}"
        for module, targets in ARROWS.items()
        if room(module) == name
        for target in targets
        if room(target) not in (name, *MAY_IMPORT[name].split())
    }
    assert not others


def test_each_room_stands_on_those_before_it() -> None:
    rooms = list(MAY_IMPORT)
    for i, name in enumerate(rooms):
        assert set(MAY_IMPORT[name].split()) <= set(rooms[:i])


def test_no_module_is_part_of_a_circle() -> None:
    # A package's __init__ that gathers its modules is left to Python, which tests by itself.
    graph = {
        module: [target for target in targets if target != module]
        for module, targets in ARROWS.items()
        if MODULES[module].name != "__init__.py"
    }
    TopologicalSorter(graph).prepare()


def test_what_is_to_be_read_soon_does_not_wait_for_torch() -> None:
    quick = [module for module in MODULES if room(module) in WITHOUT_TORCH]
    # Commands, too: until they run, a Ctrl-C is a traceback.
    commands = [m for m in MODULES if "core.entry import run" in MODULES[m].read_text("utf-8")]
    assert {"benchmarks.__main__", "benchmarks.report", "lottery.fetch"} < {*commands}
    quick += ["lottery", "benchmarks.run.job", *commands]
    code = f"import sys, {', '.join(sorted(quick))}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
