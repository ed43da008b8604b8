"""Every notebook runs from top to bottom in a real kernel, quietly, and ends in a figure."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from traitlets.config import Config

pytestmark = pytest.mark.engine_free

FOLDER = Path(__file__).parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


@pytest.fixture
def sockets() -> Iterator[str]:
    """Path of the kernel's sockets: short, because the system allows about a hundred characters.

    A kernel that listens on network ports instead warns, rightly, that everything crosses them unencrypted.
    """
    folder = tempfile.mkdtemp()
    yield f"{folder}/kernel"
    shutil.rmtree(folder)


def code_cells(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    """Cells that run."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_there_is_a_first_notebook() -> None:
    """Numbered from 01."""
    assert NOTEBOOKS[0].name.startswith("01_")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_stored_without_outputs(path: Path) -> None:
    """What it shows is what this version computes, and a change shows as a change of its source."""
    for cell in code_cells(nbformat.read(path, as_version=4)):
        assert cell.outputs == []
        assert cell.execution_count is None


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_quietly_and_ends_in_a_figure(path: Path, tmp_path: Path, sockets: str) -> None:
    """No error, nothing on standard error (so no warning either), an image last, no file left in its folder."""
    notebook = nbformat.read(path, as_version=4)
    over_sockets = Config(KernelManager={"transport": "ipc", "ip": sockets})
    place = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(notebook, timeout=120, resources=place, config=over_sockets).execute()
    outputs = [(cell.source, output) for cell in code_cells(notebook) for output in cell.outputs]
    assert [(source, output.text) for source, output in outputs if output.get("name") == "stderr"] == []
    assert "image/png" in outputs[-1][1].get("data", {})
    assert outputs[-1][0] == code_cells(notebook)[-1].source
    assert list(tmp_path.iterdir()) == []
