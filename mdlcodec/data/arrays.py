"""Inputs and labels given as arrays: what their shapes mean, and their digest (formats/data.md, Arrays)."""

from __future__ import annotations

import hashlib

import numpy as np

from mdlcodec.data.array_likes import as_array
from mdlcodec.data.dataset import AS_CLASSES, Choice, Content, Dataset, quoted
from mdlcodec.data.features import (
    Column,
    NumberColumn,
    column_bytes,
    column_features,
    image_features,
    number_offsets,
)
from mdlcodec.data.frames import frame_content, is_frame
from mdlcodec.data.label_choice import labels_as
from mdlcodec.errors import BadData
from mdlcodec.limits import check_reading

MAX_CHANNELS = 4
_BYTES_OF_A_COLUMN = 48  # for each example, while one is made


def array_digest(x: np.ndarray) -> bytes:
    """SHA-256 of dtype, shape and the little-endian values in C order."""
    little = np.ascontiguousarray(x, dtype=x.dtype.newbyteorder("<"))
    shape = ",".join(map(str, x.shape))
    digest = hashlib.sha256(f"mdlcodec array\n{x.dtype.name}\n{shape}\n".encode())
    digest.update(little.reshape(-1).view(np.uint8).data)
    return digest.digest()


def as_images(x: np.ndarray) -> np.ndarray | None:
    """The array as images (n, h, w, c), or None when its shape means columns."""
    if x.size == 0:
        return None
    if x.ndim == 3:
        return x[:, :, :, np.newaxis]
    if x.ndim == 4 and x.shape[3] <= MAX_CHANNELS:
        return x
    if x.ndim == 4 and x.shape[1] <= MAX_CHANNELS:
        return x.transpose(0, 2, 3, 1)
    return None


def number_column(values: np.ndarray) -> NumberColumn:
    """Column of values (n,) of any real dtype; NaN is missing, -0.0 is 0.0."""
    if values.dtype.kind == "b":
        values = values.astype(np.uint8)
    if values.dtype.kind != "f":
        distinct, codes = np.unique(values, return_inverse=True)
        return NumberColumn(codes.astype(np.int32), number_offsets(distinct))
    known = ~np.isnan(values)
    codes = np.full(values.shape[0], -1, np.int32)
    distinct, codes[known] = np.unique(values[known].astype(np.float64) + 0.0, return_inverse=True)
    return NumberColumn(codes, number_offsets(distinct))


def _features(x: np.ndarray, held: int) -> np.ndarray:
    images = as_images(x)
    if images is not None:
        return image_features(images, held)
    n = x.shape[0]
    flat = x.reshape(n, -1) if x.size else np.zeros((n, 0))
    if not x.flags.c_contiguous:
        held += x.nbytes  # a copy
    columns: list[Column] = []
    made = 0
    for j in range(flat.shape[1]):
        check_reading(held + made + _BYTES_OF_A_COLUMN * n, f"{n} examples")
        columns.append(number_column(flat[:, j]))
        made += column_bytes(columns[-1])
    return column_features(columns, n, held)


def array_content(x: np.ndarray, limit: int | None = None, held: int = 0) -> Content:
    """The first ``limit`` examples of an array (n, ...) of real numbers; ``held``: bytes that what was read takes.

    Raises BadData, and LimitExceeded where memory has no room.
    """
    if x.dtype.kind not in "biuf" or x.dtype.itemsize > 8:
        raise BadData(
            f"x has dtype {quoted(x.dtype)}; give numbers (bool, integers or floats up to 64 bits), "
            "or text columns as a table"
        )
    if x.ndim == 0 or x.shape[0] == 0:
        raise BadData(f"x has shape {x.shape} and so no examples; give at least one")
    x = x[:limit]
    if not (x.flags.c_contiguous and x.dtype.isnative):
        check_reading(held + x.nbytes, f"{x.shape[0]} examples")  # a copy
    return Content(x.shape[0], array_digest(x), lambda: _features(x, held), raw=x)


def content_of(x: object) -> Content:
    """The examples of what numpy makes an array (n, ...) of real numbers, or of a data frame. Raises BadData."""
    if is_frame(x):
        table = frame_content(x)  # type: ignore[arg-type]  # it is one
        if table is not None:
            return table
    return array_content(as_array(x, "x"))


def from_arrays(x: object, y: object | None = None, choice: Choice = AS_CLASSES) -> Dataset:
    """Dataset of inputs x (n, ...) and labels y (n,) or (n, 1), or None. Raises BadData.

    x: real dtype; 1-D or 2-D are columns, 3-D (n, h, w) and 4-D with at most 4 channels (last if both
    axes fit) are images, other ranks are flattened to columns. y: integers, bools, floats or strings; ``choice``:
    what they are taken as.
    """
    content = content_of(x)
    labels = None if y is None else labels_as(choice, y, content.n)
    return Dataset(content.inputs(), labels, content=content)
