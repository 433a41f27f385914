"""docs/: pages that sphinx builds without a warning, a notebook that runs, the recipe for other people's CI."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import mdlcodec

DOCS = Path(__file__).parents[1] / "docs"
NOTEBOOK = DOCS / "digits_layers.ipynb"


def test_sphinx_builds_the_pages(tmp_path):
    pytest.importorskip("sphinx")
    pytest.importorskip("myst_parser")
    command = [sys.executable, "-m", "sphinx", "-W", "-q", "-b", "html", str(DOCS), str(tmp_path / "html")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    built = {path.stem for path in (tmp_path / "html").glob("*.html")}
    assert {path.stem for path in DOCS.glob("*.md")} <= built


def test_the_notebook_runs(tmp_path):
    """Its cells one after another, in a process of their own; each is one that a notebook would show."""
    pytest.importorskip("matplotlib")
    pytest.importorskip("pandas")
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    assert len(cells) >= 20
    script = tmp_path / "cells.py"
    script.write_text("\n\n".join(sources), encoding="utf-8")
    environment = os.environ | {"MPLBACKEND": "agg", "PYTHONPATH": str(Path(mdlcodec.__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, env=environment, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script")
def test_the_recipe_for_continuous_integration(tmp_path):
    (tmp_path / "mdlcodec").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m mdlcodec "$@"\n')
    (tmp_path / "mdlcodec").chmod(0o755)
    root = str(Path(mdlcodec.__file__).parents[1])
    environment = os.environ | {
        "PATH": os.pathsep.join([str(tmp_path), os.environ["PATH"]]),
        "PYTHONPATH": root,
    }
    rows = [f"{i},{i % 5}" for i in range(40)]
    labels = ["even" if i % 2 else "odd" for i in range(40)]

    def check(*names: str) -> int:
        command = ["sh", str(DOCS / "ci" / "check_labels.sh"), *names]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True).returncode

    def write(name: str, head: str, lines: list[str]) -> None:
        (tmp_path / name).write_text("\n".join([head, *lines]) + "\n")

    write("table.csv", "a,b,kind", [f"{row},{label}" for row, label in zip(rows, labels, strict=True)])
    write("inputs.csv", "a,b", rows)
    write("labels.csv", "kind", labels)
    encode = [sys.executable, "-m", "mdlcodec", "encode", "table.csv", "-1", "-o", "labels.mdl", "--quiet"]
    subprocess.run(encode, cwd=tmp_path, env=environment, check=True)
    assert check("labels.mdl", "inputs.csv", "labels.csv") == 0
    write("labels.csv", "kind", labels[::-1])
    assert check("labels.mdl", "inputs.csv", "labels.csv") == 4
    write("labels.csv", "kind", labels)
    write("inputs.csv", "a,b", rows[::-1])
    assert check("labels.mdl", "inputs.csv", "labels.csv") == 1
    assert check("labels.mdl", "none.csv", "labels.csv") == 2
    assert check("labels.mdl", "inputs.csv", "none.csv") == 2
    assert check("labels.mdl") == 2
    blob = bytearray((tmp_path / "labels.mdl").read_bytes())
    (tmp_path / "labels.mdl").write_bytes(blob[:-1] + bytes([blob[-1] ^ 1]))
    write("inputs.csv", "a,b", rows)
    assert check("labels.mdl", "inputs.csv", "labels.csv") == 1
    assert "check_labels.sh" in (DOCS / "ci" / "labels.yml").read_text()
    assert os.access(DOCS / "ci" / "check_labels.sh", os.X_OK)
