"""`mdlcodec compare`: every code's file on one data set, as a table; interrupted, repeated, failing."""

import hashlib
import json
import math
import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from two_part_cases import network

import mdlcodec
from mdlcodec import data
from mdlcodec.cli import main
from mdlcodec.codes import CODES
from mdlcodec.codes.prequential import LearnedClasses
from mdlcodec.codes.two_part import TwoPartCode
from mdlcodec.compiled import users_folder
from mdlcodec.container import read_label_file, write_label_file
from mdlcodec.errors import BadData, MdlcodecError
from mdlcodec.nn.exact_prediction import exact_outputs
from mdlcodec.nn.zoo import ARCHITECTURES
from mdlcodec.report.accuracy import beside, read_examples
from mdlcodec.report.comparison import ordered_codes
from mdlcodec.report.row import Row
from mdlcodec.report.seal import kept_key, seal
from mdlcodec.report.strict_json import strict_json
from mdlcodec.report.table import table_1

N = 60
RNG = np.random.default_rng(1)
Y = np.arange(N) % 3
X = RNG.normal(size=(N, 2)) + 3.0 * Y[:, None]
COMPARE = ["compare", "data.npz", "--codes", "uniform,prequential", "-1"]
FILES = ["prequential.json", "prequential.mdl", "uniform.json", "uniform.mdl"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with data."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path.parent / f"{tmp_path.name}-cache"))
    np.savez("data.npz", x=X, y=Y)
    return tmp_path


@pytest.fixture()
def decoded_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are decoded in this process, which takes less time than a fresh one."""

    def verify(path: Path, source: str, labels: data.Labels, *_: object) -> float:
        if source == "data.npz":
            assert np.array_equal(
                mdlcodec.decode(path.read_bytes(), np.load(source)["x"][: labels.n]), labels.array()
            )
        return 1.5

    monkeypatch.setattr("mdlcodec.cli.compare.verify", verify)


@pytest.fixture()
def encoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The codes that were encoded with, in order."""
    from mdlcodec.files import labels

    codes, encode = [], labels.encode

    def counted(*arguments: Any, code: str, **rest: Any) -> Any:
        codes.append(code)
        return encode(*arguments, code=code, **rest)

    monkeypatch.setattr(labels, "encode", counted)
    return codes


def run(*arguments: str, exit_code: int = 0) -> Result:
    result = CliRunner().invoke(main, arguments)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == exit_code, result.output
    return result


def rows(*more: str, exit_code: int = 0) -> list[dict[str, Any]]:
    found = json.loads(run(*COMPARE, "--json", *more, exit_code=exit_code).stdout)["codes"]
    assert isinstance(found, list)
    return found


def kept() -> list[str]:
    return sorted(path.name for path in Path("data.compare").iterdir())


def test_the_table_has_the_sizes_of_files_that_fresh_processes_decoded(folder: Path) -> None:
    result = run(*COMPARE)
    head, *lines, last = result.stdout.splitlines()
    assert head.split() == "code net bytes kbit ratio test accuracy encode, decode".split()
    assert [line.split()[:2] for line in lines] == [["uniform", "-"], ["prequential", "kernel"]]
    for line in lines:
        code, _, size, kbit, ratio, test, *times = line.split()
        blob = Path(f"data.compare/{code}.mdl").read_bytes()
        assert (int(size), float(kbit), test) == (len(blob), round(len(blob) / 125, 2), "-")
        assert float(ratio) == pytest.approx(len(blob) / 12, abs=1e-3)
        assert times[1::2] == ["s,", "s"]
        assert float(times[2]) > 0.3  # the start of a process
        assert np.array_equal(mdlcodec.decode(blob, X), Y)
    assert last.startswith("60 labels of 3 classes; bytes of whole files, each decoded in a fresh process")
    assert last.endswith("ratio: to n log2 k bits, 12 bytes")
    said = re.sub(r"^(encoding|verifying): .*\n", "", result.stderr, flags=re.MULTILINE)  # on slow machines
    assert re.fullmatch(r"(data\.compare/\w+\.mdl: \d+ bytes; encoded in .*, decoded in .*\n){2}", said)
    assert kept() == FILES
    assert {path.name for path in folder.iterdir()} == {"data.npz", "data.compare"}


@pytest.mark.usefixtures("decoded_here")
def test_json_has_what_each_code_took() -> None:
    facts = json.loads(run(*COMPARE, "--json", "--quiet", "--seed", "3", "-o", "kept").stdout)
    codes = facts.pop("codes")
    assert facts == {
        "data": "data.npz",
        "labels": N,
        "classes": 3,
        "uniform_bits": N * math.log2(3),
        "preset": 1,
        "seed": 3,
        "limit": None,
        "folder": "kept",
    }
    for found in codes:
        blob = Path(found["file"]).read_bytes()
        assert found["bytes"] == len(blob) == found["kbit"] * 125
        assert found["ratio"] == pytest.approx(len(blob) / 12)
        assert found["ideal_bits"] < 8 * len(blob)
        assert found["encode_seconds"] > 0
        assert found["decode_seconds"] == 1.5
        assert found["made_with"]["mdlcodec"] == mdlcodec.__version__
        assert found["made_with"]["threads"] >= 1
        absent = ("objective_bits", "training_error", "test_accuracy", "failed")
        assert {found[name] for name in absent} == {None}
    assert [(found["code"], found["net"]) for found in codes] == [
        ("uniform", None),
        ("prequential", "kernel"),
    ]


@pytest.mark.usefixtures("decoded_here")
def test_a_second_run_makes_nothing(encoded: list[str]) -> None:
    first = rows()
    assert encoded == ["uniform", "prequential"]
    before = {name: Path("data.compare", name).stat().st_mtime_ns for name in kept()}
    assert rows() == first
    assert "there already" in run(*COMPARE).stderr
    assert encoded == ["uniform", "prequential"]
    assert {name: Path("data.compare", name).stat().st_mtime_ns for name in kept()} == before


@pytest.mark.usefixtures("decoded_here")
@pytest.mark.parametrize(
    "change",
    [
        lambda: ["--seed", "1"],
        lambda: ["-2"],
        lambda: ["--limit", "50"],
        lambda: np.savez("data.npz", x=X, y=Y[::-1]),
        lambda: np.savez("data.npz", x=X, y=Y.astype(np.int8)),
        lambda: np.savez("data.npz", x=X + 1.0, y=Y),
    ],
    ids=["seed", "preset", "limit", "labels", "dtype", "inputs"],
)
def test_files_made_otherwise_are_not_lost_without_force(
    change: Callable[[], Any], encoded: list[str]
) -> None:
    rows()
    before = {name: Path("data.compare", name).read_bytes() for name in FILES}
    more = change() or []
    line = run(*COMPARE, *more, exit_code=1).stderr
    assert line.startswith("mdlcodec: 'data.compare/prequential.mdl' was made of other data or with another ")
    assert {name: Path("data.compare", name).read_bytes() for name in FILES} == before
    found = rows("-f", *more)
    assert encoded == 2 * ["uniform", "prequential"]
    assert [Path(row["file"]).stat().st_size for row in found] == [row["bytes"] for row in found]
    assert kept() == FILES


@pytest.mark.usefixtures("decoded_here")
@pytest.mark.parametrize(
    "change",
    [
        lambda: ["-f"],
        lambda: (
            [Path("data.compare", name).write_bytes(b"MDL") for name in FILES if name.endswith("mdl")] and []
        ),
        lambda: [Path("data.compare", name).unlink() for name in FILES if name.endswith("mdl")] and [],
    ],
    ids=["force", "damaged files", "files gone"],
)
def test_what_is_asked_for_or_missing_is_made_again(change: Callable[[], Any], encoded: list[str]) -> None:
    rows()
    found = rows(*(change() or []))
    assert encoded == 2 * ["uniform", "prequential"]
    assert [Path(row["file"]).stat().st_size for row in found] == [row["bytes"] for row in found]
    rows()
    assert kept() == FILES


@pytest.mark.usefixtures("decoded_here")
def test_another_version_makes_its_own_files(encoded: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    rows()
    monkeypatch.setattr("mdlcodec.report.comparison.VERSION", "99")
    rows()
    assert len(encoded) == 4


@pytest.mark.usefixtures("decoded_here")
def test_files_of_others_are_not_overwritten() -> None:
    Path("data.compare").mkdir()
    for name in ("uniform.mdl", "prequential.json"):
        Path("data.compare", name).write_bytes(b"{}")
        line = run(*COMPARE, exit_code=1).stderr
        assert "is not of a comparison; choose another -o, or overwrite it with -f" in line
        assert kept() == [name]
        Path("data.compare", name).unlink()
    Path("data.compare/uniform.mdl").write_bytes(b"")
    run(*COMPARE, "-f")
    assert kept() == FILES


def spoiled(name: str, value: Any, sealed: bool = True) -> None:
    """Another value in the row of a record; sealed: as if this user's own run had written it."""
    path = Path("data.compare/uniform.json")
    record = json.loads(path.read_text())
    record["row"][name] = value
    del record["seal"]
    if sealed:
        record["seal"] = seal(kept_key(users_folder()), strict_json(record, sort_keys=True).encode())
    path.write_text(json.dumps(record))


@pytest.mark.usefixtures("decoded_here")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("decode_seconds", None),
        ("decode_seconds", "1"),
        ("ideal_bits", math.nan),
        ("ideal_bits", 10**400),
        ("training_error", -0.1),
        ("test_accuracy", True),
        ("bytes", "47"),
    ],
)
def test_records_of_what_nobody_measured_are_made_again(name: str, value: Any, encoded: list[str]) -> None:
    first = rows()
    spoiled(name, value)
    found = rows()
    assert encoded == ["uniform", "prequential", "uniform"]
    assert found[0]["bytes"] == first[0]["bytes"]
    assert found[1] == first[1]


@pytest.mark.usefixtures("decoded_here")
def test_what_a_file_says_itself_is_not_believed_of_its_record(encoded: list[str]) -> None:
    first = rows()
    for name, value in (
        ("code", "switching"),
        ("net", 3),
        ("kbit", "x"),
        ("bytes", 10**30),
        ("ratio", None),
        ("made_with", []),
    ):
        spoiled(name, value)
    assert rows()[0] | {"made_with": None} == first[0] | {"made_with": None}
    assert encoded == ["uniform", "prequential"]


def forged() -> None:
    """The uniform file without its payload, called finished by a record that somebody else wrote."""
    path = Path("data.compare/uniform.mdl")
    header, _ = read_label_file(path.read_bytes())
    blob = write_label_file(header, b"")
    path.write_bytes(blob)
    record = json.loads(path.with_suffix(".json").read_text())
    record["sha256"], record["row"]["bytes"] = hashlib.sha256(blob).hexdigest(), len(blob)
    path.with_suffix(".json").write_text(json.dumps(record))


def test_a_forged_record_is_not_believed(monkeypatch: pytest.MonkeyPatch, encoded: list[str]) -> None:
    def verify(path: Path, *_: object) -> float:
        mdlcodec.decode(path.read_bytes(), X)
        return 1.5

    monkeypatch.setattr("mdlcodec.cli.compare.verify", verify)
    compare = ["compare", "data.npz", "--codes", "uniform", "-1", "--json"]
    first = json.loads(run(*compare).stdout)["codes"]
    forged()
    again = json.loads(run(*compare).stdout)["codes"]
    assert encoded == ["uniform", "uniform"]
    assert again[0]["bytes"] == first[0]["bytes"] == Path("data.compare/uniform.mdl").stat().st_size


@pytest.mark.usefixtures("decoded_here")
def test_a_file_of_somebody_else_is_decoded_and_its_record_tells_nothing(encoded: list[str]) -> None:
    first = rows()
    spoiled("test_accuracy", 1.0, sealed=False)
    spoiled_row = rows()[0]
    assert encoded == ["uniform", "prequential"]
    for name in ("ideal_bits", "test_accuracy", "encode_seconds", "made_with"):
        assert spoiled_row[name] is None
    for name in ("bytes", "ratio", "decode_seconds"):
        assert spoiled_row[name] == first[0][name]
    assert rows()[0] == spoiled_row  # decoded once


@pytest.mark.usefixtures("decoded_here")
def test_a_file_that_is_larger_than_the_limits_allow_is_not_read(
    monkeypatch: pytest.MonkeyPatch, encoded: list[str]
) -> None:
    from mdlcodec.report import record

    rows()
    os.truncate("data.compare/uniform.mdl", 1_500_000_000)
    spoiled("bytes", 1_500_000_000, sealed=False)
    most, read_regular = [], record.read_regular
    monkeypatch.setattr(
        record, "read_regular", lambda path, size: most.append(size) or read_regular(path, size)
    )
    assert rows("--max-memory", "80MB")[0]["bytes"] < 1000
    assert max(most) <= 10_000_000
    assert encoded == ["uniform", "prequential", "uniform"]


@pytest.mark.usefixtures("decoded_here")
def test_a_record_of_another_file_is_made_again(encoded: list[str]) -> None:
    """Its digest is right, but the file is of another code: nothing of it is computed with."""
    rows()
    blob = Path("data.compare/prequential.mdl").read_bytes()
    path = Path("data.compare/uniform.json")
    record = json.loads(path.read_text())
    record["sha256"], record["row"]["bytes"] = hashlib.sha256(blob).hexdigest(), len(blob)
    path.write_text(json.dumps(record))
    Path("data.compare/uniform.mdl").write_bytes(blob)
    rows()
    assert encoded == ["uniform", "prequential", "uniform"]


@pytest.mark.usefixtures("decoded_here")
def test_what_is_no_file_is_neither_read_nor_replaced() -> None:
    Path("data.compare").mkdir()
    for name, make in (
        ("uniform.json", os.mkfifo),
        ("uniform.mdl", os.mkdir),
        ("uniform.mdl", lambda path: os.symlink("/dev/zero", path)),
    ):
        path = Path("data.compare", name)
        make(path)
        for force in ([], ["-f"]):
            line = run(*COMPARE, *force, exit_code=1).stderr
            assert line == f"mdlcodec: 'data.compare/{name}' is no file; choose another -o\n"
        path.rmdir() if path.is_dir() else path.unlink()


@pytest.mark.usefixtures("decoded_here")
def test_a_code_that_fails_has_a_row_that_says_so(encoded: list[str]) -> None:
    result = run(*COMPARE, "--max-work", "10M", exit_code=1)
    assert re.search(r"mdlcodec: prequential failed: this takes [0-9,]+ operations, about", result.stderr)
    uniform, prequential = result.stdout.splitlines()[1:3]
    assert uniform.startswith("uniform")
    assert re.match(r"prequential  failed: this takes [0-9,]+ operations, about ", prequential)
    assert kept() == FILES[2:]
    found = rows("--max-work", "10M", exit_code=1)[1]
    assert "operations" in found.pop("failed")
    assert found.pop("code") == "prequential"
    assert set(found.values()) == {None}
    rows()
    assert encoded == ["uniform", "prequential", "prequential", "prequential"]


def test_a_file_that_does_not_decode_is_no_row(monkeypatch: pytest.MonkeyPatch) -> None:
    def verify(*_: object) -> float:
        raise MdlcodecError("a fresh process decoded other labels than were encoded; please report this")

    monkeypatch.setattr("mdlcodec.cli.compare.verify", verify)
    result = run("compare", "data.npz", "--codes", "uniform", exit_code=1)
    assert "uniform  failed: a fresh process decoded other labels than were encoded" in result.stdout
    assert not Path("data.compare").exists()


@pytest.mark.usefixtures("decoded_here")
def test_an_interruption_leaves_what_was_finished_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, encoded: list[str]
) -> None:
    def interrupt(*_: object) -> float:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("mdlcodec.cli.compare.verify", interrupt)
        run(*COMPARE, exit_code=130)
        assert not Path("data.compare").exists()
    with monkeypatch.context() as patch:
        patch.setattr(LearnedClasses, "encode", interrupt)
        line = run(*COMPARE, "--plot", "sizes.png", exit_code=130).stderr.splitlines()[-1]
    what = "what was finished is kept in 'data.compare', and the same command goes on from there"
    assert line == f"mdlcodec: interrupted; {what}"
    assert kept() == FILES[2:]
    assert not Path("sizes.png").exists()
    encoded.clear()
    rows()
    assert encoded == ["prequential"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["data.npz", "--codes", "uniform,morse"], "no code named 'morse'; choose one of uniform, "),
        (["data.npz", "--codes", ""], "no code named ''; choose one of uniform, "),
        (["none.npz"], "there is no file or folder 'none.npz'"),
        (["data.npz", "-o", "data.npz"], "'data.npz' is no folder; choose another -o"),
        (["data.npz", "-o", "no/folder"], "there is no folder "),
        (["data.npz", "-o", "-"], "-o - is no folder"),
        (["data.npz", "--device", "abacus"], "abacus"),
        (["data.npz", "--seed", "-1"], "-1 is not in the range"),
        (["data.npz", "--plot", "sizes.pdf"], "'sizes.pdf' does not end in .png"),
        (["data.npz", "--plot", "no/sizes.png"], "there is no folder "),
        (["data.npz", "--test", "digits"], "labels that none of the coded examples has"),
    ],
)
def test_usage_errors_are_one_line(arguments: list[str], message: str, folder: Path) -> None:
    line = run("compare", *arguments, exit_code=2).stderr
    assert line.startswith("mdlcodec: ")
    assert message in line
    assert line.count("\n") == 1
    assert [path.name for path in folder.iterdir()] == ["data.npz"]


def test_codes_come_in_the_order_of_the_paper() -> None:
    names = ["uniform", "two-part-raw", "two-part", "subspace", "variational", "prequential", "switching"]
    assert ordered_codes(None) == [name for name in names if name in CODES]
    assert set(ordered_codes(None)) == set(CODES)
    assert ordered_codes(["prequential", "two-part", "uniform", "two-part"]) == [
        "uniform",
        "two-part",
        "prequential",
    ]


def test_ideal_lengths_are_in_columns_of_their_own() -> None:
    row = Row("variational", "mlp", 1000, 8.0, 0.5, 7100.0, 6000.0, 0.1, 0.99, 12.34, 5.6, "a", None)
    failed = Row("switching", failed="too large")
    assert table_1([row, failed], ideal=True) == [
        "code         net  bytes  kbit  ratio  test accuracy  labels, ideal kbit  objective kbit  encode, decode",
        "variational  mlp  1,000  8.00  0.500         99.00%                7.10            6.00  12.3 s, 5.6 s",
        "switching    failed: too large",
    ]
    assert "ideal" not in "".join(table_1([row]))


# test examples


def idx(name: str, images: np.ndarray, labels: np.ndarray) -> None:
    for kind, array in (("images-idx3", images), ("labels-idx1", labels)):
        shape = b"".join(length.to_bytes(4, "big") for length in array.shape)
        header = bytes([0, 0, 8, array.ndim]) + shape
        Path(f"images/{name}-{kind}-ubyte").write_bytes(header + array.astype(np.uint8).tobytes())


@pytest.fixture()
def pictures() -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """A folder as MNIST's, and its test examples; nobody trains: the network is given."""
    Path("images").mkdir()
    images = RNG.integers(0, 256, size=(80, 5, 4))
    images[[0, 60], 0, 0], images[[0, 60], 0, 1] = 0, 255
    weights = network("lenet-300-100", (5, 4, 1), 3, (5, 4))
    features = data.from_arrays(images.astype(np.uint8), None).inputs.features
    labels = exact_outputs(ARCHITECTURES["lenet-300-100"], weights, features).argmax(1)
    labels[:3] = [0, 1, 2]
    labels[60:65] = (labels[60:65] + 1) % 3  # five of twenty wrong
    idx("train", images[:60], labels[:60])
    idx("t10k", images[60:], labels[60:])
    found = {name: torch.from_numpy(array) for name, array in weights.items()}
    with mock.patch.object(TwoPartCode, "method", lambda code, options: lambda trainer: found):
        yield images[60:], labels[60:]


@pytest.mark.usefixtures("decoded_here")
def test_networks_in_files_are_tested_on_the_examples_beside(
    pictures: tuple[np.ndarray, np.ndarray], encoded: list[str]
) -> None:
    compare = ["compare", "images", "--codes", "uniform,two-part", "--json"]
    assert [row["test_accuracy"] for row in json.loads(run(*compare).stdout)["codes"]] == [None, 0.75]
    assert "75.00%" in run(*compare[:-1]).stdout
    np.savez("other.npz", x=pictures[0][:5], y=pictures[1][:5])  # only the wrong ones
    found = json.loads(run(*compare, "--test", "other.npz").stdout)["codes"]
    assert [row["test_accuracy"] for row in found] == [None, 0.0]
    assert encoded == ["uniform", "two-part"]
    assert json.loads(run(*compare).stdout)["codes"][1]["test_accuracy"] == 0.75


@pytest.mark.usefixtures("decoded_here", "pictures")
def test_examples_beside_that_cannot_be_used_are_said_to_be_left_out() -> None:
    labels = np.fromfile("images/t10k-labels-idx1-ubyte", np.uint8)
    labels[-1] = 9
    labels.tofile("images/t10k-labels-idx1-ubyte")
    result = run("compare", "images", "--codes", "two-part", "--json")
    assert json.loads(result.stdout)["codes"][0]["test_accuracy"] is None
    assert result.stderr.startswith(
        "no test accuracy: the test examples have labels that none of the coded examples has"
    )


@pytest.mark.usefixtures("decoded_here")
def test_what_both_sides_learned_is_tested_too() -> None:
    x = np.repeat(np.arange(3), 20)[:, None] + RNG.normal(scale=0.1, size=(60, 2))
    y = np.repeat(np.arange(3), 20)
    order = RNG.permutation(60)
    np.savez("table.npz", x=x[order], y=y[order])
    np.savez("other.npz", x=x[::5], y=y[::5])
    compare = [
        "compare",
        "table.npz",
        "--codes",
        "prequential,switching",
        "-1",
        "--json",
        "--test",
        "other.npz",
    ]
    assert [row["test_accuracy"] for row in json.loads(run(*compare).stdout)["codes"]] == [1.0, 1.0]
    np.savez("other.npz", x=x[::5], y=(y[::5] + 1) % 3)  # learned again, since the file is there
    assert [row["test_accuracy"] for row in json.loads(run(*compare).stdout)["codes"]] == [0.0, 0.0]


@pytest.mark.parametrize(
    ("x", "y"),
    [
        (RNG.integers(0, 256, size=(9, 4, 4)), np.zeros(9)),
        (RNG.integers(0, 256, size=(9, 20)), np.zeros(9)),
        (RNG.integers(0, 256, size=(90, 5, 4)), np.array(["a"] * 90)),
    ],
    ids=["size", "columns", "text"],
)
@pytest.mark.usefixtures("pictures")
def test_examples_of_another_kind_are_refused(x: np.ndarray, y: np.ndarray) -> None:
    np.savez("other.npz", x=x, y=y)
    with pytest.raises(BadData):
        read_examples("other.npz", None, data.read("images", keep=True))


@pytest.mark.usefixtures("pictures")
def test_examples_of_classes_that_no_file_knows_are_refused() -> None:
    x = RNG.integers(0, 256, size=(9, 5, 4)).astype(np.uint8)
    x[0, 0, :2] = 0, 255
    np.savez("other.npz", x=x, y=np.arange(9) + 2)
    with pytest.raises(BadData, match="labels that none of the coded examples has"):
        read_examples("other.npz", None, data.read("images", keep=True))


def test_where_test_examples_lie() -> None:
    def found(source: str, *names: str) -> str | None:
        for name in names:
            Path("set", name).touch()
        other = beside(source)
        for path in Path("set").iterdir():
            path.unlink()
        return other

    Path("set").mkdir()
    train, test = "train-images-idx3-ubyte", "t10k-images-idx3-ubyte"
    assert found("set", train, test, "train-labels-idx1-ubyte") == f"set/{test}"
    assert found("set", f"{train}.gz", f"{test}.gz") == f"set/{test}.gz"
    assert found(f"set/{train}.gz", f"{train}.gz", test) == f"set/{test}"
    assert found("set", train) is None
    assert found(f"set/{test}", train, test) is None
    assert found("set", "data_batch_1.bin", "test_batch.bin") == "set/test_batch.bin"
    assert found("set", "train.bin", "test.bin") == "set/test.bin"
    assert beside("digits") is None
    assert beside("data.npz") is None


# pictures


@pytest.mark.usefixtures("decoded_here")
def test_the_plot_is_a_png_that_is_not_overwritten() -> None:
    pytest.importorskip("matplotlib")
    run(*COMPARE, "--plot", "sizes.png")
    assert Path("sizes.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    assert "'sizes.png' exists" in run(*COMPARE, "--plot", "sizes.png", exit_code=1).stderr


def test_a_plot_without_matplotlib_is_refused_before_anything_is_done(
    monkeypatch: pytest.MonkeyPatch, encoded: list[str]
) -> None:
    for name in ("matplotlib", "matplotlib.figure"):
        monkeypatch.setitem(sys.modules, name, None)
    line = run(*COMPARE, "--plot", "sizes.png", exit_code=1).stderr
    assert line == "mdlcodec: pictures need matplotlib, which is not installed; install mdlcodec[plot]\n"
    assert encoded == []
    assert not Path("data.compare").exists()
