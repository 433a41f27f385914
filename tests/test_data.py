"""mdlcodec/data: arrays, labels, digits, .npz and IDX; tables and features have their own files."""

import csv
import gzip
import io
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.datasets import load_digits

from mdlcodec import data
from mdlcodec.data.labels import labels_of_array
from mdlcodec.errors import BadData


def one_line(error: pytest.ExceptionInfo[BadData]) -> str:
    text = str(error.value)
    assert "\n" not in text
    assert text.isprintable()
    return text


def write_idx(path, array):
    raw = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.astype(np.uint8).tobytes()
    path.write_bytes(gzip.compress(raw) if path.suffix == ".gz" else raw)
    return raw


# Arrays


def test_digits():
    dataset = data.read("digits", limit=1000)
    assert dataset.inputs.features.shape == (1000, 8, 8, 1)
    assert dataset.inputs.features.dtype == np.float32
    assert dataset.inputs.is_images
    assert dataset.inputs.n == dataset.labels.n == 1000
    digits = load_digits()
    np.testing.assert_array_equal(dataset.labels.array(), digits.target[:1000])
    np.testing.assert_array_equal(dataset.inputs.features[..., 0], digits.images[:1000] / 16)
    assert data.from_arrays(digits.images[:1000]).inputs.digest == dataset.inputs.digest
    (inputs,) = data.read_inputs("digits", limit=1000)
    assert inputs.digest == dataset.inputs.digest
    with pytest.raises(BadData, match="--target"):
        data.read("digits", target="0")


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((5,), (5, 2)),
        ((5, 3), (5, 6)),
        ((5, 4, 6), (5, 4, 6, 1)),
        ((5, 4, 6, 3), (5, 4, 6, 3)),
        ((5, 3, 6, 7), (5, 6, 7, 3)),
        ((5, 3, 6, 4), (5, 3, 6, 4)),
        ((5, 5, 6, 7), (5, 420)),
        ((5, 2, 2, 2, 2), (5, 32)),
        ((5, 0), (5, 1)),
        ((5, 0, 4), (5, 1)),
    ],
)
def test_meaning_of_shapes(shape, expected):
    x = np.random.default_rng(0).permutation(int(np.prod(shape))).reshape(shape)
    inputs = data.from_arrays(x).inputs
    assert inputs.features.shape == expected
    assert inputs.features.flags.c_contiguous
    assert inputs.is_images == (len(expected) == 4)


def test_channels_first_moves_the_axis():
    x = np.arange(2 * 3 * 5 * 6).reshape(2, 3, 5, 6)
    moved = np.ascontiguousarray(x.transpose(0, 2, 3, 1))
    first, last = data.from_arrays(x).inputs, data.from_arrays(moved).inputs
    np.testing.assert_array_equal(first.features, last.features)
    assert first.digest != last.digest


def test_digest_tells_content_not_layout():
    x = np.arange(12, dtype=np.int16).reshape(4, 3)
    digest = data.from_arrays(x).inputs.digest
    for same in (np.asfortranarray(x), x.astype(">i2"), np.repeat(x, 2, axis=0)[::2], x.tolist()):
        array = np.asarray(same, np.int16) if isinstance(same, list) else same
        assert data.from_arrays(array).inputs.digest == digest
    for other in (x.astype(np.int32), x.astype(np.uint16), x.reshape(4, 3, 1), x[:3], x + 1):
        assert data.from_arrays(other).inputs.digest != digest


@pytest.mark.parametrize(
    "x",
    [
        np.zeros((0, 3)),
        np.float64(3),
        np.array(["a", "b"]),
        np.array([1, "a"], dtype=object),
        np.zeros(3, np.complex64),
        np.zeros(3, "M8[s]"),
        np.zeros(3, [("a", int)]),
        np.zeros(3, np.longdouble),
        [[1, 2], [3]],
    ],
    ids=lambda x: str(getattr(x, "dtype", "ragged")),
)
def test_inputs_that_cannot_be_used(x):
    with pytest.raises(BadData) as error:
        data.from_arrays(x)
    assert one_line(error).startswith("x ")


@given(
    hnp.arrays(
        st.sampled_from(
            ["b1", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8", ">i4", ">f8"]
        ),
        hnp.array_shapes(max_dims=4, max_side=5),
    )
)
def test_features_are_finite_for_any_array(x):
    inputs = data.from_arrays(x).inputs
    assert inputs.features.dtype == np.float32
    assert np.isfinite(inputs.features).all()
    assert inputs.n == x.shape[0]


# Labels


def round_trip(y):
    y = np.asarray(y)
    labels = labels_of_array(y, len(y))
    assert labels.classes.dtype == np.int32
    assert labels.classes.min() >= 0
    assert labels.classes.max() == len(labels.values) - 1
    back = np.load(io.BytesIO(data.label_bytes(labels, "npy")))
    assert back.dtype == labels.array().dtype
    assert back.tobytes() == labels.array().tobytes()
    return labels


@given(
    hnp.arrays(
        st.sampled_from(["b1", "i1", "u1", "i4", "u4", "i8", "u8", "f2", "f4", "f8"]),
        st.integers(1, 30),
        fill=st.nothing(),
    )
)
def test_number_labels_keep_bits_and_dtype(y):
    labels = round_trip(y)
    assert labels.array().dtype == y.dtype
    assert labels.array().tobytes() == y.tobytes()
    assert len({value.tobytes() for value in labels.values}) == len(labels.values)
    values = labels.values[~np.isnan(labels.values)] if y.dtype.kind == "f" else labels.values
    assert (values[1:] >= values[:-1]).all()


texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=5)


@given(st.lists(texts, min_size=1, max_size=20))
def test_text_labels_come_back(words):
    for y in (words, np.array(words), np.array(words, dtype=object)):
        labels = round_trip(data.from_arrays(np.arange(len(words)), y).labels.array())
        assert labels.array().tolist() == words
        assert labels.values.tolist() == sorted(set(words))
    printed = io.StringIO(data.label_bytes(labels, "csv").decode(), newline="")
    assert [row[0] for row in csv.reader(printed, strict=True)] == words


def test_signed_zeros_and_nans_are_different_labels():
    y = np.array([0x7FF8000000000001, 0x8000000000000000, 0, 0x7FF8000000000000], np.uint64).view(np.float64)
    labels = round_trip(y)
    assert len(labels.values) == 4
    assert labels.array().tobytes() == y.tobytes()


@pytest.mark.parametrize(
    ("y", "dtype"),
    [
        ([True, False], "bool"),
        ([1, -1], "int64"),
        ([2**63, 1], "uint64"),
        ([1, 0.5], "float64"),
        (np.array([True, False], dtype=object), "bool"),
        (np.array([3, 4], dtype=object), "int64"),
        (np.array([3, 4], ">i2"), ">i2"),
        (np.array([0.5, -0.0], ">f4"), ">f4"),
        (np.array(["a", "b"], "<U9"), "<U9"),
        (np.array(["b", "a"], ">U3"), ">U3"),
        (np.array([["a"], ["b"]]), "<U1"),
    ],
)
def test_dtypes_of_labels(y, dtype):
    labels = data.from_arrays(np.arange(2), y).labels
    assert labels.array().dtype == np.dtype(dtype)
    assert labels.array().shape == (2,)
    assert labels.array().tolist() == np.asarray(y).reshape(2).tolist()


@pytest.mark.parametrize(
    "y",
    [
        [1, 2],
        [[1, 2, 3]],
        1,
        [1, "a", 2],
        ["a", "b", "c\0"],
        ["a", "b", "\ud800"],
        [-1, 2**63, 0],
        [1, 2, 2**64],
        [1, None, 2],
        [True, 2, "x"],
        [[1], [2, 3], [4]],
        np.array([b"a", b"b", b"c"]),
        np.zeros(3, complex),
        np.zeros(3, np.longdouble),
        np.zeros(3, "M8[D]"),
    ],
    ids=str,
)
def test_labels_that_cannot_be_used(y):
    with pytest.raises(BadData) as error:
        data.from_arrays(np.arange(3), y)
    one_line(error)


def test_byte_order_changes_no_class():
    for y in (
        np.array([300, 2, 300, -1]),
        np.array([np.nan, -0.0, 0.0, 256.0]),
        np.array(["é", "a", "b", "a"]),
    ):
        big = y.astype(y.dtype.newbyteorder(">"))
        native, swapped = round_trip(y), round_trip(big)
        np.testing.assert_array_equal(swapped.classes, native.classes)
        assert swapped.array().dtype == big.dtype
        assert swapped.array().tobytes() == big.tobytes()


@pytest.mark.parametrize("order", "<>")
def test_characters_that_do_not_exist_are_refused(order):
    words = np.array([97, 0x110000, 0xFFFFFFFF], f"{order}u4").view(f"{order}U1")
    for choice in ("classes", "auto"):
        with pytest.raises(BadData, match="characters that do not exist"):
            data.from_arrays(np.arange(3), words, data.Choice(choice))


def test_masked_entries_are_refused():
    x = np.arange(3.0)
    masked, whole = np.ma.array(x, mask=[0, 1, 0]), np.ma.array(x, mask=False)
    assert data.from_arrays(whole, whole).inputs.digest == data.from_arrays(x).inputs.digest
    for name, arguments in (("x", (masked, None)), ("y", (x, masked))):
        with pytest.raises(BadData, match=f"{name} has masked entries") as error:
            data.from_arrays(*arguments)
        one_line(error)


def test_number_of_classes():
    assert len(round_trip(np.arange(1000) % 999).values) == 999
    assert len(round_trip(["one"]).values) == 1
    with pytest.raises(BadData, match="65537 different"):
        labels_of_array(np.arange(65_537), 65_537)


def test_label_files():
    labels = data.from_arrays(np.arange(4), np.array([7, 0, 255, 7])).labels
    raw = b"\0\0\x08\x01\0\0\0\x04\x07\0\xff\x07"
    assert data.label_bytes(labels, "idx") == raw
    assert gzip.decompress(data.label_bytes(labels, "idx.gz")) == raw
    assert data.label_bytes(labels, "idx.gz") == data.label_bytes(labels, "idx.gz")
    assert data.label_bytes(labels, "csv") == b"7\n0\n255\n7\n"
    named = data.Labels(labels.classes, labels.values, "csv", data.LabelColumn(3, 'a "b", c'))
    assert data.label_bytes(named, "csv") == b'"a ""b"", c"\n7\n0\n255\n7\n'
    for y in ([256, 1, 2, 3], [-1, 1, 2, 3], ["a", "b", "c", "d"], [0.5, 1, 2, 3]):
        with pytest.raises(BadData, match="IDX") as error:
            data.label_bytes(data.from_arrays(np.arange(4), y).labels, "idx")
        one_line(error)
    with pytest.raises(BadData, match="cannot be written"):
        data.label_bytes(labels, "png")


def test_nans_that_csv_would_write_alike():
    bits = np.array([0x7FF8000000000000, 0xFFF8000000000000, 0, 1 << 63], np.uint64)
    y = bits.view(np.float64)
    with pytest.raises(BadData, match="NaNs of other bits") as error:
        data.label_bytes(labels_of_array(y, 4), "csv")
    one_line(error)
    assert data.label_bytes(labels_of_array(y[1:], 3), "csv") == b"nan\n0.0\n-0.0\n"


def test_forms_by_name():
    assert data.form_of("a/b.npy") == "npy"
    assert data.form_of("x.csv") == "csv"
    assert data.form_of("train-labels-idx1-ubyte") == "idx"
    assert data.form_of("train-labels.idx1-ubyte") == "idx"
    assert data.form_of("train-labels-idx1-ubyte.gz") == "idx.gz"
    for name in ("labels", "labels.txt", "npy", "a.npy.gz", "", "xnpy", "a_csv", "a.csv\n", "aidx1-ubyte"):
        with pytest.raises(BadData, match="form of labels"):
            data.form_of(name)


# .npz


def test_npz(tmp_path):
    x = np.random.default_rng(1).normal(size=(20, 3)).astype(np.float32)
    y = np.array(["cat", "dog"])[np.arange(20) % 2]
    for save, order in ((np.savez, "C"), (np.savez_compressed, "F")):
        save(tmp_path / "d.npz", x=np.asarray(x, order=order), y=y)
        dataset = data.read(str(tmp_path / "d.npz"), limit=15)
        assert dataset.inputs.digest == data.from_arrays(x[:15]).inputs.digest
        np.testing.assert_array_equal(dataset.labels.array(), y[:15])
        assert dataset.labels.form == "npy"
    np.savez(tmp_path / "x.npz", x=x)
    (inputs,) = data.read_inputs(
        str(tmp_path / "x.npz"), limit=15, ignore=2, digest=dataset.inputs.digest[:4]
    )
    np.testing.assert_array_equal(inputs.features, dataset.inputs.features)
    assert data.read_inputs(str(tmp_path / "x.npz"), digest=dataset.inputs.digest[:4]) == []
    assert data.read(str(tmp_path / "x.npz"), labels=False).labels is None
    with pytest.raises(BadData, match="no array y"):
        data.read(str(tmp_path / "x.npz"))
    np.savez(tmp_path / "d.npz", x=x, y=y[:19])
    with pytest.raises(BadData, match="shape"):
        data.read(str(tmp_path / "d.npz"))
    np.savez(tmp_path / "d.npz", a=x)
    with pytest.raises(BadData, match="no array x"):
        data.read(str(tmp_path / "d.npz"))


def test_npz_whose_x_has_no_axes(tmp_path):
    for x, y in (
        (np.float64(3), np.arange(3)),
        (np.float64(3), np.float64(1)),
        (np.arange(3), np.float64(1)),
    ):
        np.savez(tmp_path / "d.npz", x=x, y=y)
        with pytest.raises(BadData, match="shape") as error:
            data.read(str(tmp_path / "d.npz"))
        one_line(error)


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="needs /dev/zero")
def test_endless_devices_are_not_read(tmp_path):
    for name in ("z.npz", "z.csv", "z-images-idx3-ubyte", "test.bin", "z.csv.xz"):
        (tmp_path / name).symlink_to("/dev/zero")
        for call in (data.read, data.read_inputs):
            with pytest.raises(BadData, match="no regular file") as error:
                call(str(tmp_path / name))
            one_line(error)


def npy(shape, descr="'<f8'", body=b"", version=(1, 0)):
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    size = struct.pack("<H" if version == (1, 0) else "<I", len(header))
    return b"\x93NUMPY" + bytes(version) + size + header + body


@pytest.mark.parametrize(
    "member",
    [
        b"",
        b"\x93NUMPY",
        npy("(3,)", body=bytes(23)),
        npy("(3,)", body=bytes(25)),
        npy("(1000000000000000000000,)", body=bytes(24)),
        npy("(-1,)", body=bytes(24)),
        npy("(-1, -3)", body=bytes(24)),
        npy("(3,)", descr="'|O'", body=bytes(24)),
        npy("(3,)", descr="[('a', '<f8')]", body=bytes(24)),
        npy("(3,)", descr="'nonsense'", body=bytes(24)),
        npy("(3,)", descr="()", body=bytes(24)),
        npy("(3,)", descr="('<i4',)", body=bytes(24)),
        npy("(1000000000000000000,)", descr="'|S0'"),
        npy("(3,)", descr="'|V0'"),
        npy("(" * 300 + "3" + ")" * 300, body=bytes(24)),
        npy("__import__('os')", body=bytes(24)),
        npy("(3,", body=bytes(24)),
        npy("(3,)", body=bytes(24), version=(3, 0)),
        npy("(3,)", body=bytes(24), version=(9, 9)),
    ],
)
def test_hostile_npy(tmp_path, member):
    with zipfile.ZipFile(tmp_path / "d.npz", "w") as archive:
        archive.writestr("x.npy", member)
    with pytest.raises(BadData) as error:
        data.read(str(tmp_path / "d.npz"), labels=False)
    one_line(error)


def test_a_header_that_exhausts_the_parser(tmp_path, monkeypatch):
    def exhausted(*arguments):
        raise MemoryError

    np.savez(tmp_path / "d.npz", x=np.zeros(3))
    monkeypatch.setattr("numpy.lib.format.read_array_header_1_0", exhausted)
    with pytest.raises(BadData, match="has a header that cannot be read") as error:
        data.read(str(tmp_path / "d.npz"), labels=False)
    one_line(error)


def test_npz_bomb(tmp_path, monkeypatch):
    monkeypatch.setattr("mdlcodec.data.npz.MAX_BYTES", 10_000)
    np.savez_compressed(tmp_path / "d.npz", x=np.zeros(2000))
    with pytest.raises(BadData, match="more than 10000 bytes"):
        data.read(str(tmp_path / "d.npz"), labels=False)


@pytest.mark.parametrize("cut", [0, 10, 100, -30])
def test_damaged_npz(tmp_path, cut):
    np.savez(tmp_path / "d.npz", x=np.arange(50))
    whole = (tmp_path / "d.npz").read_bytes()
    (tmp_path / "d.npz").write_bytes(whole[:cut])
    with pytest.raises(BadData) as error:
        data.read(str(tmp_path / "d.npz"), labels=False)
    one_line(error)
    changed = bytearray(whole)
    changed[whole.index(np.arange(50).tobytes()) + 8] ^= 1
    (tmp_path / "d.npz").write_bytes(changed)
    with pytest.raises(BadData, match="CRC"):
        data.read(str(tmp_path / "d.npz"), labels=False)


# IDX


@pytest.fixture
def idx_folder(tmp_path):
    rng = np.random.default_rng(2)
    x, y = rng.integers(0, 256, (12, 4, 5)), rng.integers(0, 10, 12)
    write_idx(tmp_path / "train-images-idx3-ubyte.gz", x)
    write_idx(tmp_path / "train-labels-idx1-ubyte.gz", y)
    return tmp_path, x.astype(np.uint8), y.astype(np.uint8)


def test_idx(idx_folder):
    folder, x, y = idx_folder
    packed = data.read(str(folder))
    assert packed.inputs.digest == data.from_arrays(x).inputs.digest
    np.testing.assert_array_equal(packed.labels.array(), y)
    assert packed.labels.array().dtype == np.uint8
    assert packed.labels.form == "idx.gz"
    raw = write_idx(folder / "train-labels-idx1-ubyte", y)
    write_idx(folder / "train-images-idx3-ubyte", x)
    plain = data.read(str(folder))
    assert plain.inputs.digest == packed.inputs.digest
    assert plain.labels.form == "idx"
    assert data.label_bytes(plain.labels, "idx") == raw
    named = data.read(str(folder / "train-images-idx3-ubyte.gz"), limit=5)
    np.testing.assert_array_equal(named.labels.array(), y[:5])
    assert named.inputs.digest == data.from_arrays(x[:5]).inputs.digest
    assert data.read(str(folder), limit=100).inputs.n == 12


def test_idx_without_labels(idx_folder):
    folder, x, _ = idx_folder
    (folder / "train-labels-idx1-ubyte.gz").unlink()
    (inputs,) = data.read_inputs(str(folder))
    assert inputs.digest == data.from_arrays(x).inputs.digest
    with pytest.raises(BadData, match="labels-idx1-ubyte"):
        data.read(str(folder))


def test_bad_idx(idx_folder, monkeypatch):
    folder, x, y = idx_folder
    images, labels = folder / "train-images-idx3-ubyte", folder / "train-labels-idx1-ubyte"
    raw = write_idx(images, x)
    write_idx(labels, y[:11])
    with pytest.raises(BadData, match="12 examples"):
        data.read(str(folder))
    huge = struct.pack(">HBB3I", 0, 8, 3, 2**32 - 1, 2**32 - 1, 2**32 - 1)
    swapped = bytes([0, 0, 9]) + raw[3:]
    for bad in (b"", raw[:3], raw[:10], raw[:-1], raw + b"x", huge, swapped, labels.read_bytes()):
        images.write_bytes(bad)
        with pytest.raises(BadData) as error:
            data.read(str(folder), limit=3)
        assert "train-images" in one_line(error)
    for bad in (gzip.compress(raw)[:-9], b"not gzip", gzip.compress(raw)[:-8] + bytes(8)):
        images.unlink(missing_ok=True)
        (folder / "train-images-idx3-ubyte.gz").write_bytes(bad)
        with pytest.raises(BadData) as error:
            data.read_inputs(str(folder), limit=3)
        assert "train-images" in one_line(error)
    with pytest.raises(BadData, match="holds labels"):
        data.read(str(labels))


# Finding a reader


def test_unknown_sources(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file.png").write_bytes(b"x")
    (tmp_path / "no.npz").write_bytes(b"x")
    for source in ("nowhere", "nowhere.csv", "nowhere.npz", "bad\nname.csv", *map(str, tmp_path.iterdir())):
        for call in (data.read, data.read_inputs):
            with pytest.raises(BadData) as error:
                call(source)
            one_line(error)
    for limit in (0, -5):
        with pytest.raises(BadData, match="--limit"):
            data.read("digits", limit=limit)
