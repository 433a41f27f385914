"""The Python API: what goes in comes out, with its dtype; what does not fit is an error of its own."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

import mdlcodec
from mdlcodec.errors import BadData, CorruptFile, MdlcodecError, WrongInputs

RNG = np.random.default_rng(5)
X = RNG.normal(size=(40, 2))


@pytest.mark.parametrize("code", ["uniform", "prequential"])
@pytest.mark.parametrize(
    "values",
    [
        [0, 1, 2],
        [-7, 3, 10**15],
        [False, True],
        np.array([3, 250], np.uint8),
        np.array([2**64 - 1, 2**63, 5], np.uint64),
        np.array([0.5, -0.0, 0.0, np.inf, np.nan], np.float32),
        ["Iris-setosa", "", "été"],
        ["only one class"],
        np.array(["a"], dtype="<U7"),
    ],
    ids=lambda values: f"{np.asarray(values).dtype}",
)
def test_labels_come_back_with_dtype_and_values(code: str, values: object) -> None:
    distinct = np.asarray(values)
    y = distinct[RNG.integers(len(distinct), size=len(X))]
    found = mdlcodec.decode(mdlcodec.encode(X, y, code=code, preset=1), X)
    assert found.dtype == y.dtype
    assert found.tobytes() == y.tobytes()


@pytest.mark.parametrize("code", ["uniform", "prequential"])
def test_one_example(code: str) -> None:
    blob = mdlcodec.encode([[1.0, 2.0]], ["yes"], code=code)
    assert mdlcodec.decode(blob, [[1.0, 2.0]]).tolist() == ["yes"]
    assert mdlcodec.inspect(blob)["uniform_bits"] == 0


def test_lists_and_arrays_are_the_same() -> None:
    y = [i % 2 for i in range(len(X))]
    assert mdlcodec.encode(X.tolist(), y, code="uniform") == mdlcodec.encode(X, np.array(y), code="uniform")


def test_the_same_arguments_make_the_same_bytes_and_the_seed_counts() -> None:
    x = X[:16]
    y = (x[:, 0] > 0).astype(int)
    blobs = [mdlcodec.encode(x, y, net="mlp", preset=1, seed=seed) for seed in (0, 0, 9)]
    assert blobs[0] == blobs[1]
    assert blobs[0] != blobs[2]
    assert [mdlcodec.inspect(blob)["seed"] for blob in blobs] == [0, 0, 9]
    assert np.array_equal(mdlcodec.decode(blobs[2], x), y)


def test_inspect() -> None:
    y = np.array(["no", "yes", "maybe", "no"] * 10)
    blob = mdlcodec.encode(X, y, net="kernel", preset=2)
    facts = mdlcodec.inspect(blob)
    assert facts["bytes"] == len(blob)
    assert (facts["code"], facts["net"], facts["preset"]) == ("prequential", "kernel", 2)
    assert (facts["labels"], facts["classes"], facts["dtype"]) == (40, 3, "U5")
    assert facts["uniform_bits"] == pytest.approx(40 * math.log2(3))
    sections = facts["sections"]
    assert isinstance(sections, list)
    assert sum(part["bytes"] for part in sections) == len(blob)


@given(
    x=st_numpy.arrays(
        np.float64, st.tuples(st.integers(1, 12), st.integers(0, 3)), elements=st.floats(-1e300, 1e300)
    ),
    data=st.data(),
)
def test_any_small_data_round_trips(x: np.ndarray, data: st.DataObject) -> None:
    y = data.draw(st_numpy.arrays(np.int64, len(x), elements=st.integers(-3, 3)))
    code = data.draw(st.sampled_from(["uniform", "prequential"]))
    found = mdlcodec.decode(mdlcodec.encode(x, y, code=code, preset=1), x)
    assert np.array_equal(found, y)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"code": "huffman"}, "no code named 'huffman'; choose one of"),
        ({"net": "transformer"}, "no network named 'transformer'; choose one of auto"),
        ({"preset": 0}, "no preset 0; choose one of 1"),
        ({"preset": 11}, "no preset 11; choose one of 1"),
        ({"seed": -1}, "the seed -1 is out of range"),
        ({"seed": 2**64}, "out of range"),
        ({"y": None}, "there are no labels to encode"),
        ({"y": [1, 2]}, "y has shape"),
        ({"x": np.zeros((0, 2)), "y": []}, "no examples"),
        ({"x": [["text"]], "y": [1]}, "x has dtype"),
    ],
)
def test_arguments_that_cannot_be_used(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(BadData, match=message) as raised:
        mdlcodec.encode(**{"x": X, "y": np.zeros(len(X), int)} | arguments)  # type: ignore[arg-type]
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"preset": "3"}, "preset is of type str; give an integer"),
        ({"preset": 3.0}, "preset is of type float"),
        ({"seed": None}, "seed is of type NoneType"),
        ({"max_work": 1e6}, "max_work is of type float"),
        ({"max_memory": "2GiB"}, "max_memory is of type str"),
        ({"code": 1}, "code is of type int; give its name"),
        ({"net": ["mlp"]}, "net is of type list; give its name"),
        ({"code": "uniform", "net": "mlp"}, "--code uniform learns nothing; leave --net out"),
    ],
)
def test_arguments_of_other_types(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(BadData, match=message):
        mdlcodec.encode(X, np.zeros(len(X), int), **arguments)  # type: ignore[arg-type]


def test_integers_of_any_type_and_bytes_of_any_type() -> None:
    y = np.arange(len(X)) % 2
    blob = mdlcodec.encode(X, y, code="uniform", preset=np.int8(2), max_work=np.int64(10**9))  # type: ignore[arg-type]
    assert blob == mdlcodec.encode(X, y, code="uniform", preset=2)
    spaced = np.repeat(np.frombuffer(blob, np.uint8), 2)[::2]
    for same in (bytearray(blob), memoryview(blob), spaced):
        assert np.array_equal(mdlcodec.decode(same, X), y)  # type: ignore[arg-type]
        assert mdlcodec.inspect(same) == mdlcodec.inspect(blob)  # type: ignore[arg-type]
    for other in ("data.mdl", Path("data.mdl"), None, np.zeros(3), np.array(["a"]), np.array([None]), 3):
        for call in (mdlcodec.inspect, lambda given: mdlcodec.decode(given, X)):
            with pytest.raises(BadData, match=f"given as {type(other).__name__}; give its bytes"):
                call(other)  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("dtype", [">i2", ">f8", ">U3"])
def test_byte_order_comes_back(dtype: str) -> None:
    y = (np.arange(len(X)) * 7 % 3).astype(dtype)
    found = mdlcodec.decode(mdlcodec.encode(X, y, code="uniform"), X)
    assert (found.dtype, found.tobytes()) == (y.dtype, y.tobytes())


@pytest.mark.parametrize("k", [3, 5000])
def test_blocks_of_the_uniform_code_leave_its_bytes_alone(k: int, monkeypatch: pytest.MonkeyPatch) -> None:
    y = np.arange(k + 7) % k
    blob = mdlcodec.encode(y, y, code="uniform")
    assert np.array_equal(mdlcodec.decode(blob, y), y)
    for entries in (1, 4 * k + 1):
        monkeypatch.setattr("mdlcodec.codes.uniform._ENTRIES_AT_ONCE", entries)
        memory = 16 * k * max(1, entries // k) + 150 * y.size  # the labels and the inputs besides
        assert mdlcodec.encode(y, y, code="uniform", max_memory=memory) == blob
        assert np.array_equal(mdlcodec.decode(blob, y), y)


def test_wrong_inputs_are_not_preprocessed(monkeypatch: pytest.MonkeyPatch) -> None:
    def preprocess(*arguments: object) -> None:
        raise AssertionError("preprocessed inputs of another digest")

    blob = mdlcodec.encode(X, np.arange(len(X)) % 2, code="uniform")
    monkeypatch.setattr("mdlcodec.data.arrays.column_features", preprocess)
    with pytest.raises(WrongInputs, match="not the inputs"):
        mdlcodec.decode(blob, -X)


def test_errors_share_a_base_that_the_package_names() -> None:
    blob = mdlcodec.encode(X, np.arange(len(X)) % 2, code="uniform")
    with pytest.raises(WrongInputs, match="not the inputs that the labels were encoded with"):
        mdlcodec.decode(blob, -X)
    with pytest.raises(WrongInputs, match="holds 40 labels, but these inputs have 39 examples"):
        mdlcodec.decode(blob, X[1:])
    with pytest.raises(CorruptFile, match="not an mdlcodec file"):
        mdlcodec.decode(b"PK\3\4", X)
    assert issubclass(CorruptFile, MdlcodecError)
    assert mdlcodec.MdlcodecError is MdlcodecError


def test_the_package_offers_this_and_no_more() -> None:
    assert mdlcodec.__all__ == [
        "MdlcodecError",
        "bound",
        "compare",
        "decode",
        "decode_text",
        "encode",
        "encode_labels",
        "encode_text",
        "inspect",
        "pack",
        "probe",
        "register",
        "unpack",
    ]
