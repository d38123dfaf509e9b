"""Methods from files: exactly one new name, or one clear line."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.plan.cell import Cell
from benchmarks.run import method_process
from benchmarks.run.code import Code
from benchmarks.run.methods import load_file, method_files, methods, named, source_of
from lottery.core.errors import BadInput
from lottery.search.registry import Method
from lottery.training.recipe import Recipe

DRAW = """
from lottery import method

@method("{name}", pruned_at="init")
def draw(network, data, density, generator):
    return network.weights.abs()
"""


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Leave the registry as it was."""
    files = dict(method_files)
    with methods.temporarily():
        yield
    method_files.clear()
    method_files.update(files)


def write(folder: Path, text: str, name: str = "mine.py") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_a_file_is_a_method(tmp_path: Path) -> None:
    method = named(str(write(tmp_path, DRAW.format(name="mine"))))
    assert (method.name, method.pruned_at) == ("mine", "init")
    assert methods["mine"] is method


def test_a_name_is_a_method_too() -> None:
    assert named("snip") is methods["snip"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("import nothing_like_this", "does not load: ModuleNotFoundError: No module named"),
        ("def (", "does not load: SyntaxError"),
        ("raise SystemExit(3)", "does not load: SystemExit: 3"),
        ("x = 1", r'registers no method; exactly one @method\("new_name"\) is needed'),
        (DRAW.format(name="a") + DRAW.format(name="b"), r"registers 2 methods \(a, b\)"),
        (DRAW.format(name="snip"), "method 'snip' is registered already"),
        (
            "from lottery.data.datasets import load; load('digits', None)",
            "it read the dataset digits",
        ),
    ],
)
def test_a_file_that_is_not_one_method(tmp_path: Path, text: str, words: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(BadInput, match=words) as refusal:
        load_file(path)
    assert str(refusal.value).startswith(str(path))
    assert "\n" not in str(refusal.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="there is no method file"):
        named(str(tmp_path / "absent.py"))


def test_an_edited_file_is_another_source_and_another_cell(tmp_path: Path) -> None:
    first = source_of(load_file(write(tmp_path, DRAW.format(name="mine"), "one.py")))
    text = DRAW.format(name="edited").replace("abs()", "square()")
    second = source_of(load_file(write(tmp_path, text, "two.py")))
    assert len({first, second, ""}) == 3
    keys = {
        Cell("s", "p", "t", "demo", "mine", "resnet20", "digits", 0.5, "init", source=source).key
        for source in (first, second, "")
    }
    assert len(keys) == 3


def test_an_edit_of_the_same_size_in_the_same_second_is_seen(tmp_path: Path) -> None:
    text = DRAW.format(name="mine").replace("generator)", "generator, *, value={})")
    for value in (1, 2):
        with methods.temporarily():
            assert load_file(write(tmp_path, text.format(value))).options == {"value": value}
    assert not list(tmp_path.rglob("*.pyc"))


PLANNED = """
from lottery import method
from lottery.core.errors import BadInput

def plan(recipe, start, density, options):
    return {"search": recipe.epochs * options["share"]}

def check(density, options):
    if density < 0.1:
        raise BadInput(f"density {density} is too small")

@method("planned", pruned_at="init", own_weights=True, plan=plan, check=check)
def draw(network, data, density, generator, *, share=0.5, runner):
    return network.weights.abs()
"""


def test_what_a_file_says_of_its_method_is_known_without_running_it_here(tmp_path: Path) -> None:
    method = load_file(write(tmp_path, PLANNED))
    assert (method.own_weights, method.strong, method.wants_runner) == (True, False, True)
    assert method.options == {"share": 0.5}
    assert method.plan(Recipe(epochs=4, rewind_epochs=0), 0.0, 0.5, {"share": 0.5}) == {
        "search": 2.0
    }
    method.check(0.5, {})
    with pytest.raises(BadInput, match=r"^density 0.05 is too small$"):
        method.check(0.05, {})


def test_the_suites_own_methods_have_no_source() -> None:
    for name in ("cts", "crbg", "snip", "ltr", "dense"):
        assert source_of(methods[name]) == ""


def test_a_packages_source_is_all_of_its_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "some_package"
    package.mkdir()
    write(package, "", "__init__.py")
    write(package, "HELP = 1\n", "helper.py")
    write(package, "def draw(network, data, density, generator): ...\n", "drawing.py")
    monkeypatch.syspath_prepend(tmp_path)
    from some_package.drawing import draw  # type: ignore[import-not-found]

    method = Method("packaged", draw)
    before = source_of(method)
    assert before == source_of(method) != ""
    write(package, "HELP = 2\n", "helper.py")
    assert source_of(method) != before


def test_a_package_that_loads_with_a_file_is_not_counted_as_the_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Package:
        name, value = "theirs", "theirs"

        def load(self) -> None:
            methods.add("theirs", methods.present()["random"])

    file = tmp_path / "mine.py"
    file.write_text(DRAW.format(name="mine"))
    with methods.temporarily():
        monkeypatch.setattr("lottery.core.registry.entry_points", lambda group: [Package()])
        monkeypatch.setattr(methods, "_group", "lottery.methods")
        found = method_process._registered(Code("mine", file, file.read_bytes()))
    assert found["method"] == ["mine"]
