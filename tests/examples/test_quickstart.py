"""The notebook runs from top to bottom."""

from pathlib import Path

import pytest

import lottery

NOTEBOOK = Path(__file__).resolve().parents[2] / "examples" / "quickstart.ipynb"


@pytest.mark.filterwarnings("default")  # those of Jupyter's own event loops
def test_the_notebook(tmp_path: Path) -> None:
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells), "committed without outputs"
    resources = {"metadata": {"path": str(tmp_path)}}
    nbclient.NotebookClient(notebook, timeout=300, resources=resources).execute()
    said = "".join(
        output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", [])
    )
    ticket = lottery.Ticket.load(tmp_path / "ticket.safetensors")
    total = ticket.mask.layout.total
    assert ticket.mask.kept == round(0.1 * total)
    assert f"{total - ticket.mask.kept} of {total} weights are zero" in said
