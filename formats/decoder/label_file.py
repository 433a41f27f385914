"""Label files: header, column, digests; the uniform code (formats/labels.md)."""

import hashlib
from dataclasses import dataclass

import numpy as np

from decoder.frame import Damaged, Reader, Unsupported, read_frame
from decoder.grid import Grid, read_grid
from decoder.label_values import plain_values, read_values
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


def read_own_net(r):
    """Name and version of a network of the sender's own."""
    size = r.unsigned()
    if not 1 <= size <= 64:
        raise Damaged("length of a network's name")
    name = r.take(size)
    version = r.unsigned()
    if not all(33 <= byte < 127 for byte in name) or not 1 <= version < 1 << 31:
        raise Damaged("name or version of a network")
    return name.decode("ascii"), version


def read_column(r):
    """(index, name or None) of a table's column, None where it is not known."""
    number = r.unsigned()
    if not number:
        return None
    index, has_name = divmod(number - 1, 2)
    if index > 1 << 20:
        raise Damaged("index of a column")
    name = r.text() if has_name else None
    if name is not None and len(name.encode()) > 65536:
        raise Damaged("name of a column")
    return index, name


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
        if number in (0, 1, 5):
            raise Damaged("big-endian labels of one byte")
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
    own = read_own_net(r) if net & 127 == 127 else None
    probe = first & 15 == 10 and not real and (first >> 4, net & 127) in ((1, 1), (1, 3), (6, 0))
    if not (1 <= first & 15 <= 9 or probe):
        raise Unsupported("preset")
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
        values = plain_values(k, dtype)
    column = None
    form = FORMS[form >> 4 & 7]
    if form == "csv":
        column = read_column(r)
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
