"""mdlcodec/report/strict_json: every command's JSON is strict, and nothing else in the program writes JSON."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import mdlcodec
from mdlcodec.cli import main
from mdlcodec.report.strict_json import strict_json


def refuse(word: str) -> None:
    raise AssertionError(f"{word} is no JSON")


def test_what_json_has_no_number_for_is_text() -> None:
    value = {
        "a": [1.5, math.nan, (math.inf, -math.inf)],
        "b": {"c": math.inf, "d": None},
        "e": True,
        "f": "NaN",
    }
    assert json.loads(strict_json(value), parse_constant=refuse) == {
        "a": [1.5, "NaN", ["Infinity", "-Infinity"]],
        "b": {"c": "Infinity", "d": None},
        "e": True,
        "f": "NaN",
    }
    assert strict_json({"a": 1}, indent=1) == '{\n "a": 1\n}'


def test_nothing_else_writes_json() -> None:
    package = Path(mdlcodec.__file__).parent
    writing = {path.name for path in package.rglob("*.py") if "json.dump" in path.read_text()}
    assert writing == {"strict_json.py", "safetensors.py"}  # whose header holds no floats


@pytest.mark.parametrize("step", ["1e-300", "1e308", "0.1"])
def test_errors_of_steps_are_strict_json(step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    np.savez("w.npz", w=np.array([[1e200, -1.7e308], [1.0, 0.0]]))
    run = CliRunner().invoke(main, ["pack", "w.npz", "--step", step, "--no-verify", "--json"])
    assert run.exit_code == 0, run.output
    [change] = json.loads(run.stdout, parse_constant=refuse)["changes"]
    assert 0 <= change["root_mean_square_error"] <= change["largest_error"] <= 8e307
