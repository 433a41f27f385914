"""Numbers that a random teacher gives, and students of it in files."""

import hashlib
import json
import math

import numpy as np
import pytest
from click.testing import CliRunner

import mdlcodec
from mdlcodec.cli import main
from mdlcodec.errors import BadData, MdlcodecError
from mdlcodec.studies import teacher
from mdlcodec.studies.teacher import gaussian_bits
from mdlcodec.studies.teachers import teacher_of

WAYS = {"n": (40, 80), "sparsify": ("drr",), "strengths": {"drr": [5.0]}, "preset": 1}


@pytest.fixture(scope="module")
def studied(tmp_path_factory):
    folder = tmp_path_factory.mktemp("teacher")
    return teacher((2, 3, 1), (2, 6, 1), **WAYS, folder=folder), folder


def test_rows_are_files(studied):
    table, folder = studied
    assert [(row.n, row.method) for row in table] == [
        (n, method) for n in (40, 80) for method in ("drr", "prequential", "uniform")
    ]
    x, y = teacher_of((2, 3, 1), 0.08, 0).examples(80)
    for row, name in zip(table, ("40-0-drr-5", "40-0-prequential", "40-0-uniform"), strict=False):
        blob = (folder / f"{name}.mdl").read_bytes()
        assert row.bytes == len(blob)
        assert np.array_equal(mdlcodec.decode(blob, x[:40]), y[:40])
    two_part = table.rows[0]
    assert two_part.network_bytes + two_part.targets_bytes < two_part.bytes
    assert two_part.test_error > 0
    assert table.rows[1].network_bytes is None
    assert table.rows[0].teacher_nonzeros == 2 * 3 + 3 + 3 + 1
    assert table.shortest(40, "drr") == two_part.bytes
    assert table.plot().axes
    assert [axes.get_title() for axes in table.frontier().axes] == ["n = 40", "n = 80"]
    shortest = min(two_part.bytes, table.rows[1].bytes, table.rows[2].bytes)
    assert (
        f"({shortest:,} bytes, {shortest / table.gaussian(40):.2f} of one Gaussian's)" in table.findings()[0]
    )
    assert f"of drr ({two_part.bytes:,} bytes" in table.findings()[0]
    assert teacher((2, 3, 1), (2, 6, 1), **WAYS, folder=folder) == table
    with pytest.raises(MdlcodecError, match="another folder"):
        teacher((2, 3, 1), (2, 6, 1), sigma=0.5, **WAYS, folder=folder)


def test_a_teacher_is_drawn_exactly():
    """The same on every machine: these are hashes of its weights and of what it gave."""
    one = teacher_of((2, 5, 8, 1), 0.08, 3)
    weights = hashlib.sha256(b"".join(array.tobytes() for array in one.weights.values())).hexdigest()
    x, y = one.examples(200)
    assert (weights[:16], hashlib.sha256(x.tobytes() + y.tobytes()).hexdigest()[:16]) == DRAWN
    more = one.examples(300)
    assert np.array_equal(more[0][:200], x)
    assert np.array_equal(more[1][:200], y)
    assert not np.array_equal(one.examples(200, 1)[0], x)
    assert np.array_equal(y * 256, np.rint(y * 256))
    _, many = one.examples(9000)
    assert (many == 0).any()
    assert not np.signbit(many[many == 0]).any()  # a code of multiples gives no -0.0 back
    clean = teacher_of((2, 5, 8, 1), 0.0, 3).examples(4000)[1]
    assert 0.6 < clean.std() < 1.0
    assert abs((y - clean[:200]).std() - 0.08) < 0.02


DRAWN = ("a8de2c31e1190d4f", "a91db67601308a89")


def test_one_gaussian():
    values = np.random.default_rng(0).normal(0.3, 2.0, 4000)
    rounded = np.rint(values * 256) / 256
    expected = 4000 * (0.5 * math.log2(2 * math.pi * math.e * rounded.var()) + 8)
    assert gaussian_bits(rounded, 1 / 256) == pytest.approx(expected, rel=1e-3)
    assert gaussian_bits(np.zeros(5), 1 / 256) < 1


@pytest.mark.parametrize(
    ("sizes", "student", "change", "text"),
    [
        ((2, 3, 2), (2, 6, 1), {}, "one output"),
        ((2, 1), (2, 6, 1), {}, "hidden layer"),
        ((2, 3, 1), (3, 6, 1), {}, "takes the teacher's 2 inputs"),
        ((2, 3, 1), (2, 6, 1), {"sigma": -1.0}, "sigma"),
        ((2, 3, 1), (2, 6, 1), {"sigma": math.nan}, "sigma"),
        ((2, 3, 1), (2, 6, 1), {"n": ()}, "numbers of examples"),
        ((2, 3, 1), (2, 6, 1), {"n": (1,)}, "numbers of examples"),
        ((2, 3, 1), (2, 6, 1), {"sparsify": ()}, "no method"),
        ((2, 3, 1), (2, 6, 1), {"seeds": 0}, "how many"),
    ],
)
def test_what_cannot_be_studied(sizes, student, change, text, tmp_path):
    with pytest.raises(BadData, match=text):
        teacher(sizes, student, **(WAYS | change), folder=tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_the_command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    command = ["study", "teacher", "--teacher", "1,2,1", "--student", "1,3,1", "--n", "20:40:2", "-1"]
    told = CliRunner().invoke(main, [*command, "--sparsify", "rl1", "--strength", "rl1=5", "--json"])
    assert told.exit_code == 0, told.output
    assert {row["n"] for row in json.loads(told.stdout)["points"]} == {20, 40}
    assert {path.name for path in (tmp_path / "teacher").iterdir()} >= {
        "teacher.json",
        "bits.png",
        "loss.png",
        "index.html",
    }
