"""The guide as a notebook: what is kept of it, and that all of it runs against a real Label Studio."""

from __future__ import annotations

import os
from pathlib import Path

import nbformat
import pytest

from examples.notebook import NOTEBOOK, executed, surroundings
from tests.support.lacking import missing

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "spanloop"
PROGRAM = Path(os.environ.get("LABEL_STUDIO") or CACHE / "label-studio-1.23.2" / "bin" / "label-studio")


def printed(notebook: nbformat.NotebookNode) -> str:
    """What its cells have written."""
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    return "\n".join(output.get("text", "") or output.get("data", {}).get("text/plain", "") for output in outputs)


def pictures(notebook: nbformat.NotebookNode) -> int:
    return sum("image/png" in output.get("data", {}) for cell in notebook.cells for output in cell.get("outputs", []))


def test_the_notebook_can_be_read_with_its_outputs_and_without_paths_of_a_machine() -> None:
    kept = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(kept)
    assert pictures(kept) == 3
    told = printed(kept)
    assert "PROMOTE: F1 +" in told
    assert "more annotated tasks would change F1" in told
    assert not [word for word in ("/home/", "/root/", "/tmp/", "Traceback") if word in told]


@pytest.mark.slow  # ten minutes: a training run and its learning curve
def test_the_notebook_runs_from_the_first_cell_to_the_last(tmp_path: Path) -> None:
    if not PROGRAM.exists():
        missing(f"Label Studio is not installed at {PROGRAM}: run `make test`, or set LABEL_STUDIO to its program")
    with surroundings(PROGRAM, tmp_path) as environment:
        notebook = executed(environment)
    assert pictures(notebook) == 3
    told = printed(notebook)
    assert "PROMOTE: F1 +" in told
    assert "is live again." in told
