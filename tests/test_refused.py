"""Files that every decoder refuses: damaged ones, and those of a newer program; each says why in one line.

test_second_decoder.py has the same of the decoder that was written from formats/.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import numpy as np
import pytest
import refused_cases
from click.testing import CliRunner

import mdlcodec
from mdlcodec.cli import main
from mdlcodec.errors import CorruptFile, InexactComputation, Unsupported, WrongInputs

FORMATS = Path(__file__).parents[1] / "formats"
CASES = {"bad": refused_cases.BAD, "unsupported": refused_cases.UNSUPPORTED}
NAMES = [(folder, name) for folder, cases in CASES.items() for name in cases]
ONE_OF_EACH_PAGE = sorted(
    {(folder, name.partition("-")[0]): (folder, name) for folder, name in NAMES}.values()
)
ERRORS = {"bad": (CorruptFile, WrongInputs, InexactComputation), "unsupported": (Unsupported,)}
EXIT_CODES = {"bad": 1, "unsupported": 3}


def _blob(folder: str, name: str) -> bytes:
    """MDLCODEC_WRITE_GOLDEN=1 writes files that are not there."""
    path = refused_cases.GOLDEN / folder / f"{name}.mdl"
    if os.environ.get("MDLCODEC_WRITE_GOLDEN") == "1" and not path.exists():
        path.write_bytes(CASES[folder][name]())
    return path.read_bytes()


@pytest.mark.parametrize(("folder", "name"), NAMES, ids=[name for _, name in NAMES])
def test_refused(folder, name):
    blob = _blob(folder, name)
    assert CASES[folder][name]() == blob
    with pytest.raises(ERRORS[folder]) as error:
        if name in refused_cases.NETWORKS:
            mdlcodec.unpack(blob)
        elif name in refused_cases.TEXTS:
            mdlcodec.decode_text(blob)
        else:
            mdlcodec.decode(blob, refused_cases.inputs_of(name))
    assert error.value.exit_code == EXIT_CODES[folder]
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize(("folder", "name"), ONE_OF_EACH_PAGE)
def test_a_refused_file_leaves_nothing_behind(folder, name, tmp_path):
    file, inputs = refused_cases.GOLDEN / folder / f"{name}.mdl", tmp_path / "inputs.npz"
    np.savez(inputs, x=refused_cases.inputs_of(name))
    command = ["unpack", str(file), "-o", str(tmp_path / "weights.npz")]
    if name in refused_cases.TEXTS:
        command = ["decode", str(file), "-o", str(tmp_path / "text")]
    elif name not in refused_cases.NETWORKS:
        command = ["decode", str(file), "--inputs", str(inputs), "-o", str(tmp_path / "labels.npy")]
    told = CliRunner().invoke(main, [*command, "--quiet"])
    assert (told.exit_code, told.stdout) == (EXIT_CODES[folder], "")
    assert len(told.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == [inputs]


@pytest.mark.parametrize("folder", CASES)
def test_every_file_has_a_sentence_that_says_why(folder):
    """And the section of formats/ that it contradicts."""
    path = refused_cases.GOLDEN / folder
    why = json.loads((path / "why.json").read_text())
    assert set(why) == {file.stem for file in path.glob("*.mdl")} == set(CASES[folder])
    for name, entry in why.items():
        assert set(entry) == {"section", "wrong"}, name
        assert re.fullmatch(r"\S.{8,}[^.]\.", entry["wrong"]), name
        page, _, heading = entry["section"].partition(", ")
        headings = re.findall(r"^#+ (.+)$", (FORMATS / page).read_text(), re.MULTILINE)
        assert heading in headings, name
    sentences = [entry["wrong"] for entry in why.values()]
    assert len(set(sentences)) == len(sentences)
