"""Label files: header, values, column, digests; the uniform code (formats/labels.md)."""

import hashlib
import shutil
import subprocess
from dataclasses import dataclass

import numpy as np

from decoder.frame import Damaged, Reader, Unsupported, read_frame
from decoder.grid import Grid, read_grid
from decoder.range_coder import Decoder, frequencies

DTYPES = ["?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "U"]

FORMS = ["npy", "csv", "idx", "idx.gz"]


@dataclass
class LabelFile:
    """What a file holds; column: (index, name or None)."""

    code: int
    preset: int
    net: int
    seed: int
    form: str
    n: int
    k: int
    values: np.ndarray
    column: tuple | None
    input_digest: bytes
    label_digest: bytes
    payload: bytes
    sections: dict
    own: tuple | None = None  # name and version of a network 127
    grid: Grid | None = None  # of real numbers, with k = 0 and no values


def inflate(content):
    """One zstandard frame without its magic; the standard library has none before 3.14."""
    tool = shutil.which("zstd")
    if tool is None:
        raise Unsupported("no zstandard here")
    return subprocess.run(
        [tool, "-dc"], input=b"\x28\xb5\x2f\xfd" + content, capture_output=True, check=True
    ).stdout


def read_values(r, dtype, k):
    """The values of the classes ("Values")."""
    method = r.byte()
    if method & 0x30 or method & 15 > 3:
        raise Unsupported("method of values")
    width = r.unsigned() if method & 64 else None
    content, packed = r, method & 128
    if packed:
        content = Reader(inflate(r.take(r.unsigned())))
    kind, method = dtype.kind, method & 15
    if method <= 1:
        first = content.signed() if kind in "if" else content.unsigned()
        numbers = [first]
        for _ in range(k - 1):
            numbers.append(numbers[-1] + 1 + (content.unsigned() if method else 0))
        values = [chr(v) for v in numbers] if kind == "U" else numbers
    elif method == 2:
        little = dtype.newbyteorder("<")
        values = np.frombuffer(content.take(k * dtype.itemsize), little)
    else:
        values = [content.text() for _ in range(k)]
    if packed and content.rest():
        raise Damaged("content left over")
    if kind == "U":
        dtype = np.dtype(f"{dtype.byteorder}U{width or max(1, *map(len, values))}")
    return np.array(values, dtype)


def parse(blob):
    """A file as its fields."""
    kind, body = read_frame(blob)
    if kind not in (0, 2):
        raise Unsupported("not a label file")
    r = Reader(body)
    first, net, form = r.byte(), r.byte(), r.byte()
    order, number = "<", form & 15
    if number == 15:
        order, number = ">", r.byte()
        if number > 12 or number in (0, 1, 5):
            raise Unsupported("dtype")
    if number > 12 or (form >> 4 & 7) > 3:
        raise Unsupported("dtype or form")
    dtype = np.dtype(order + DTYPES[number])
    real = kind == 2
    n = r.unsigned()
    k = 0 if real else r.unsigned()
    if n > 1 << 40 or not (real or ((k == 0) if n == 0 else 1 <= k <= min(n, 65536))):
        raise Damaged("n or k")
    if real and (form & 128 or dtype.kind not in "iuf"):
        raise Damaged("values or dtype of real numbers")
    seed = r.unsigned() if net & 128 else 0
    if net & 128 and not seed:
        raise Damaged("seed of 0")
    own = None
    if net & 127 == 127:
        own = r.take(r.unsigned()).decode("ascii", "replace"), r.unsigned()
    marks = [("header", r.at)]
    grid = None
    if real:
        grid = read_grid(r, dtype, form >> 4 & 7 == 1)
        values = np.zeros(0, dtype)
        marks.append(("grid", r.at))
    elif form & 128:
        values = read_values(r, dtype, k)
        marks.append(("values", r.at))
    else:
        values = np.arange(k).astype(dtype)
    column = None
    form = FORMS[form >> 4 & 7]
    if form == "csv":
        number = r.unsigned()
        if number:
            column = ((number - 1) // 2, r.text() if (number - 1) % 2 else None)
        marks.append(("column", r.at))
    a, b = r.take(4), r.take(4)
    marks.append(("digests", r.at))
    payload = r.rest()
    marks.append(("labels", r.at))
    sizes, before = {"frame": 4}, 0
    for name, at in marks:
        sizes[name], before = at - before, at
    sizes["header"] += sizes.pop("frame")
    sizes["checksum"] = 4
    return LabelFile(
        first >> 4, first & 15, net & 127, seed, form, n, k, values, column, a, b, payload, sizes, own, grid
    )


def label_digest(classes):
    """The digest of classes."""
    return hashlib.sha256(np.asarray(classes).astype("<u4").tobytes()).digest()[:4]


def index_digest(indices):
    """The digest of indices of real numbers (formats/reals.md, section 1)."""
    return hashlib.sha256(np.array(indices, "<i8").tobytes()).digest()[:4]


def decode_uniform(payload, n, k):
    """Labels of the uniform code."""
    f, coder = frequencies([1.0 / k] * k) if k else [], Decoder(payload)
    return np.array([coder.symbol(f) for _ in range(n)], np.int64)
