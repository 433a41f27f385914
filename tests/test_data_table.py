"""mdlcodec/data/table.py and numbers.py: cells, header line, label column, digest (formats/data.md, 3)."""

import csv
import gzip
import io
import lzma
import random
import sys
from decimal import Decimal

import numpy as np
import pytest
from bad_data import failure
from hypothesis import given
from hypothesis import strategies as st

from mdlcodec import data
from mdlcodec.data.numbers import canonical_integer, is_missing, is_number, parse


@pytest.fixture
def table(tmp_path):
    def write(text, name="t.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(path)

    return write


def as_csv(rows):
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL).writerows(rows)
    return out.getvalue()


# Numbers


@pytest.mark.parametrize(
    ("cell", "number"),
    [
        ("0", 0),
        ("-7", -7),
        ("+007", 7),
        ("9" * 30, int("9" * 30)),
        ("1.", 1.0),
        (".5", 0.5),
        ("-1.5e-3", -0.0015),
        ("1E+2", 100.0),
        ("1e999", float("inf")),
        ("-Infinity", float("-inf")),
        ("inf", float("inf")),
    ],
)
def test_numbers(cell, number):
    assert is_number(cell)
    (parsed,) = parse([cell])
    assert parsed == number
    assert type(parsed) is type(number)


@pytest.mark.parametrize(
    "cell",
    [
        "",
        ".",
        "-",
        "1e",
        "e5",
        "1_000",
        "0x1",
        "1,5",
        " 1",
        "1 ",
        "--1",
        "\u0661",
        "\uff11",
        "nan",
        "1" * 401,
        "infi",
    ],
)
def test_not_numbers(cell):
    assert not is_number(cell)
    assert parse(["1", cell]) is None


@given(st.floats(allow_nan=False))
def test_decimals_are_correctly_rounded(value):
    assert parse([repr(value), "0.5"]) == [value, 0.5]
    if np.isfinite(value):
        exact = f"{Decimal(value):f}"
        if len(exact) <= 400:
            assert parse([exact, "0.5"]) == [value, 0.5]


def test_missing():
    assert all(map(is_missing, ["", "?", "NA", "n/a", "NaN", "Null", "NONE"]))
    assert not any(map(is_missing, ["0", "-", "nope", "nul", "nanana"]))


@given(st.integers(-(2**70), 2**70))
def test_canonical_integers(value):
    assert canonical_integer(str(value)) == (-(2**63) <= value < 2**63)
    for cell in (f"+{abs(value)}", f"0{abs(value)}", f"{value}.0", f" {value}", "-0", ""):
        assert not canonical_integer(cell)


# Cells


def test_table(table):
    text = 'age, job ,pay\n30, cook ,<=50K\n\n41,"cook, head",>50K\n  \t\n?,,<=50K\n'
    dataset = data.read(table(text))
    assert dataset.labels.array().tolist() == ["<=50K", ">50K", "<=50K"]
    assert dataset.labels.column == data.LabelColumn(2, "pay")
    assert dataset.labels.form == "csv"
    assert dataset.inputs.n == 3
    assert data.label_bytes(dataset.labels, "csv") == b"pay\n<=50K\n>50K\n<=50K\n"
    for same in (
        text.replace("\n", "\r\n"),
        "\ufeff" + text,
        text.rstrip("\n"),
        "ages,jobs,wages\n" + text.split("\n", 1)[1],
        as_csv([["a", "b", "c"], ["30", "cook", "<=50K"], ["41", "cook, head", ">50K"], ["?", "", "<=50K"]]),
    ):
        other = data.read(table(same))
        assert other.inputs.digest == dataset.inputs.digest
        np.testing.assert_array_equal(other.inputs.features, dataset.inputs.features)
        assert other.labels.array().tolist() == dataset.labels.array().tolist()
    for other in (text.replace("41", "42"), text.replace("?", "NA"), text.replace("41,", "41.0,")):
        assert data.read(table(other)).inputs.digest != dataset.inputs.digest


def test_packed_tables_and_names(table):
    raw = b"1,a\n2,b\n3,a\n"
    digest = data.read(table(raw)).inputs.digest
    for name, packed in (
        ("t.csv.gz", gzip.compress(raw)),
        ("t.data.xz", lzma.compress(raw)),
        ("t.txt", raw),
        ("t.data_10_percent.gz", gzip.compress(raw[:4]) + gzip.compress(raw[4:])),
        ("t.txt.xz", lzma.compress(raw[:4]) + bytes(8) + lzma.compress(raw[4:]) + bytes(4)),
    ):
        assert data.read(table(packed, name)).inputs.digest == digest
    for name in ("t.xls", "csv", "t.csv.zip", "t.csvx"):
        assert "cannot tell" in failure(data.read, table(raw, name))


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "no rows"),
        ("\n \n", "no rows"),
        ("1,2\n3\n", "line 2 has 1 cells"),
        ("1,2\n\n3,4,5\n", "line 3 has 3 cells"),
        (b"1,a\n2,\xe9\n", "line 2 is not UTF-8"),
        (b"1,a\n2,\0\n", "line 2 has a NUL"),
        ("1,a\n2,b".encode("utf-16"), "UTF-8"),
        ('1,"a\n2,b\n', "line 2: unexpected end of data"),
        ('1,"a"b\n', "line 1: ',' expected after '\"'"),
        ("1,a\r2,b\r3,c", "line 1: new-line character"),
        ("1," + "a" * 200_000 + "\n", "line 1: field larger than field limit"),
        ("1\n2\n3\n", "no columns beside the labels"),
    ],
)
def test_bad_tables(table, text, what):
    assert what in failure(data.read, table(text))


def test_long_rows(table, monkeypatch):
    monkeypatch.setattr("mdlcodec.data.table.MAX_ROW_BYTES", 100)
    said = "belongs to a row of more than 100 bytes"
    assert f"line 2 {said}" in failure(data.read, table("1,2\n" + "1," * 50 + "1\n"))
    assert f"line 13 {said}" in failure(data.read, table('1,"2\n' + '2",3,"4\n' * 99))
    assert data.read(table("1,2\n" * 50)).inputs.n == 50


def test_many_columns(table):
    row = ",".join(["1"] * 65_536)
    (content,) = data.read_candidates(table(row + "\n"))
    assert content.n == 1
    assert "has 65537 columns; at most 65536" in failure(data.read, table(row + ",1\n"))


@pytest.mark.parametrize(("ending", "pack"), [(".gz", gzip.compress), (".xz", lzma.compress)])
def test_damaged_and_hostile_packing(table, monkeypatch, ending, pack):
    raw = b"1,a\n2,b\n" * 1000
    packed = pack(raw)
    for bad in (packed[:-10], packed[: len(packed) // 2], b"1,a\n2,b\n", packed + b"xyz"):
        assert "cannot read" in failure(data.read, table(bad, "t.csv" + ending))
    monkeypatch.setattr("mdlcodec.data.bounded.open_bounded.__defaults__", (7999,))
    assert "unpacks to more bytes" in failure(data.read, table(packed, "t.csv" + ending))


def test_xz_that_asks_for_memory(table):
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 2**28}]
    packed = lzma.LZMACompressor(filters=filters)
    bomb = packed.compress(b"1,a\n") + packed.flush()
    assert "cannot read" in failure(data.read, table(bomb, "t.csv.xz"))


# Header line


@pytest.mark.parametrize(
    ("text", "header"),
    [
        ("a,b\n1,x\n2,y\n", True),
        ("1,x\n2,y\n", False),
        ("a,c\nb,d\n", False),
        (",a,b\n0,1,x\n1,2,y\n", True),
        ("Na,Mg,type\n1,2,x\n3,4,y\n", True),
        ("a,b\n?,x\n?,y\n", False),
        ("a,b\n?,x\n1,y\n", True),
        ("a,1,y\n2,3,x\n", False),
        ("?,?,x\n1,2,y\n", False),
        ("a,b\n", False),
    ],
)
def test_header(table, text, header):
    dataset = data.read(table(text))
    assert (dataset.labels.column.name is not None) == header
    assert dataset.inputs.n == len(text.splitlines()) - header


def test_header_does_not_depend_on_labels(table):
    for labels in (["y", "1", "2"], ["y", "a", "b"], ["1", "2", "3"]):
        dataset = data.read(table("".join(f"{x},{y}\n" for x, y in zip("a12", labels, strict=True))))
        assert dataset.labels.column.name == labels[0]
        dataset = data.read(table("".join(f"{x},{y}\n" for x, y in zip("abc", labels, strict=True))))
        assert dataset.labels.column.name is None


def test_target(table):
    path = table("a,b,b,7\n1,2,x,p\n3,4,y,q\n")
    for target, index in ((None, 3), ("0", 0), ("-1", 3), ("-4", 0), ("a", 0), ("+2", 2), ("7", 3)):
        assert data.read(path, target=target).labels.column.index == index
    for target, what in (
        ("8", "4 columns, 0 to 3"),
        ("-5", "4 columns"),
        ("b", "several columns"),
        ("c", "'a', 'b', 'b', '7'"),
        ("", "is not in the first line"),
    ):
        assert what in failure(data.read, path, target=target)
    # a name makes the first row a header line, even where the rule would not
    path = table("cap,gill,class\nred,wide,e\nblue,wide,p\n")
    assert data.read(path).inputs.n == 3
    named = data.read(path, target="class")
    assert named.inputs.n == 2
    assert named.labels.array().tolist() == ["e", "p"]
    (inputs,) = data.read_inputs(path, ignore=2, header=True, digest=named.inputs.digest)
    assert inputs.n == 2
    assert "header line but no rows" in failure(data.read, table("a,b\n"), target="b")


NUMBERED = "0,1,2,3\n" + "".join(f"{i}.5,{i}.25,{i}.125,{'abc'[i % 3]}\n" for i in range(9))
YEARS = "region,2019,2020,label\n" + "".join(f"r{i},{i},{i + 1},{'ab'[i % 2]}\n" for i in range(9))


@pytest.mark.parametrize(
    ("text", "n", "said"),
    [
        (NUMBERED, 9, "as a header"),
        (NUMBERED.replace("0,1,2,3", ",0,1,2", 1), 9, "as a header"),
        ("0,1,2,3,4\n" + "5,6,7,8,9\n" * 4, 4, "as a header"),
        (YEARS, 9, "as a header"),
        ("a,b\n1,x\n2,y\n", 2, "as a header"),
        ("0,1,2\n1,2,0\n2,0,1\n", 3, "as an example"),
        ("1998,1999,x\n1999,2000,y\n", 2, "as an example"),
        ("r,2019,x\ns,5,y\nt,6,y\n", 3, "as an example"),
        ("colour,shape,class\nred,wide,e\nblue,wide,p\nblue,thin,e\nred,thin,p\n", 5, "as an example"),
        ("5.1,3.5,a\n4.9,3.0,a\n4.7,3.2,b\n", 3, None),
        ("0,0,1\n0,1,0\n1,1,1\n", 3, None),
    ],
)
def test_a_first_line_that_may_be_a_header(table, text, n, said):
    path = table(text)
    dataset = data.read(path)
    assert dataset.inputs.n == n
    assert [said in note and "the first line" in note for note in dataset.notes] == [True] * (
        said is not None
    )
    rows = text.count("\n")
    for header, left in ((True, rows - 1), (False, rows)):
        settled = data.read(path, header=header)
        assert (settled.inputs.n, settled.notes) == (left, ())
        column = settled.labels.column
        assert (column.name is not None) == header
        again = data.read_inputs(path, ignore=column.index, header=header, digest=settled.inputs.digest)
        assert [inputs.n for inputs in again] == [left]


def test_names_win_over_indices(table):
    years, numbered = table(YEARS), table("2,1,0\n" + "0.5,x,a\n1.5,y,b\n", "n.csv")
    for options, index, n in (
        ({"target": "2020"}, 2, 9),
        ({"target": "1"}, 1, 9),
        ({"target_index": 0}, 0, 9),
        ({"target": "2020", "header": True}, 2, 9),
    ):
        dataset = data.read(years, **options)
        assert (dataset.labels.column.index, dataset.inputs.n) == (index, n)
    assert data.read(numbered, target="0").labels.array().tolist() == ["a", "b"]
    assert data.read(numbered, target_index=0).labels.column.index == 0
    assert data.read(numbered, target="0", header=False).labels.array().tolist() == ["2", "0.5", "1.5"]
    # where the first line is no header line, numbers in it name nothing
    plain = data.read(table("5,0.5,0\n3,1.5,4\n", "p.csv"), target="0")
    assert (plain.labels.column.index, plain.inputs.n) == (0, 2)
    [note] = data.read(numbered, target="0").notes
    assert "--target 0 is taken as the name of column 2" in note and "--target-index 0 takes column 0" in note
    assert not data.read(numbered, target_index=0).notes[1:]
    other = table("5,1.5,0\n3,0.5,4\n1,2.5,4\n", "o.csv")
    assert "has 3 columns" in failure(data.read, other, target="5")
    assert "give --target-index" in failure(data.read, years, target="label", header=False)
    assert "give one of them" in failure(data.read, years, target="label", target_index=1)
    assert "--target-index 4" in failure(data.read, years, target_index=4)
    for options in ({"target_index": 0}, {"header": True}):
        assert "is for tables" in failure(data.read, "digits", **options)


def test_quoted_labels_keep_their_spaces(table):
    text = '1," a "\n2,a\n3,"\ta"\n4, " a"\n5,\ta \n6," ""x"",\n"\n'
    dataset = data.read(table(text), header=False)
    assert dataset.labels.array().tolist() == [" a ", "a", "\ta", " a", "a", ' "x",\n']
    assert (
        dataset.inputs.digest
        == data.read(table(text.replace('1,"', '" 1 ","', 1)), header=False).inputs.digest
    )
    written = data.label_bytes(dataset.labels, "csv").decode()
    rows = list(csv.reader(io.StringIO(written, newline=""), strict=True))
    assert [row[0] for row in rows] == dataset.labels.array().tolist()
    named = data.read(table('a," kind "\n1,x\n2,y\n'), target="kind")
    assert named.labels.column.name == " kind "


def test_blank_lines_are_bounded(table, monkeypatch):
    monkeypatch.setattr("mdlcodec.data.table._MORE_BLANK_LINES", 10)
    assert data.read(table("\n" * 9 + "1,a\n\n" * 50)).inputs.n == 50
    assert "more blank lines than rows" in failure(data.read, table(gzip.compress(b"\n" * 12), "t.csv.gz"))


# Decoding


words = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=4).map(
    lambda w: w.strip(" \t")
)
cells = st.one_of(words, st.sampled_from(["1", "2.5", "?", "", "-3", "NA", "1e400"]))


@given(
    st.integers(2, 5).flatmap(
        lambda width: st.lists(st.lists(cells, min_size=width, max_size=width), min_size=1)
    ),
    st.integers(0, 4),
    st.booleans(),
    st.sampled_from([None, 1, 2, 3]),
)
def test_decoder_finds_the_inputs(tmp_path_factory, rows, index, named, limit):
    index %= len(rows[0])
    folder = tmp_path_factory.mktemp("table")
    if named:
        rows = [[f"name {j}" for j in range(len(rows[0]))], *rows]
    (folder / "all.csv").write_text(as_csv(rows), newline="")
    (folder / "inputs.csv").write_text(as_csv([row[:index] + row[index + 1 :] for row in rows]), newline="")
    chosen = {"target": f"name {index}"} if named else {"target_index": index}
    dataset = data.read(str(folder / "all.csv"), limit=limit, **chosen)
    column = dataset.labels.column
    expected = [row[index] for row in rows][column.name is not None :][:limit]
    assert [str(label) for label in dataset.labels.array()] == expected
    for name in ("all.csv", "inputs.csv"):
        found = data.read_inputs(
            str(folder / name),
            limit=limit,
            ignore=column.index,
            header=column.name is not None,
            digest=dataset.inputs.digest[:4],
        )
        assert found[0].digest == dataset.inputs.digest
        np.testing.assert_array_equal(found[0].features, dataset.inputs.features)


def test_candidates(table):
    path = table("1,2,x\n3,4,y\n")
    widths = [inputs.features.shape[1] for inputs in data.read_inputs(path, ignore=2)]
    assert widths == [2, 3]
    assert len(data.read_inputs(path, ignore=3)) == 1
    assert len(data.read_inputs(path, ignore=None)) == 1
    assert data.read_inputs(path, ignore=2, digest=b"not a digest") == []
    dataset = data.read(path)
    swapped = table("2,1,x\n4,3,y\n")
    assert data.read_inputs(swapped, ignore=2, digest=dataset.inputs.digest[:4]) == []
    assert data.read(path, labels=False).inputs.features.shape == (2, 3)


def test_integer_labels(table):
    assert data.read(table("a,0\nb,-12\n")).labels.values.tolist() == [-12, 0]
    assert data.read(table("a,0\nb,-12\n")).labels.values.dtype == np.int64
    assert data.read(table("a,0\nb,01\n")).labels.values.tolist() == ["0", "01"]
    assert data.read(table("a,0\nb,\n")).labels.values.tolist() == ["", "0"]
    assert data.read(table("a,10\nb,9\n")).labels.values.tolist() == [9, 10]
    assert data.read(table(f"a,{2**63}\nb,1\n")).labels.values.tolist() == ["1", str(2**63)]


def test_one_class_many_classes_and_no_target_leak(table):
    assert data.read(table("1,a\n2,a\n")).labels.values.tolist() == ["a"]
    rows = [[str(i), str((i * 7919) % 1000)] for i in range(3000)]
    dataset = data.read(table(as_csv(rows)))
    assert len(dataset.labels.values) == 1000
    random.Random(0).shuffle(labels := [row[1] for row in rows])
    other = data.read(table(as_csv([[row[0], label] for row, label in zip(rows, labels, strict=True)])))
    np.testing.assert_array_equal(other.inputs.features, dataset.inputs.features)
    assert other.inputs.digest == dataset.inputs.digest


def test_python_limits_do_not_show(table):
    sys.set_int_max_str_digits(sys.int_info.default_max_str_digits)
    dataset = data.read(table("9" * 5000 + ",a\n" + "8" * 5000 + ",b\n" + "7" * 399 + ",b\n"))
    assert np.isfinite(dataset.inputs.features).all()
