"""Test loss and codelength against the number of examples, regularised and not; Theorem 2.1."""

import json
import math

import numpy as np
import pytest
from click.testing import CliRunner
from label_sets import blobs

import mdlcodec
from mdlcodec.cli import main
from mdlcodec.errors import BadData, MdlcodecError
from mdlcodec.report.intervals import Interval, quantile
from mdlcodec.report.samples_table import PREQUENTIAL, REGULARISED, UNREGULARISED, SampleRow, SamplesTable
from mdlcodec.studies.samples import samples, samples_of_teacher
from mdlcodec.studies.tasks import TASKS
from mdlcodec.studies.teacher_files import bits_under, filed, taught_by
from mdlcodec.studies.teachers import teacher_of

X, Y = blobs(200, 3)
SETS = X[:150], Y[:150], X[150:], Y[150:]
WAYS = {"n": (30, 60), "net": "mlp-8", "strengths": {"drr": [1.0, 10.0]}, "seeds": 1, "preset": 1}
TAUGHT = {"n": (20, 50), "strengths": {"drr": [30.0]}, "seeds": 2, "preset": 1}


@pytest.fixture(scope="module")
def studied(tmp_path_factory):
    folder = tmp_path_factory.mktemp("samples")
    return samples(*SETS, **WAYS, folder=folder), folder


@pytest.fixture(scope="module")
def taught(tmp_path_factory):
    folder = tmp_path_factory.mktemp("taught")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mdlcodec.studies.trained_files.run_side_by_side", _here)
        return samples_of_teacher((2, 3, 1), (2, 6, 1), **TAUGHT, folder=folder), folder


def _here(jobs, workers, *, one_thread=False):
    """In this process; `studied` and test_study_teacher.py have the others."""
    for job in jobs:
        task = job.begin()
        module = TASKS[task["of"]]
        yield job, {**module.encode(task), **module.decode(task)}


def test_of_several_strengths_the_shortest_file_counts(studied):
    table, folder = studied
    kinds = [REGULARISED, UNREGULARISED, PREQUENTIAL]
    assert [(row.n, row.kind) for row in table] == [(n, kind) for n in (30, 60) for kind in kinds]
    for n in (30, 60):
        both = [folder / f"{n}-0-drr-{strength}.mdl" for strength in (1, 10)]
        row = table.of(n, REGULARISED)[0]
        assert row.bytes == min(len(path.read_bytes()) for path in both)
        blob = (folder / f"{n}-0-drr-{row.strength:g}.mdl").read_bytes()
        sizes = {part["name"]: part["bytes"] for part in mdlcodec.inspect(blob)["sections"]}
        assert (row.network_bytes, row.targets_bytes) == (sizes["network"], sizes["labels"])
        assert all(row.test_loss > 0 and 0 <= row.test_error <= 1 for row in table if row.n == n)
    # no weight is gone where nothing regularises
    dense = mdlcodec.unpack((folder / "60-0-not-regularised.mdl").read_bytes())
    assert all(np.count_nonzero(array) == array.size for array in dense.values())
    assert not table.has_teacher
    assert len(table.plot().axes) == 2
    with pytest.raises(ValueError, match="no teacher"):
        table.above_teacher(30)
    assert samples(*SETS, **WAYS, folder=folder) == table
    with pytest.raises(MdlcodecError, match="another folder"):
        samples(*SETS, **(WAYS | {"net": "mlp-9"}), folder=folder)


def test_fewer_examples_are_among_more(studied):
    _, folder = studied
    held = [json.loads((folder / f"{n}-0-prequential.json").read_text()) for n in (30, 60)]
    assert held[0]["training x"] != held[1]["training x"]
    assert held[0]["test x"] == held[1]["test x"]


def test_a_teacher_draws_what_its_file_says(taught):
    table, folder = taught
    blob, one = filed(teacher_of((2, 3, 1), 0.08, 1))
    read = mdlcodec.unpack(blob)
    assert float(read["sigma"][0]) == one.sigma == pytest.approx(0.08)
    again = taught_by(blob, 1)
    assert all(np.array_equal(read[name], array) for name, array in again.weights.items())
    x, y = again.examples(50)
    row = table.of(50, PREQUENTIAL)[1]
    assert np.array_equal(mdlcodec.decode((folder / "50-1-prequential.mdl").read_bytes(), x), y)
    assert (row.teacher_bytes, row.teacher_bits) == (len(blob), bits_under(one, x, y))
    above = table.above_teacher(50)
    both = [8 * row.bytes - row.teacher_bits for row in table.of(50, PREQUENTIAL)]
    assert above.mean == pytest.approx(np.mean(both))
    assert all(bits > 0 for bits in both)
    assert len(table.plot().axes) == 3
    assert any("the teacher's own file has" in said for said in table.findings())


def test_bits_under_a_teacher():
    """The entropy of noise, cell by cell; far out nothing cancels."""
    _, one = filed(teacher_of((2, 3, 1), 0.08, 0))
    x, y = one.examples(4000)
    entropy = math.log2(0.08 * 256 * math.sqrt(2 * math.pi * math.e))
    assert bits_under(one, x, y) / 4000 == pytest.approx(entropy, abs=0.03)
    given = one.examples(1)[1]
    for far in (10.0, -10.0):
        away = bits_under(one, x[:1], given + 0.08 * far)
        assert 50 < away < 150
    assert bits_under(filed(teacher_of((2, 3, 1), 0.0, 0))[1], x, y) == 0.0


def test_intervals_are_students():
    known = {1: 12.7062, 2: 4.3027, 3: 3.1824, 4: 2.7764, 9: 2.2622, 10: 2.2281, 30: 2.0423}
    assert {freedom: round(quantile(0.95, freedom), 4) for freedom in known} == known
    one = Interval.of([1.0, 2.0, 3.0])
    assert one.mean == 2.0
    assert one.half == pytest.approx(4.3027 / math.sqrt(3), rel=1e-4)
    assert one.has_zero
    assert not Interval.of([1.0, 1.1, 1.2]).has_zero
    assert Interval.of([5.0]).has_zero


def _table(losses, sizes):
    """Of losses and bytes by n: (regularised, not) for each seed."""
    rows = [
        SampleRow(n, seed, kind, None, None, size, None, None, None, loss, None)
        for n in losses
        for seed, (pair, both) in enumerate(zip(losses[n], sizes[n], strict=True))
        for kind, loss, size in zip((REGULARISED, UNREGULARISED), pair, both, strict=True)
    ]
    rows += [
        SampleRow(n, seed, PREQUENTIAL, None, None, 9, None, None, None, None, None)
        for n in losses
        for seed in range(3)
    ]
    return SamplesTable(tuple(rows), "bits a label")


def test_no_difference_is_said_where_the_interval_has_zero():
    losses = {
        10: [(1.0, 2.0), (1.1, 2.1), (1.2, 2.25)],
        100: [(0.5, 0.6), (0.7, 0.6), (0.6, 0.6)],
        1000: [(0.4, 0.1), (0.4, 0.11), (0.4, 0.12)],
    }
    sizes = {n: [(50, 100), (52, 100), (51, 100)] for n in losses}
    table = _table(losses, sizes)
    said = table.findings()
    assert "lower" in said[0]
    assert "no difference" in said[1]
    assert "higher" in said[2]
    assert all("shorter (by -51 to -47 bytes)" in one for one in said[:3])
    assert table.fewer(100) is None
    assert "no fewer examples" in said[3]
    losses[100] = [(0.05, 0.6), (0.06, 0.6), (0.07, 0.6)]
    better = _table(losses, sizes)
    assert better.fewer(1000) == 100
    assert "100 in place of 1,000" in better.findings()[3]
    single = SamplesTable(tuple(row for row in better if row.seed == 0), "bits a label")
    assert "one seed says nothing" in single.findings()[0]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"n": ()}, "different numbers"),
        ({"n": (1,)}, "different numbers"),
        ({"n": (30, 30)}, "different numbers"),
        ({"n": (30, 1000)}, "choose less"),
        ({"n": (2,)}, "choose a larger n"),
        ({"seeds": 0}, "how many"),
        ({"sparsify": ("best",), "strengths": {}}, "no way to sparsify"),
        ({"jobs": 0}, "how many"),
    ],
)
def test_what_cannot_be_studied(change, text, tmp_path):
    with pytest.raises(BadData, match=text):
        samples(*SETS, **(WAYS | change), folder=tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_the_command_goes_on_from_what_is_there(studied, tmp_path, monkeypatch):
    _, folder = studied
    monkeypatch.chdir(tmp_path)
    np.savez("set.npz", x=SETS[0], y=SETS[1])
    np.savez("others.npz", x=SETS[2], y=SETS[3])
    monkeypatch.setattr("mdlcodec.studies.trained_files.run_side_by_side", lambda jobs, *_, **__: iter(jobs))
    command = ["study", "samples", "set.npz", "--test", "others.npz", "--n", "30,60", "--net", "mlp-8", "-1"]
    told = CliRunner().invoke(
        main, [*command, "--strength", "drr=1,10", "--seeds", "1", "-o", str(folder), "--json"]
    )
    assert told.exit_code == 0, told.output
    facts = json.loads(told.stdout)
    assert facts["unit"] == "bits a label"
    assert len(facts["points"]) == 6
    assert {path.name for path in folder.iterdir()} >= {"samples.json", "samples.png", "index.html"}
    assert "one seed says nothing of differences" in (folder / "index.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["teacher", "--net", "mlp-8"], "--net is for DATA"),
        (["teacher", "--limit", "5"], "--limit is for DATA"),
        (["digits", "--sigma", "0.1"], "--sigma is for a teacher"),
        (["digits", "--n", "many"], "no list of numbers"),
    ],
)
def test_options_of_the_other_kind_of_data(arguments, text):
    told = CliRunner().invoke(main, ["study", "samples", *arguments])
    assert told.exit_code == 2
    assert text in told.stderr
