"""Labels as class indices and back, and the files they are written to (formats/data.md, Labels)."""

from __future__ import annotations

import gzip
import io
import re
import struct

import numpy as np

from mdlcodec.data.array_likes import as_array
from mdlcodec.data.dataset import AnyLabels, LabelColumn, Labels, quoted
from mdlcodec.data.label_values import array_of_sequence, array_of_values, is_sequence
from mdlcodec.data.numbers import canonical_integer
from mdlcodec.errors import BadData

MAX_CLASSES = 65_536
FORMS = {"npy": ".npy", "csv": ".csv", "idx": "-idx1-ubyte", "idx.gz": "-idx1-ubyte.gz"}
"""How a label file's name ends, for each form."""

_NEEDS_QUOTES = re.compile(r'[,"\r\n]|\A[ \t\ufeff]|[ \t]\Z|\A\Z')


def _classes(distinct: np.ndarray, codes: np.ndarray, form: str, column: LabelColumn | None) -> Labels:
    if distinct.shape[0] > MAX_CLASSES:
        raise BadData(
            f"the labels have {distinct.shape[0]} different values; at most {MAX_CLASSES} can be coded"
        )
    return Labels(codes.reshape(-1).astype(np.int32), distinct, form, column)


def _text_values(words: list[str]) -> np.ndarray:
    """Words (k,) as an array of the smallest width; BadData when they would not come back."""
    for word in words:
        if word.endswith("\0") or any("\ud800" <= letter <= "\udfff" for letter in word):
            raise BadData(f"the label {quoted(word)} ends in NUL or is not Unicode text; rename that class")
    return np.array(words, dtype=f"<U{max(1, *map(len, words))}")


def label_array(y: object, n: int) -> np.ndarray:
    """Labels of n examples as an array (n,) of integers, bools, floats up to 64 bits, or text. Raises BadData."""
    if is_sequence(y) and len(y) == n:  # type: ignore[arg-type]  # sequences have a length
        array = array_of_sequence(y) if n else np.zeros(0)
    else:
        array = as_array(y, "y")
    if array.shape not in ((n,), (n, 1)):
        raise BadData(f"y has shape {array.shape}, but x has {n} examples; give one label for each")
    array = array.reshape(n)
    if array.dtype.kind in "OT":
        array = array_of_values(list(array.astype(object)))
    if array.dtype.kind == "S":
        raise BadData("y holds bytes; give text with y.astype(str)")
    if array.dtype.kind not in "biufU" or (array.dtype.kind == "f" and array.dtype.itemsize > 8):
        raise BadData(f"y has dtype {quoted(array.dtype)}; give integers, bools, floats or strings")
    if array.dtype.kind == "U" and not _is_text(array):
        raise BadData("y holds text with characters that do not exist; save it again")
    return array


def _is_text(array: np.ndarray) -> bool:
    """Whether all characters of an array of text (n,) are Unicode's: Python ends in an error at others."""
    codes = np.ascontiguousarray(array).view(np.dtype(np.uint32).newbyteorder(array.dtype.byteorder))
    return int(codes.max(initial=0)) < 0x110000


def labels_of_array(y: object, n: int, form: str = "npy") -> Labels:
    """Labels of an array (n,) or (n, 1) of integers, bools, floats or strings; they come back as (n,).

    The dtype of the values is the array's, byte order and width of text included. Floats are told apart by
    their bits, so NaN and -0.0 come back too. Raises BadData for other dtypes, shapes and numbers of labels.
    """
    array = label_array(y, n)
    given = array.dtype
    array = array.astype(given.newbyteorder("="))
    if array.dtype.kind == "U":
        distinct, codes = np.unique(array, return_inverse=True)
        _text_values([str(word) for word in distinct])  # refuses what would not come back
        return _classes(distinct.astype(given), codes, form, None)
    if array.dtype.kind == "f":
        bits, codes = np.unique(array.view(f"u{array.dtype.itemsize}"), return_inverse=True)
        order = np.argsort(bits.view(array.dtype), kind="stable")  # equal values (0.0, -0.0): by their bits
        place = np.empty_like(order)
        place[order] = np.arange(order.shape[0])
        values = bits[order].astype(bits.dtype.newbyteorder(given.byteorder)).view(given)
        return _classes(values, place[codes], form, None)
    distinct, codes = np.unique(array, return_inverse=True)
    return _classes(distinct.astype(given), codes, form, None)


def labels_of_words(words: list[str], codes: np.ndarray, column: LabelColumn | None) -> Labels:
    """Labels ``words[codes]``, cells of a table or names: int64 when all are canonical integers, else text."""
    if all(map(canonical_integer, words)):
        values = np.array([int(word) for word in words], np.int64)
    else:
        values = _text_values(words)
    order = np.argsort(values, kind="stable")
    place = np.empty_like(order)
    place[order] = np.arange(order.shape[0])
    return _classes(values[order], place[codes], "csv", column)


def form_of(path: str) -> str:
    """The form that a label file's name asks for. Raises BadData when its extension is none of FORMS."""
    for form, ending in FORMS.items():
        if re.search(re.escape(ending).replace(r"\-idx1", "[-.]idx1") + r"\Z", path):
            return form
    raise BadData(
        f"cannot tell the form of labels from {quoted(path)}; end it in {', '.join(FORMS.values())}"
    )


def _csv_cell(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if _NEEDS_QUOTES.search(text) else text


def _csv_bytes(labels: AnyLabels) -> bytes:
    if isinstance(labels, Labels) and len(set(map(str, labels.values))) < len(labels.values):
        raise BadData("some of the labels are NaNs of other bits, which .csv would write alike; write .npy")
    name = labels.column.name if labels.column is not None else None
    lines: list[str] = [] if name is None else [_csv_cell(name)]
    lines += map(_csv_cell, labels.cells())
    text: str = "".join(line + "\n" for line in lines)
    return text.encode()


def _idx_bytes(labels: AnyLabels) -> bytes:
    values = labels.array()
    if values.dtype.kind not in "iu" or values.min() < 0 or values.max() > 255:
        raise BadData("IDX files hold integer labels from 0 to 255, which these are not; write .npy or .csv")
    raw: bytes = values.astype(np.uint8).tobytes()
    return struct.pack(">II", 0x801, labels.n) + raw


def label_bytes(labels: AnyLabels, form: str) -> bytes:
    """The bytes of a label file. Raises BadData when the form cannot hold these labels.

    'npy': the array. 'csv': one label a line after the column's name if it has one, quoted where needed,
    floats in the shortest form that reads back. 'idx' and 'idx.gz': as MNIST's labels.
    """
    if form == "npy":
        out = io.BytesIO()
        np.lib.format.write_array(out, labels.array(), version=(1, 0), allow_pickle=False)
        return out.getvalue()
    if form == "csv":
        return _csv_bytes(labels)
    if form == "idx":
        return _idx_bytes(labels)
    if form == "idx.gz":
        return bytes(gzip.compress(_idx_bytes(labels), mtime=0))
    raise BadData(f"labels cannot be written as {quoted(form)}; the forms are {', '.join(FORMS)}")
