"""Sparse networks by several methods at several strengths, as a study that goes on."""

import json
from dataclasses import fields

import numpy as np
import pytest
from click.testing import CliRunner
from label_sets import blobs

import mdlcodec
from mdlcodec.cli import main
from mdlcodec.errors import BadData, MdlcodecError
from mdlcodec.report.frontier_table import FrontierRow, FrontierTable, accuracy_against_compression
from mdlcodec.studies.frontier import frontier, spaced

X, Y = blobs(240, 3)
WAYS = {
    "net": "mlp-12",
    "sparsify": ["drr", "entropy"],
    "strengths": {"drr": [0.5, 5.0], "entropy": [0.3]},
    "preset": 1,
}


@pytest.fixture(scope="module")
def studied(tmp_path_factory):
    folder, told = tmp_path_factory.mktemp("frontier"), []
    return (
        frontier(X, Y, **WAYS, folder=folder, jobs=2, progress=lambda *seen: told.append(seen)),
        folder,
        told,
    )


def test_a_point_is_a_file_that_was_decoded(studied):
    table, folder, told = studied
    assert [(row.method, row.strength) for row in table] == [("drr", 0.5), ("drr", 5.0), ("entropy", 0.3)]
    assert [seen[:2] for seen in told] == [(1, 3), (2, 3), (3, 3)]
    held = len(X) - len(X) // 5
    assert (table.labels, table.classes, table.test_labels) == (held, 3, len(X) // 5)
    for row, name in zip(table, ("drr-0.5-0", "drr-5-0", "entropy-0.3-0"), strict=True):
        blob = (folder / f"{name}.mdl").read_bytes()
        assert row.bytes == len(blob)
        assert np.array_equal(mdlcodec.decode(blob, X[:held]), Y[:held])
        sections = {part["name"]: part["bytes"] for part in mdlcodec.inspect(blob)["sections"]}
        assert (row.network_bytes, row.labels_bytes) == (sections["network"], sections["labels"])
        assert 0 <= row.test_error <= 1
        assert row.test_loss > 0


def test_it_goes_on_and_is_the_same_with_one_process(studied, tmp_path):
    table, folder, _ = studied
    before = {path.name: path.read_bytes() for path in folder.glob("*.mdl")}
    again = frontier(X, Y, **WAYS, folder=folder, jobs=1)
    assert again == table
    (folder / "drr-5-0.mdl").write_bytes(b"cut")
    (folder / "drr-5-0.json").unlink()
    frontier(X, Y, **WAYS, folder=folder, jobs=1)
    alone = frontier(
        X, Y, **(WAYS | {"sparsify": ["drr"], "strengths": {"drr": [5.0]}}), folder=tmp_path, jobs=1
    )
    assert (tmp_path / "drr-5-0.mdl").read_bytes() == before["drr-5-0.mdl"]
    assert {path.name: path.read_bytes() for path in folder.glob("*.mdl")} == before
    assert alone.rows[0].bytes == table.rows[1].bytes
    with pytest.raises(MdlcodecError, match="choose another folder"):
        frontier(X, 2 - Y, **WAYS, folder=folder)


def test_pictures_and_what_is_ahead(studied):
    table = studied[0]
    assert table.plot().axes[0].get_xlabel().startswith("bytes")
    assert accuracy_against_compression(table).axes
    sizes = [row.network_bytes for row in table.ahead()]
    assert sizes == sorted(sizes)
    assert table.ahead()
    assert table.methods == ("drr", "entropy")
    *ahead, order = table.findings()
    assert ahead[0].startswith("Ahead by bytes of the network, from the smallest: ")
    first = table.ahead("nonzeros")[0]
    assert first.nonzeros == min(row.nonzeros for row in table)
    assert f"non-zero weights, from the smallest: {first.method} ({first.nonzeros:,}" in ahead[1]
    assert order.startswith("The order of the methods is")
    assert list(table.to_pandas()["method"]) == ["drr", "drr", "entropy"]


def test_the_order_in_counts_may_be_another():
    def row(method, size, nonzeros, loss):
        held = dict.fromkeys((field.name for field in fields(FrontierRow)), 0)
        return FrontierRow(
            **held | {"method": method, "network_bytes": size, "nonzeros": nonzeros, "test_loss": loss}
        )

    rows = (row("a", 100, 50, 0.5), row("b", 200, 10, 0.4), row("a", 300, 90, 0.3), row("b", 400, 5, 0.9))
    said = FrontierTable(rows, 10, 2, 5).findings()
    assert said[0].endswith("a (100), b (200), a (300).")
    assert said[1].endswith("b (5 to 10), a (90).")
    assert "another one" in said[2]
    assert "the same" in FrontierTable(rows[:1], 10, 2, 5).findings()[2]


def test_the_command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savez("set.npz", x=X, y=Y)
    command = [
        "study",
        "frontier",
        "set.npz",
        "--net",
        "mlp-8",
        "--sparsify",
        "magnitude",
        "-1",
        "--jobs",
        "1",
    ]
    told = CliRunner().invoke(main, [*command, "--strength", "magnitude=0.5:0.8:2", "--json"])
    assert told.exit_code == 0, told.output
    facts = json.loads(told.stdout)
    assert [row["strength"] for row in facts["points"]] == [0.5, 0.8]
    folder = tmp_path / "set.frontier"
    assert {path.name for path in folder.iterdir()} >= {
        "frontier.json",
        "index.html",
        "loss.png",
        "accuracy.png",
    }
    page = (folder / "index.html").read_text()
    assert page.count("<svg") == 2
    assert "src=" not in page.replace("xlink:href", "")
    assert page.count("<tr>") == 3


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"sparsify": []}, "there is no method"),
        ({"sparsify": ["drr", "drr"]}, "twice"),
        ({"sparsify": ["best"], "strengths": {}}, "no way to sparsify"),
        ({"strengths": {"drr": [0.0]}}, "out of range"),
        ({"strengths": {"drr": [1e9]}}, "out of range"),
        ({"strengths": {"vib": [0.1]}}, "none of the methods"),
        ({"strengths": {"drr": [1.0, 1.0]}}, "the same"),
        ({"rho": (0.1, 0.1)}, "different numbers"),
        ({"seeds": 0}, "how many"),
        ({"jobs": 0}, "how many"),
        ({"x_test": X}, "go together"),
    ],
)
def test_what_cannot_be_studied_is_refused_before_anything_is_trained(change, text, tmp_path):
    with pytest.raises(BadData, match=text):
        frontier(X, Y, **(WAYS | change), folder=tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_constant_labels_and_unknown_ones():
    with pytest.raises(BadData, match="constant"):
        frontier(X, np.zeros(len(X), int), **WAYS)
    with pytest.raises(BadData, match="no training example"):
        frontier(X, Y, **WAYS, x_test=X[:3], y_test=np.array([0, 1, 9]))


def test_strengths_are_spaced_geometrically():
    assert spaced(1.0, 100.0, 3) == (1.0, 10.0, 100.0)
    assert spaced(2.0, 5.0, 1) == (2.0,)
    assert spaced(0.9, 0.99, 2, of_share=True) == pytest.approx((0.9, 0.99))


@pytest.mark.parametrize("text", ["drr", "drr=", "drr=1:2", "drr=0:2:3", "drr=1:2:0", "drr=a,b"])
def test_strengths_that_are_none(text):
    told = CliRunner().invoke(main, ["study", "frontier", "digits", "--strength", text])
    assert told.exit_code == 2
    assert "strengths" in told.stderr
