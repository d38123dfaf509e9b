"""The site builds from the repository as it is, and has a page for every method."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import lottery

ROOT = Path(__file__).resolve().parents[1]
METHODS = ROOT / "docs" / "methods"


def test_every_method_has_a_page_and_every_page_a_method() -> None:
    own = {
        name
        for name in lottery.methods.names()
        if lottery.methods[name].draw.__module__.startswith(("lottery.", "baselines."))
    }
    assert {path.stem for path in METHODS.glob("*.md")} - {"index"} == own


def test_the_index_links_to_every_page() -> None:
    linked = set(re.findall(r"\]\((\w+)\.md\)", (METHODS / "index.md").read_text()))
    assert linked == {path.stem for path in METHODS.glob("*.md")} - {"index"}


def recipe() -> str:
    """What `make docs` runs."""
    found = re.search(r"^docs:.*\n\t(.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert found
    return found[1]


def test_a_broken_link_fails_the_build(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs", reason="the site is made by mkdocs: the extra docs")
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "index.md").write_text("[nowhere](nowhere.md)")
    (tmp_path / "mkdocs.yml").write_text("site_name: one page")
    command = re.sub(r"^@\S+ \S+|#.*", "", recipe()).split()
    done = subprocess.run(
        [sys.executable, *command], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "'nowhere.md'" in done.stderr


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site; a broken link, or a page that is nowhere in the navigation, fails its build."""
    pytest.importorskip("mkdocs", reason="the site is made by mkdocs: the extra docs")
    folder = tmp_path_factory.mktemp("site")
    command = re.sub(r"^@\S+ \S+|#.*", "", recipe()).split()
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(
        [sys.executable, *command, "--site-dir", str(folder)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def words(page: Path) -> str:
    """What a reader sees of a page, spaces collapsed."""
    return " ".join(re.sub(r"<[^>]+>", " ", page.read_text()).split())


def test_a_methods_page_has_what_its_code_and_rows_say(site: Path) -> None:
    page = words(site / "methods" / "ltr" / "index.html")
    assert "pruning_rate 0.2" in page
    assert "It draws at the rewind point." in page
    assert "make table1 PRESET=paper ARGS='--only method=ltr'" in page
    assert re.search(r"LTR pruning_rate=0.5358 quick ResNet-20 CIFAR-10 98.56% 71.7 1 2", page)


def test_the_readme_is_the_home_and_links_into_the_site(site: Path) -> None:
    home = (site / "index.html").read_text()
    assert 'href="reproduction/"' in home
    assert (site / "repository" / "LICENSE.txt").read_text() == (ROOT / "LICENSE").read_text()
    assert 'href="repository/LICENSE.txt"' in home


def test_the_api_has_every_public_name(site: Path) -> None:
    page = (site / "api" / "index.html").read_text()
    missing = {name for name in lottery.__all__ if f'id="{lottery._HOME[name]}.{name}"' not in page}
    assert not missing


def test_diagrams_are_left_to_mermaid(site: Path) -> None:
    assert (
        '<pre class="mermaid"><code>flowchart TD'
        in (site / "architecture" / "index.html").read_text()
    )
