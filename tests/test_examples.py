"""The examples run as they are, and the notebook lies in git without outputs."""

import re
import subprocess
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
NOTEBOOK = EXAMPLES / "first_look.ipynb"


def test_own_processor(tmp_path):
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / "own_processor.py")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "ttbar2l_PU140: 50 events" in done.stdout
    for weighting in ("puppi", "qdistillnet"):
        counts = re.search(rf"^{weighting} \[([^\]]*)\]", done.stdout, re.M)
        assert 0 < sum(float(count) for count in counts[1].split()) <= 50


def test_notebook_runs():
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "", "language": "python"}
    client = NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(EXAMPLES)}})
    client.execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert not [o for o in outputs if o.get("name") == "stderr"]
    images = [o for o in outputs if "image/png" in o.get("data", {})]
    assert len(images) == 3
    table = "".join(o["text"] for o in outputs if o.get("name") == "stdout")
    assert [line.split()[0] for line in table.splitlines()] == ["none", "puppi", "qdistillnet"]


def test_notebook_is_stored_without_outputs():
    for cell in nbformat.read(NOTEBOOK, as_version=4).cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None
