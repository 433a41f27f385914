"""Networks that fit random labels, pruned: the study of Zhou et al. 2018, section 8."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner
from label_sets import blobs

from mdlcodec.bounds.compressibility import binary_entropy, least_entropy
from mdlcodec.cli import main
from mdlcodec.errors import BadData, MdlcodecError
from mdlcodec.studies.randomise import noised, randomise

X, Y = blobs(200, 3)
SETS = X[:150], Y[:150], X[150:], Y[150:]
WAYS = {"net": "mlp-40", "noise": (0.0, 1.0), "sparsity": (0.0, 0.9), "n": 60, "preset": 2}


@pytest.fixture(scope="module")
def studied(tmp_path_factory):
    folder = tmp_path_factory.mktemp("randomise")
    return randomise(*SETS, **WAYS, folder=folder, repetitions=2), folder


def test_means_of_files(studied):
    table, folder = studied
    assert [(row.noise, row.sparsity) for row in table] == [(0.0, 0.0), (0.0, 0.9), (1.0, 0.0), (1.0, 0.9)]
    assert len(list(folder.glob("*.mdl"))) == 8
    records = [json.loads(path.read_text()) for path in folder.glob("noise-1-sparsity-0.9-*.json")]
    row = table.rows[3]
    assert row.network_bytes == np.mean([record["network_bytes"] for record in records])
    assert row.network_bytes_error == pytest.approx(
        abs(records[0]["network_bytes"] - records[1]["network_bytes"]) / 2
    )
    assert row.training_accuracy == pytest.approx(
        1 - np.mean([record["training_error"] for record in records])
    )
    assert table.rows[0].training_accuracy > 0.95  # a network that is not pruned fits
    assert table.rows[1].nonzeros < table.rows[0].nonzeros
    assert all(row.least_bytes < row.network_bytes for row in table)
    assert len(table.plot().axes) == 3
    left, theorem = table.findings()
    assert f"{table.rows[3].training_accuracy:.1%} at noise 1" in left
    assert theorem.startswith("Theorem 6.1 is below the networks' mean size everywhere")
    beyond = replace(table, rows=(replace(table.rows[0], least_bytes=1e6), *table.rows[1:]))
    assert "is above the networks' mean size at noise 0, sparsity 0:" in beyond.findings()[1]
    assert randomise(*SETS, **WAYS, folder=folder, repetitions=2) == table
    with pytest.raises(MdlcodecError, match="another folder"):
        randomise(*SETS, **(WAYS | {"n": 50}), folder=folder)


def test_noise_is_a_share_of_the_same_draws():
    classes = np.arange(3000) % 10
    rows, clean = noised(classes, 10, 2000, 0.0, 1)
    assert np.array_equal(clean, classes[rows])
    assert len(set(rows.tolist())) == 2000
    some, half = noised(classes, 10, 2000, 0.5, 1)
    assert np.array_equal(some, rows)
    assert 0.4 < np.mean(half != clean) < 0.5  # a tenth of the draws are the class itself
    _, all_of_them = noised(classes, 10, 2000, 1.0, 1)
    changed = half != clean
    assert np.array_equal(half[changed], all_of_them[changed])
    assert not np.array_equal(noised(classes, 10, 2000, 1.0, 2)[1], all_of_them)


def test_theorem_6_1():
    assert least_entropy(100, 0.0, 0.0) == 0.0
    assert least_entropy(100, 0.2, 0.2) == pytest.approx(0.0, abs=1e-12)
    # what it learned tells of every example whether it was there: l = 1/2, p = 0, q = 1
    assert least_entropy(100, 0.0, 1.0) == 100.0
    p, q, mean = 0.1 / 0.6, 0.9 / 1.4, 0.3
    expected = 1000 * (1 - mean * binary_entropy(p) - (1 - mean) * binary_entropy(q))
    assert least_entropy(1000, 0.1, 0.5) == pytest.approx(expected)
    assert binary_entropy(0.5) == 1.0
    with pytest.raises(ValueError, match="shares"):
        least_entropy(10, -0.1, 0.5)
    assert not math.isnan(least_entropy(10, 1.0, 1.0))


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"noise": ()}, "noise is made of shares"),
        ({"noise": (1.5,)}, "noise is made of shares"),
        ({"sparsity": (1.0,)}, "sparsity is made of shares"),
        ({"sparsity": (0.5, 0.5)}, "the same"),
        ({"n": 1000}, "choose 1 to 150"),
        ({"repetitions": 0}, "how many"),
        ({"jobs": 0}, "how many"),
    ],
)
def test_what_cannot_be_studied(change, text, tmp_path):
    with pytest.raises(BadData, match=text):
        randomise(*SETS, **(WAYS | change), folder=tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_the_command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savez("set.npz", x=X, y=Y)
    command = ["study", "randomise", "set.npz", "--net", "mlp-8", "--noise", "0.5", "--sparsity", "0.5", "-1"]
    told = CliRunner().invoke(main, [*command, "--n", "40", "--json"])
    assert told.exit_code == 0, told.output
    facts = json.loads(told.stdout)
    assert facts["labels"] == 40
    assert {path.name for path in (tmp_path / "set.randomise").iterdir()} >= {"randomise.json", "index.html"}
