"""A label file: header, values, column, digests, and the coder's bytes (formats/labels.md)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mdlcodec.container.frame import (
    CHECKSUM_BYTES,
    HEAD_BYTES,
    KIND_LABELS,
    KIND_NETWORK,
    KIND_REALS,
    KIND_SAMPLED_NETWORK,
    KIND_TEXT,
    Reader,
    read_frame,
    unsigned,
    write_frame,
)
from mdlcodec.container.grid import PLAIN, STYLES, Grid, decode_grid, encode_grid
from mdlcodec.container.ids import NetId
from mdlcodec.container.label_values import (
    Values,
    are_plain,
    decode_dtype,
    decode_values,
    encode_dtype,
    encode_values,
    plain,
)
from mdlcodec.errors import BadData, CorruptFile, Unsupported
from mdlcodec.limits import DEFAULT_MEMORY

FORMS = ("npy", "csv", "idx", "idx.gz")  # by id
MAX_LABELS = 1 << 40
MAX_CLASSES = 65536
MAX_COLUMN = 1 << 20
MAX_COLUMN_NAME_BYTES = 1 << 16
MAX_NET_NAME_BYTES = 64
DIGEST_BYTES = 4

SEED_STORED = 0x80  # in the net byte
_VALUES_STORED = 0x80  # in the form byte
_FORM_SHIFT, _FORM_MASK, _DTYPE_MASK = 4, 0x07, 0x0F


@dataclass(frozen=True, eq=False)
class LabelHeader:
    """What a label file says besides the coded labels.

    code, preset: 0..15; net: 0..127; seed: 0..2^64-1; n: how many labels; values: (k,), the distinct label
    values, sorted, in the labels' own dtype; form: one of FORMS, how the labels came; column: index and name
    (None without a header line) of the target in its table, None for other forms; input_digest and
    label_digest: 4 bytes each. grid: of labels that are reals (formats/reals.md), which have no classes and so
    no values, but for their dtype; style: how cells of a table were written, one of grid.STYLES.
    own_net: name and version of a network of the sender's own, if net is NAMED.
    """

    code: int
    net: int
    preset: int
    seed: int
    n: int
    values: Values
    form: str
    column: tuple[int, str | None] | None
    input_digest: bytes
    label_digest: bytes
    grid: Grid | None = None
    style: int = PLAIN
    own_net: tuple[str, int] | None = None


def label_digest(classes: npt.NDArray[np.integer]) -> bytes:
    """First 4 bytes of the SHA-256 of classes, (n,) in 0..k-1, as unsigned little-endian 32-bit integers."""
    return hashlib.sha256(np.ascontiguousarray(classes, dtype="<u4").tobytes()).digest()[:DIGEST_BYTES]


def index_digest(indices: npt.NDArray[np.int64]) -> bytes:
    """The same of the indices of reals, as signed little-endian 64-bit integers."""
    return hashlib.sha256(np.ascontiguousarray(indices, dtype="<i8").tobytes()).digest()[:DIGEST_BYTES]


def write_label_file(header: LabelHeader, payload: bytes) -> bytes:
    """The file of a header and the coder's bytes.

    BadData for labels that the format cannot hold; ValueError for fields out of range.
    """
    parts = _encode_header(header)
    return write_frame(
        KIND_LABELS if header.grid is None else KIND_REALS, b"".join(data for _, data in parts) + payload
    )


def _encode_header(header: LabelHeader) -> list[tuple[str, bytes]]:
    k = len(header.values)
    for name, value, largest in (
        ("code", header.code, 15),
        ("preset", header.preset, 15),
        ("net", header.net, 127),
    ):
        if not 0 <= value <= largest:
            raise ValueError(f"{name} {value} is not in 0..{largest}")
    if not 0 <= header.n <= MAX_LABELS:
        raise BadData(f"{header.n} labels: at most 2^40 can be coded")
    if header.grid is None and not min(header.n, 1) <= k <= min(header.n, MAX_CLASSES):
        raise BadData(f"{k} classes of {header.n} labels: at most {MAX_CLASSES} classes can be coded")
    if len(header.input_digest) != DIGEST_BYTES or len(header.label_digest) != DIGEST_BYTES:
        raise ValueError(f"digests have {DIGEST_BYTES} bytes")
    if header.form not in FORMS:
        raise ValueError(f"labels of form {header.form!r} do not exist")
    if header.column is not None and header.form != "csv":
        raise ValueError(f"labels of form {header.form} have no column")
    dtype, big_endian = encode_dtype(header.values.dtype)
    stored = k > 0 and not are_plain(header.values)
    fields = [
        bytes([header.code << 4 | header.preset, header.net | (SEED_STORED if header.seed else 0)]),
        bytes([(_VALUES_STORED if stored else 0) | FORMS.index(header.form) << _FORM_SHIFT | dtype]),
        big_endian,
        unsigned(header.n),
        unsigned(k) if header.grid is None else b"",
        unsigned(header.seed) if header.seed else b"",
        encode_own_net(header.own_net) if header.net == NetId.NAMED else b"",
    ]
    values = ("values", encode_values(header.values) if stored else b"")
    if header.grid is not None:
        style = bytes([header.style]) if header.form == "csv" else b""
        values = ("grid", encode_grid(header.grid, header.values.dtype) + style)
    return [
        ("header", b"".join(fields)),
        values,
        ("column", _encode_column(header.column) if header.form == "csv" else b""),
        ("digests", header.input_digest + header.label_digest),
    ]


def encode_own_net(own_net: tuple[str, int] | None) -> bytes:
    """Name and version of a network of the sender's own."""
    if own_net is None:
        raise ValueError("a network of the sender's own has a name and a version")
    name, version = own_net
    encoded = name.encode("ascii")
    if not 1 <= len(encoded) <= MAX_NET_NAME_BYTES:
        raise ValueError(f"a network's name has 1 to {MAX_NET_NAME_BYTES} bytes")
    return unsigned(len(encoded)) + encoded + unsigned(version)


def decode_own_net(reader: Reader) -> tuple[str, int]:
    """The same from a file. Raises CorruptFile."""
    size = reader.unsigned()
    if not 1 <= size <= MAX_NET_NAME_BYTES:
        raise CorruptFile(f"damaged: a network's name of {size} bytes")
    encoded = reader.take(size)
    if not all(33 <= byte < 127 for byte in encoded):
        raise CorruptFile("damaged: a network's name is not printable text")
    version = reader.unsigned()
    if not 1 <= version < 1 << 31:
        raise CorruptFile(f"damaged: version {version} of a network")
    return encoded.decode("ascii"), version


def _encode_column(column: tuple[int, str | None] | None) -> bytes:
    if column is None:
        return unsigned(0)
    index, name = column
    if not 0 <= index <= MAX_COLUMN:
        raise BadData(f"column {index}: at most {MAX_COLUMN} columns can be coded")
    if name is None:
        return unsigned(1 + 2 * index)
    try:
        encoded = name.encode()
    except UnicodeEncodeError as error:
        raise BadData(f"the name of column {index} is not Unicode text: rename it") from error
    if len(encoded) > MAX_COLUMN_NAME_BYTES:
        raise BadData(f"the name of column {index} has more than {MAX_COLUMN_NAME_BYTES} bytes: shorten it")
    return unsigned(1 + 2 * index + 1) + unsigned(len(encoded)) + encoded


def read_label_file(blob: bytes, memory: int = DEFAULT_MEMORY) -> tuple[LabelHeader, bytes]:
    """Header and coder's bytes of a file.

    CorruptFile if it is damaged or holds no labels; Unsupported for a newer version or ids not known;
    LimitExceeded for values that take more than ``memory`` bytes.
    Codes, nets and presets are passed on unchecked; n is at most 2^40 and not yet compared with any inputs.
    """
    header, _, payload = _read(blob, memory)
    return header, payload


def sections(blob: bytes, memory: int = DEFAULT_MEMORY) -> list[tuple[str, int]]:
    """Names and sizes in bytes of the parts of a label file, in order, adding up to len(blob)."""
    _, sizes, payload = _read(blob, memory)
    sizes[0] = ("header", sizes[0][1] + HEAD_BYTES)
    return [*sizes, ("labels", len(payload)), ("checksum", CHECKSUM_BYTES)]


def _read(blob: bytes, memory: int) -> tuple[LabelHeader, list[tuple[str, int]], bytes]:
    kind, body = read_frame(blob)
    if kind in (KIND_NETWORK, KIND_SAMPLED_NETWORK):
        raise Unsupported(f"a network (kind {kind}), no labels; mdlcodec unpack gets its weights back")
    if kind == KIND_TEXT:
        raise Unsupported("a text, no labels; mdlcodec decode gets it back without inputs")
    if kind not in (KIND_LABELS, KIND_REALS):
        raise Unsupported(f"a file of kind {kind}, which holds no labels that this program can read")
    reader = Reader(body)
    ends = []
    code, preset = divmod(reader.byte(), 16)
    net = reader.byte()
    form_byte = reader.byte()
    dtype = decode_dtype(form_byte & _DTYPE_MASK, reader)
    form = form_byte >> _FORM_SHIFT & _FORM_MASK
    if form >= len(FORMS):
        raise Unsupported(
            f"labels of form {form}, which this program does not know: install a newer mdlcodec"
        )
    n = reader.unsigned()
    k = reader.unsigned() if kind == KIND_LABELS else 0
    if n > MAX_LABELS or (kind == KIND_LABELS and not min(n, 1) <= k <= min(n, MAX_CLASSES)):
        raise CorruptFile(f"damaged: {k} classes of {n} labels")
    seed = reader.unsigned() if net & SEED_STORED else 0
    if seed == 0 and net & SEED_STORED:
        raise CorruptFile("damaged: a seed of 0 that should not be stored")
    own_net = decode_own_net(reader) if net & ~SEED_STORED == NetId.NAMED else None
    ends.append(("header", reader.position))
    grid, style = None, PLAIN
    if kind == KIND_REALS:
        if form_byte & _VALUES_STORED:
            raise CorruptFile("damaged: values of classes among reals")
        grid = decode_grid(reader, dtype)
        style = reader.byte() if FORMS[form] == "csv" else PLAIN
        if style >= STYLES or (style != PLAIN and grid.is_raw):
            raise CorruptFile("damaged: cells of reals that cannot be written")
        values = np.empty(0, dtype)
        ends.append(("grid", reader.position))
    elif form_byte & _VALUES_STORED:
        if k == 0:
            raise CorruptFile("damaged: values of labels that do not exist")
        values = decode_values(reader, k, dtype, memory)
        ends.append(("values", reader.position))
    else:
        values = plain(k, dtype)
    column = None
    if FORMS[form] == "csv":
        column = _decode_column(reader)
        ends.append(("column", reader.position))
    input_digest, label_digest = reader.take(DIGEST_BYTES), reader.take(DIGEST_BYTES)
    ends.append(("digests", reader.position))
    header = LabelHeader(
        code=code,
        net=net & ~SEED_STORED,
        preset=preset,
        seed=seed,
        n=n,
        values=values,
        form=FORMS[form],
        column=column,
        input_digest=input_digest,
        label_digest=label_digest,
        grid=grid,
        style=style,
        own_net=own_net,
    )
    starts = [0, *(end for _, end in ends)]
    sizes = [(name, end - start) for (name, end), start in zip(ends, starts, strict=False)]
    return header, sizes, reader.rest()


def _decode_column(reader: Reader) -> tuple[int, str | None] | None:
    stored = reader.unsigned()
    if stored == 0:
        return None
    index, named = divmod(stored - 1, 2)
    if index > MAX_COLUMN:
        raise CorruptFile(f"damaged: a target in column {index}")
    if not named:
        return index, None
    size = reader.unsigned()
    if size > MAX_COLUMN_NAME_BYTES:
        raise CorruptFile(f"damaged: a column name of {size} bytes")
    try:
        return index, reader.take(size).decode()
    except UnicodeDecodeError as error:
        raise CorruptFile("damaged: the name of the column is not UTF-8") from error
