"""Tables as people have them: frames, Parquet, Arrow, tabs and semicolons; labels in their own containers."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from bad_data import failure
from click.testing import CliRunner, Result

import mdlcodec
from mdlcodec import data
from mdlcodec.cli import main
from mdlcodec.data.delimiter import delimiter_of
from mdlcodec.errors import BadData

sys.path.insert(0, str(Path(__file__).parents[1] / "formats"))

from decoder.table import rows_of, separator_of

pandas = pytest.importorskip("pandas")
pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

N = 60
FRAME = pandas.DataFrame(
    {
        "size": np.arange(N) / 4,
        "word": [("one", "two", None)[i % 3] for i in range(N)],
        "flag": np.arange(N) % 2 == 0,
        "count": pandas.array([None if i % 7 == 0 else i for i in range(N)], dtype="Int64"),
        "thin": (np.arange(N) / 10).astype(np.float32),
    }
)
LABELS = pandas.Series(["yes" if i % 4 else "no" for i in range(N)], index=np.arange(N) + 100, name="kind")


def run(*arguments: str, exit_code: int = 0) -> Result:
    told = CliRunner().invoke(main, arguments)
    assert told.exit_code == exit_code, told.stderr
    return told


# data frames


def test_a_frame_is_the_table_that_its_cells_make(tmp_path):
    FRAME.to_csv(tmp_path / "t.csv", index=False)
    FRAME.to_parquet(tmp_path / "t.parquet", index=False)
    frame = data.content_of(FRAME)
    for name in ("t.csv", "t.parquet"):
        found = data.read_candidates(str(tmp_path / name), header=True if name == "t.csv" else None)[0]
        assert found.digest == frame.digest, name
        assert np.array_equal(found.features(), frame.features())


def test_a_frame_of_numbers_is_an_array():
    numbers = FRAME[["size", "thin"]]
    assert data.content_of(numbers).digest == data.content_of(numbers.to_numpy()).digest
    assert data.content_of(numbers["size"]).digest == data.content_of(np.arange(N) / 4).digest
    assert data.content_of(FRAME["flag"]).digest == data.content_of(np.arange(N) % 2 == 0).digest


@pytest.mark.parametrize(
    "x",
    [FRAME, FRAME[["size"]], FRAME["word"], FRAME[["flag", "size"]], FRAME["count"]],
    ids=["mixed", "numbers", "text", "flags and numbers", "nullable"],
)
def test_labels_come_back_as_a_series_with_the_index(x):
    indexed = x.set_axis(LABELS.index)
    blob = mdlcodec.encode(indexed, LABELS, code="uniform")
    found = mdlcodec.decode(blob, indexed)
    assert isinstance(found, pandas.Series)
    assert found.index.equals(LABELS.index)
    assert (found == LABELS).all()


def test_series_of_every_kind_are_labels():
    x = np.arange(N)
    for y in (
        LABELS,
        LABELS.astype("category"),
        pandas.Series(np.arange(N) % 3),
        pandas.Series(np.arange(N) % 3, dtype="Int64"),
        pandas.Series(np.arange(N) % 2 == 0),
    ):
        assert (mdlcodec.decode(mdlcodec.encode(x, y, code="uniform"), x) == y.to_numpy()).all()


def test_frames_are_predicted_too():
    found = mdlcodec.encode_labels(FRAME, LABELS, preset=1)
    assert found.predict_proba(FRAME.iloc[:9]).shape == (9, 2)
    assert found.predict_proba(FRAME.iloc[:9].assign(word="new")).shape == (9, 2)
    with pytest.raises(BadData, match="have 4 columns, and the coded ones 5"):
        found.predict_proba(FRAME.drop(columns="word"))


def test_frames_without_examples_are_refused():
    for x in (FRAME.iloc[:0], FRAME[[]]):
        with pytest.raises(BadData, match="no examples"):
            data.content_of(x)


# tensors


@pytest.mark.parametrize(
    "x",
    [
        torch.arange(2.0 * N).reshape(N, 2).requires_grad_(),
        torch.arange(2 * N).reshape(N, 2).to(torch.bfloat16),
        torch.arange(2 * N).reshape(N, 2),
    ],
    ids=["with gradient", "bfloat16", "integers"],
)
def test_labels_come_back_as_a_tensor(x):
    y = torch.arange(N) % 3
    found = mdlcodec.decode(mdlcodec.encode(x, y, code="uniform"), x)
    assert isinstance(found, torch.Tensor)
    assert torch.equal(found, y)
    names = mdlcodec.decode(mdlcodec.encode(x, LABELS, code="uniform"), x)
    assert (names == LABELS.to_numpy()).all()  # tensors hold no text


def test_lists_are_taken():
    x, y = [[float(i), 1.0] for i in range(9)], [i % 2 for i in range(9)]
    assert list(mdlcodec.decode(mdlcodec.encode(x, y, code="uniform"), x)) == y


# Parquet, Arrow


@pytest.fixture()
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    frame = FRAME.assign(kind=LABELS.to_numpy())
    frame.to_parquet("t.parquet", index=False)
    frame.to_feather("t.feather")
    frame.to_csv("t.csv", index=False)
    frame.drop(columns="kind").to_parquet("x.parquet", index=False)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("name", ["t.parquet", "t.feather"])
def test_parquet_and_arrow_are_read(name):
    run("encode", name, "--target", "kind", "--code", "uniform", "--no-verify", "-o", "t.mdl", "--quiet")
    run("decode", "t.mdl", "--inputs", "x.parquet", "-o", "y.csv", "--quiet")
    assert Path("y.csv").read_text().splitlines() == ["kind", *LABELS]
    for same in ("t.csv", "t.feather", "t.parquet"):  # the same cells
        run("test", "t.mdl", "--inputs", same, "--quiet")
    run("encode", "t.csv", "--target", "kind", "--code", "uniform", "--no-verify", "-o", "c.mdl", "--quiet")
    assert Path("c.mdl").read_bytes() == Path("t.mdl").read_bytes()


@pytest.mark.usefixtures("folder")
def test_the_label_column_of_parquet():
    for arguments, column in (
        ((), "kind"),
        (("--target", "word"), "word"),
        (("--target-index", "2"), "flag"),
    ):
        told = data.read("t.parquet", **_asked(arguments)).labels
        assert told.column.name == column
    assert "is not in the first line" in failure(data.read, "t.parquet", target="nothing")
    assert "--header is for tables of text" in failure(data.read, "t.parquet", header=True)
    assert "--delimiter is for tables of text" in failure(data.read, "t.parquet", delimiter=";")


def _asked(arguments):
    names = {"--target": "target", "--target-index": "target_index"}
    pairs = zip(arguments[::2], arguments[1::2], strict=True)
    return {names[name]: int(value) if name == "--target-index" else value for name, value in pairs}


@pytest.mark.usefixtures("folder")
def test_parquet_that_cannot_be_read():
    whole = Path("t.parquet").read_bytes()
    for damaged in (b"", whole[:100], whole[:-20], b"PAR1" + whole[4:-4][::-1] + b"PAR1"):
        Path("bad.parquet").write_bytes(damaged)
        assert "cannot read" in failure(data.read, "bad.parquet")
        Path("bad.arrow").write_bytes(damaged)
        assert "cannot read" in failure(data.read, "bad.arrow")
    parquet.write_table(pyarrow.table({"a": [[1], [2]], "b": [1, 2]}), "nested.parquet")
    assert "which no cell of a table holds" in failure(data.read, "nested.parquet")
    parquet.write_table(pyarrow.table({"b": [1, 2]}), "alone.parquet")
    assert "no columns beside the labels" in failure(data.read, "alone.parquet")
    parquet.write_table(pyarrow.table({"a": [1], "b": [2]}).slice(0, 0), "none.parquet")
    assert "has no rows" in failure(data.read, "none.parquet")


@pytest.mark.usefixtures("folder")
def test_parquet_takes_the_memory_that_readers_may():
    from mdlcodec.errors import LimitExceeded
    from mdlcodec.limits import readers_within

    with readers_within(2000), pytest.raises(LimitExceeded):
        data.read("t.parquet")
    dataset = data.read("t.parquet", limit=20)
    assert dataset.inputs.n == 20
    assert dataset.inputs.digest == data.read("t.csv", limit=20, header=True).inputs.digest


# separators


@pytest.mark.parametrize(
    ("text", "separator"),
    [
        ("a,b,c\n1,2,3\n", ","),
        ("a;b;c\n1;2;3\n", ";"),
        ("a\tb\tc\n1\t2\t3\n", "\t"),
        ("\n  \na;b\n", ";"),
        ('"a,b,c";d\n', ";"),
        ("1,5;2,5;3\n", ";"),
        ("a b c\n", ","),
        ("", ","),
        ('"a""b,c,d"\te\n', "\t"),
        ("\ufeffa;b\n", ";"),
        ('"a;b;c\n', ","),
    ],
)
def test_what_separates_cells_follows_from_the_first_line(text, separator, tmp_path):
    (tmp_path / "t.csv").write_text(text, encoding="utf-8")
    assert delimiter_of(str(tmp_path / "t.csv")) == separator
    assert separator_of(text.encode()) == separator


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_tables_are_the_same_whatever_separates_their_cells(separator, tmp_path):
    rows = [["size", "a word", "kind"], *[[str(i / 4), f"w {i % 5}", "yn"[i % 2]] for i in range(30)]]
    rows[7][1] = 'q"uo,t;e\td'
    paths = []
    for end, name in ((",", "comma"), (separator, "other")):
        lines = [
            end.join(
                '"' + cell.replace('"', '""') + '"' if set(cell) & set(',;"\t') else cell for cell in row
            )
            for row in rows
        ]
        path = tmp_path / f"{name}.tsv"
        path.write_text("\n".join(lines) + "\n")
        paths.append(str(path))
        assert rows_of(path.read_bytes()) == rows
    comma, other = (data.read(path, target="kind") for path in paths)
    assert comma.inputs.digest == other.inputs.digest
    assert comma.labels.cells
    assert list(comma.labels.cells()) == list(other.labels.cells())


def test_a_separator_may_be_said(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("t.txt").write_text("a|b,c|d\n" + "".join(f"{i}|{i % 3},5|{'xy'[i % 2]}\n" for i in range(20)))
    told = run(
        "encode", "t.txt", "--delimiter", "|", "--target", "d", "--code", "uniform", "--json", "--quiet"
    )
    assert '"verified": true' in told.stdout
    run("decode", "t.mdl", "--inputs", "t.txt", "--delimiter", "|", "-o", "y.csv", "--quiet")
    assert Path("y.csv").read_text().splitlines() == ["d", *(["x", "y"] * 10)]
    run("test", "t.mdl", "--inputs", "t.txt", "--delimiter", "|", "--quiet")
    assert "not the inputs" in run("decode", "t.mdl", "--inputs", "t.txt", exit_code=1).stderr
    for bad in ("", "ab", "x", '"', " "):
        assert "cannot separate cells" in run("encode", "t.txt", "-f", "--delimiter", bad, exit_code=2).stderr
    np.savez("t.npz", x=np.arange(3), y=np.arange(3))
    assert "--delimiter is for tables" in run("encode", "t.npz", "-f", "--delimiter", ";", exit_code=2).stderr
