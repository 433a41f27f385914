"""Files (formats/container.md) and what label files hold (formats/labels.md)."""

from __future__ import annotations

import dataclasses
import os
import string
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
import zstandard
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mdlcodec.container import (
    FORMS,
    KIND_LABELS,
    KIND_NETWORK,
    LabelHeader,
    Reader,
    label_digest,
    read_frame,
    read_label_file,
    sections,
    write_frame,
    write_label_file,
)
from mdlcodec.container import frame as frame_module
from mdlcodec.container.ids import NetId
from mdlcodec.errors import BadData, CorruptFile, MdlcodecError, Unsupported

GOLDEN = Path(__file__).parent / "golden" / "good" / "container"
DIGITS = LabelHeader(
    code=5,
    net=3,
    preset=6,
    seed=0,
    n=1797,
    values=np.arange(10),
    form="npy",
    column=None,
    input_digest=b"\x01\x02\x03\x04",
    label_digest=b"\xf1\xf2\xf3\xf4",
)
ADULT = dataclasses.replace(
    DIGITS, n=32561, seed=12345, values=np.array(["<=50K", ">50K"]), form="csv", column=(14, "income")
)
LETTERS = dataclasses.replace(
    DIGITS, n=20000, values=np.array(list(string.ascii_uppercase)), form="csv", column=(0, None)
)
WORDS = np.array(sorted(f"species number {i}" for i in range(200)), dtype="<U25")
CASES = {
    "digits": (DIGITS, bytes(range(40))),
    "adult": (ADULT, b"payload"),
    "letters": (LETTERS, b""),
    "one-based": (dataclasses.replace(DIGITS, values=np.arange(1, 4, dtype=np.int8), form="idx"), b"\0\xff"),
    "floats": (dataclasses.replace(DIGITS, values=np.array([-0.5, -0.0, 3.25, np.nan], dtype=">f4")), b"x"),
    "signs": (dataclasses.replace(DIGITS, values=np.array([-1.0, 1.0])), b"x"),
    "uneven": (dataclasses.replace(DIGITS, values=np.array([2, 3, 700], dtype=">u2"), form="idx.gz"), b"x"),
    "wide": (dataclasses.replace(DIGITS, values=np.array(["ja", "nein"], dtype="<U9")), b"x"),
    "empty": (dataclasses.replace(DIGITS, n=0, values=np.array([], dtype=np.uint8)), b""),
    "one-class": (dataclasses.replace(DIGITS, values=np.array([True]), seed=2**64 - 1), b""),
    "words": (dataclasses.replace(DIGITS, values=WORDS), b"x"),
}


def same(a: LabelHeader, b: LabelHeader) -> bool:
    fields = [f.name for f in dataclasses.fields(LabelHeader) if f.name != "values"]
    return (
        all(getattr(a, name) == getattr(b, name) for name in fields)
        and a.values.dtype == b.values.dtype
        and a.values.tobytes() == b.values.tobytes()
    )


def with_checksum(framed: bytes) -> bytes:
    return framed + zlib.crc32(framed).to_bytes(4, "little")


def body_of(header: LabelHeader = DIGITS) -> bytes:
    return read_frame(write_label_file(header, b""))[1]


# Round trips

numeric_dtypes = st.sampled_from(
    ["?", "i1", "<i2", ">i4", "<i8", "u1", ">u2", "<u4", "<u8", ">u8", "<f2", ">f2", "<f4", "<f8", ">f8"]
)


@st.composite
def numbers(draw):
    dtype = np.dtype(draw(numeric_dtypes))
    size = dtype.itemsize
    if dtype.kind == "b":
        return np.array(draw(st.sampled_from([[False], [True], [False, True]])))
    if dtype.kind == "f" and draw(st.booleans()):  # any bits: NaNs of every kind, infinities, both zeros
        bits = draw(st.lists(st.integers(0, 2 ** (8 * size) - 1), min_size=1, max_size=20, unique=True))
        return np.sort(np.array(bits, dtype=f"u{size}").view(f"f{size}")).astype(dtype)
    low, high = (-2048, 2048) if dtype.kind == "f" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    start, count, step = (
        draw(st.integers(low, high)),
        draw(st.integers(1, 300)),
        draw(st.sampled_from([1, 1, 2, 77])),
    )
    spaced = list(range(int(start), int(high) + 1, step))[:count] if high < 2**17 else [start]
    free = draw(st.lists(st.integers(int(low), int(high)), min_size=1, max_size=20, unique=True))
    return np.array(draw(st.sampled_from([spaced, sorted(free)])), dtype=dtype)


@st.composite
def texts(draw):
    alphabet = st.characters(codec="utf-8")
    strings = draw(
        st.lists(st.text(alphabet, max_size=draw(st.sampled_from([1, 8]))), min_size=1, max_size=20)
    )
    distinct = sorted({s.rstrip("\0") for s in strings})
    width = max(1, *map(len, distinct), 0) + draw(st.sampled_from([0, 0, 3]))
    return np.array(distinct, dtype=f"{draw(st.sampled_from('<>'))}U{width}")


@st.composite
def headers(draw):
    values = draw(numbers() | texts() | st.integers(1, 300).map(np.arange))
    form = draw(st.sampled_from(FORMS))
    names = st.none() | st.text(st.characters(codec="utf-8"), max_size=20)
    columns = st.none() | st.tuples(st.integers(0, 2**20), names)
    net = draw(st.just(NetId.NAMED) | st.integers(0, 127))
    printable = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=64)
    own_nets = st.tuples(printable, st.integers(1, 2**31 - 1))
    return LabelHeader(
        code=draw(st.integers(0, 15)),
        net=net,
        preset=draw(st.integers(0, 15)),
        seed=draw(st.just(0) | st.integers(0, 2**64 - 1)),
        n=draw(st.integers(len(values), len(values) + 5) | st.integers(len(values), 2**40)),
        values=values,
        form=form,
        column=draw(columns) if form == "csv" else None,
        input_digest=draw(st.binary(min_size=4, max_size=4)),
        label_digest=draw(st.binary(min_size=4, max_size=4)),
        own_net=draw(own_nets) if net == NetId.NAMED else None,
    )


@settings(deadline=None, max_examples=400)
@given(header=headers(), payload=st.binary(max_size=50))
def test_round_trip(header, payload):
    blob = write_label_file(header, payload)
    read, read_payload = read_label_file(blob)
    assert same(read, header)
    assert read_payload == payload
    parts = sections(blob)
    assert sum(size for _, size in parts) == len(blob)
    assert dict(parts)["labels"] == len(payload)
    assert dict(parts)["digests"] == 8
    assert dict(parts)["checksum"] == 4
    assert ("column" in dict(parts)) == (header.form == "csv")


@pytest.mark.parametrize("name", CASES)
def test_golden(name):
    header, payload = CASES[name]
    path = GOLDEN / f"{name}.bin"
    if os.environ.get("MDLCODEC_WRITE_GOLDEN") == "1":
        path.write_bytes(write_label_file(header, payload))
    blob = path.read_bytes()
    read, read_payload = read_label_file(blob)
    assert same(read, header)
    assert read_payload == payload
    if name != "words":  # zstandard's versions may compress differently; all read what any of them wrote
        assert write_label_file(header, payload) == blob


@pytest.mark.parametrize(
    ("header", "overhead"),
    [
        (DIGITS, 22),
        (dataclasses.replace(DIGITS, values=np.arange(2, dtype=np.uint8), n=569), 22),
        (dataclasses.replace(DIGITS, values=np.arange(10, dtype=np.uint8), n=60000, form="idx.gz"), 23),
        (dataclasses.replace(DIGITS, values=np.arange(1, 8), seed=100), 25),
        (dataclasses.replace(DIGITS, values=np.arange(1000), n=2**40, seed=2**64 - 1), 22 + 4 + 1 + 10),
        (LETTERS, 26),
        (ADULT, 22 + 1 + 2 + 12 + 8),
    ],
)
def test_bytes_besides_the_payload(header, overhead):
    assert len(write_label_file(header, b"payload")) - 7 == overhead


def test_sections_by_name():
    assert sections(write_label_file(ADULT, b"payload")) == [
        ("header", 13),
        ("values", 12),
        ("column", 8),
        ("digests", 8),
        ("labels", 7),
        ("checksum", 4),
    ]


def test_label_digest():
    classes = np.array([0, 1, 258], dtype=np.int32)
    assert label_digest(classes) == label_digest(classes.astype(">i8")) == bytes.fromhex("8ddedfc7")
    assert label_digest(classes[::-1]) != label_digest(classes)


# Damage


@pytest.mark.parametrize("name", CASES)
def test_any_changed_byte_is_an_error_fuzz(name):
    blob = write_label_file(*CASES[name])
    for position in range(len(blob)):
        for value in (
            range(256) if position < 5 else (0, 1, 128, 255, blob[position] ^ 1, blob[position] ^ 64)
        ):
            if value != blob[position]:
                changed = blob[:position] + bytes([value]) + blob[position + 1 :]
                with pytest.raises((CorruptFile, Unsupported)) as caught:
                    read_label_file(changed)
                newer = position == 3 and value >> 4 > 1
                assert caught.value.exit_code == (3 if newer else 1)


@pytest.mark.parametrize("name", CASES)
def test_any_truncation_and_extension_is_an_error_fuzz(name):
    blob = write_label_file(*CASES[name])
    for size in range(len(blob)):
        with pytest.raises(CorruptFile, match="truncated"):
            read_label_file(blob[:size])
    for extra in (b"\0", b"\n", blob):
        with pytest.raises(CorruptFile):
            read_label_file(blob + extra)


def test_the_line_says_what_is_wrong():
    blob = write_label_file(DIGITS, b"payload")
    for changed, error, line in [
        (b"\x89PNG\r\n\x1a\n" + bytes(30), CorruptFile, "not an mdlcodec file"),
        (b"", CorruptFile, "truncated: only 0 bytes"),
        (b"MD", CorruptFile, "truncated: only 2 bytes"),
        (b"MDL", CorruptFile, "truncated: only 3 bytes"),
        (blob[:7], CorruptFile, "truncated: only 7 bytes"),
        (blob[:-1], CorruptFile, "truncated or damaged: the checksum differs"),
        (b"MDL\x20", Unsupported, "format version 2; this program reads up to 1: install a newer mdlcodec"),
        (b"MDL\x00" + blob[4:], CorruptFile, "damaged: format version 0 does not exist"),
    ]:
        with pytest.raises(error) as caught:
            read_label_file(changed)
        assert str(caught.value) == line
    with pytest.raises(Unsupported, match="kind 1"):
        read_label_file(write_frame(KIND_NETWORK, b"weights"))


def accepts_or_says_so(blob: bytes) -> None:
    """Whatever a file says, with a right checksum: a header within all limits, or one of our errors."""
    try:
        header, payload = read_label_file(blob)
    except MdlcodecError:
        return
    k = len(header.values)
    assert 0 <= header.n <= 2**40
    assert min(header.n, 1) <= k <= min(header.n, 65536)
    assert 0 <= header.code <= 15
    assert 0 <= header.preset <= 15
    assert 0 <= header.net <= 127
    assert 0 <= header.seed < 2**64
    assert header.form in FORMS
    assert header.values.nbytes <= 2**28
    assert header.values.dtype.kind in "biufU"
    assert len(header.input_digest) == len(header.label_digest) == 4
    assert len(np.unique(np.array([v.tobytes() for v in header.values], dtype=object))) == k
    assert header.values.dtype.kind != "b" or set(header.values.view(np.uint8).tolist()) <= {0, 1}
    # It can be written again, and then says the same.
    again, again_payload = read_label_file(write_label_file(header, payload))
    assert same(again, header)
    assert again_payload == payload


@st.composite
def mutations(draw):
    blob = bytearray(write_label_file(*CASES[draw(st.sampled_from(sorted(CASES)))])[:-4])
    for _ in range(draw(st.integers(1, 4))):
        position = draw(st.integers(4, len(blob)))
        removed = draw(st.integers(0, 3))
        blob[position : position + removed] = draw(st.binary(max_size=4))
    return with_checksum(bytes(blob))


@settings(deadline=None, max_examples=800)
@given(blob=mutations())
def test_mutations_with_a_right_checksum_fuzz(blob):
    accepts_or_says_so(blob)


@settings(deadline=None, max_examples=500)
@given(body=st.binary(max_size=60))
@example(body=body_of(DIGITS)[:6])
def test_any_body_with_a_right_checksum_fuzz(body):
    accepts_or_says_so(with_checksum(b"MDL\x10" + body))


def test_every_single_byte_with_a_right_checksum_fuzz():
    for name in ("floats", "uneven", "wide"):
        blob = write_label_file(*CASES[name])[:-4]
        for position in range(4, len(blob)):
            for value in range(256) if position < 20 else range(0, 256, 17):
                accepts_or_says_so(with_checksum(blob[:position] + bytes([value]) + blob[position + 1 :]))


def label_body(form_byte: int, k: int, values: bytes, n: int = 100) -> bytes:
    counts = frame_module.unsigned(n) + frame_module.unsigned(k)
    return with_checksum(b"MDL\x10" + bytes([0x56, 3, form_byte]) + counts + values + bytes(8))


def compressed(content: bytes) -> bytes:
    made = zstandard.ZstdCompressor(level=3, write_content_size=False).compress(content)[4:]
    return frame_module.unsigned(len(made)) + made


INT64, UINT8, FLOAT16, BOOL, TEXT = 4, 5, 9, 0, 12
STORED = 0x80


@pytest.mark.parametrize(
    ("blob", "line"),
    [
        (label_body(BOOL, 3, b""), "outside"),
        (label_body(UINT8, 257, b"", n=300), "outside"),
        (label_body(FLOAT16, 3000, b"", n=3000), "exactly"),
        (label_body(TEXT, 2, b""), "without their values"),
        (label_body(INT64, 101, b""), "101 classes of 100 labels"),
        (label_body(INT64, 0, b""), "0 classes of 100 labels"),
        (label_body(INT64, 1, b"", n=0), "1 classes of 0 labels"),
        (label_body(INT64, 65537, b"", n=2**20), "65537 classes"),
        (label_body(INT64, 10, b"", n=2**40 + 1), "labels"),
        (label_body(INT64 | STORED, 0, b"\0\0", n=0), "do not exist"),
        (label_body(UINT8 | STORED, 3, b"\x00\xfe\x01"), "outside"),
        (label_body(UINT8 | STORED, 2, b"\x01\x01\xff\x00"), "integer"),
        (label_body(BOOL | STORED, 2, b"\x02\x00\x02"), "does not fit"),
        (label_body(UINT8 | STORED, 2, b"\x02\x05\x05"), "order"),
        (label_body(UINT8 | STORED, 2, b"\x02\x06\x05"), "order"),
        (label_body(UINT8 | STORED, 2, b"\x43\x06\x05"), "does not fit"),
        (label_body(UINT8 | STORED, 2, b"\x82" + compressed(b"\1\2\3")), "left over"),
        (label_body(UINT8 | STORED, 2, b"\x82" + compressed(b"\1")), "fit into the file"),
        (label_body(UINT8 | STORED, 2, b"\x82\x00"), "do not end"),
        (label_body(UINT8 | STORED, 2, b"\x82\x03abc"), "cannot be read|do not end"),
        (label_body(FLOAT16 | STORED, 2, b"\x02\x00\x00\x00\x00"), "order"),
        (label_body(FLOAT16 | STORED, 3, b"\x02\x00\x7e\x01\x7e\x00\x7e"), "order"),
        (label_body(FLOAT16 | STORED, 2, b"\x00\x82\x20"), "exactly"),
        (label_body(TEXT | STORED, 1, b"\x00\x00"), "zero character"),
        (label_body(TEXT | STORED, 2, b"\x00\xff\xff\x43"), "character"),
        (label_body(TEXT | STORED, 1, b"\x00\x80\xb0\x03"), "character does not exist"),
        (label_body(TEXT | STORED, 2, b"\x01\xff\xaf\x03\x00"), "character does not exist"),
        (label_body(TEXT | STORED, 1, b"\x03\x03\xed\xa0\x80"), "UTF-8"),
        (label_body(TEXT | STORED, 2, b"\x03\x01b\x01a"), "order"),
        (label_body(TEXT | STORED, 2, b"\x03\x01a\x01a"), "order"),
        (label_body(TEXT | STORED, 1, b"\x03\x02a\0"), "zero character"),
        (label_body(TEXT | STORED, 1, b"\x03\x02\xc1\x81"), "UTF-8"),
        (label_body(TEXT | STORED, 1, b"\x43\x01\x01a"), "width"),
        (label_body(TEXT | STORED, 1, b"\x43\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x01a"), "take more"),
        (label_body(TEXT | STORED, 1, b"\x03\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "does not fit"),
        (label_body(15, 2, b"")[:7] + b"", "truncated"),
        (with_checksum(b"MDL\x10\x56\x83\x04\x0a\x0a\x00" + bytes(8)), "seed of 0"),
        (with_checksum(b"MDL\x10\x56\x03\x0f\x05\x0a\x0a" + bytes(8)), "one byte"),
        (with_checksum(b"MDL\x10\x56\x03\x14\x0a\x0a\x83\x80\x80\x01" + bytes(8)), "column"),
        (with_checksum(b"MDL\x10\x56\x03\x14\x0a\x0a\x02\x01\x80" + bytes(8)), "UTF-8"),
        (with_checksum(b"MDL\x10\x56\x03\x14\x0a\x0a\x02\x03\xed\xb3\xbf" + bytes(8)), "UTF-8"),
        (with_checksum(b"MDL\x10\x56\x03\x14\x0a\x0a\x02\x81\x80\x04" + bytes(99999)), "column name"),
    ],
)
def test_hostile_fields_are_named(blob, line):
    with pytest.raises(CorruptFile, match=line):
        read_label_file(blob)


@pytest.mark.parametrize(
    "blob",
    [
        label_body(13, 2, b""),
        label_body(INT64 | 4 << 4, 2, b""),
        label_body(INT64 | 7 << 4, 2, b""),
        label_body(INT64 | STORED, 2, b"\x04\x01\x01"),
        label_body(INT64 | STORED, 2, b"\x10\x01\x01"),
        with_checksum(b"MDL\x10\x56\x03\x0f\x0d\x0a\x0a" + bytes(8)),
        with_checksum(b"MDL\x13" + body_of()),
    ],
)
def test_unknown_ids_are_of_a_newer_program(blob):
    with pytest.raises(Unsupported):
        read_label_file(blob)


@pytest.mark.parametrize("size", [10**5, 10**9])
def test_a_bomb_is_bounded(size):
    # `size` zero bytes in blocks of 128 KiB that take 4 bytes each; no more than 16 MiB may be kept.
    block = (1 << 17 << 3 | 1 << 1).to_bytes(3, "little") + b"\0"
    frame = b"\x00\x58" + block * (size >> 17) + b"\x01\x00\x00"  # window 2 MiB; last, empty block
    bomb = label_body(INT64 | STORED, 100, b"\x82" + frame_module.unsigned(len(frame)) + frame)
    tracemalloc.start()
    try:
        with pytest.raises(CorruptFile, match="inflate to more" if size > 2**24 else "fit into the file"):
            read_label_file(bomb)
        assert tracemalloc.get_traced_memory()[1] < 2**26
    finally:
        tracemalloc.stop()


# What cannot be written


@pytest.mark.parametrize(
    "values",
    [
        np.array([1, 0]),
        np.array([1, 1]),
        np.array(["b", "a"]),
        np.array([np.nan, 1.0]),
        np.array([0.0, 0.0]),
        np.array([1j]),
        np.array([b"bytes"]),
        np.array(["object"], dtype=object),
        np.array(["2020-01-01"], dtype="datetime64[D]"),
        np.array([1.0], dtype=np.longdouble),
        np.array([0x110000], dtype=np.uint32).view("<U1"),
        np.array([0xD800], dtype=np.uint32).view("<U1"),
        np.array([], dtype=np.int64),
        np.arange(1798),
        np.array(["x" * (1 << 24)]),
        np.array(["x"], dtype="<U100000000"),
    ],
    ids=lambda values: f"{values.dtype}-{len(values)}",
)
def test_labels_that_cannot_be_written(values):
    with pytest.raises(BadData):
        write_label_file(dataclasses.replace(DIGITS, values=values), b"")


@pytest.mark.parametrize(
    "fields",
    [
        {"code": 16},
        {"code": -1},
        {"preset": 16},
        {"net": 128},
        {"seed": -1},
        {"seed": 2**64},
        {"input_digest": b"abc"},
        {"label_digest": b"abcde"},
        {"form": "png"},
        {"column": (1, None)},
    ],
    ids=str,
)
def test_fields_out_of_range(fields):
    with pytest.raises(ValueError, match=r"is not in 0|digests have|form"):
        write_label_file(dataclasses.replace(DIGITS, **fields), b"")


@pytest.mark.parametrize(
    "fields",
    [
        {"n": 2**40 + 1},
        {"column": (2**20 + 1, None)},
        {"column": (0, "x" * 65537)},
        {"column": (0, "\udfff")},
    ],
)
def test_labels_beyond_the_format(fields):
    with pytest.raises(BadData):
        write_label_file(dataclasses.replace(DIGITS, form="csv", **fields), b"")


# Frame and integers


@given(kind=st.integers(0, 15), body=st.binary(max_size=100))
def test_frame(kind, body):
    blob = write_frame(kind, body)
    assert read_frame(blob) == (kind, body)
    assert len(blob) == len(body) + 8
    assert KIND_LABELS != KIND_NETWORK


def test_frame_of_a_kind_out_of_range():
    with pytest.raises(ValueError, match="kind 16"):
        write_frame(16, b"")


@given(value=st.integers(0, 2**64 - 1))
def test_integers(value):
    reader = Reader(frame_module.unsigned(value) + frame_module.signed(value - 2**63))
    assert reader.unsigned() == value
    assert reader.signed() == value - 2**63
    assert reader.rest() == b""
    assert len(frame_module.unsigned(value)) == max(1, -(-value.bit_length() // 7))


@pytest.mark.parametrize("data", [b"", b"\x80", b"\x80\x00", b"\xff" * 9 + b"\x02", b"\xff" * 10 + b"\x01"])
def test_integers_not_in_their_shortest_form(data):
    with pytest.raises(CorruptFile):
        Reader(data).unsigned()
