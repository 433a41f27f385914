"""Features of examples beside those that are coded, made as theirs are: what was learned can be asked about them.

Ranges, means, ranks and words are those of the coded examples. Nothing of it is repeated by a receiver.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mdlcodec.data.arrays import as_images, number_column
from mdlcodec.data.cells import Cells
from mdlcodec.data.dataset import Content
from mdlcodec.data.features import Column, column_features, image_features
from mdlcodec.data.numbers import is_missing, is_number, parse
from mdlcodec.errors import BadData

# standard scores are clipped at 6 deviations, none of which is more than half of the span
_SPANS = 4
_INFINITE = float("inf")
_EXACT = 2**53  # integers below it are float64


def features_beside(coded: Content, others: Content) -> np.ndarray:
    """Features of ``others`` float32 (m, d) or (m, h, w, c), as the features of ``coded`` are made.

    Raises BadData for examples of another kind, LimitExceeded where memory has no room.
    """
    if isinstance(coded.raw, np.ndarray) and isinstance(others.raw, np.ndarray):
        return _of_arrays(coded.raw, others.raw)
    if isinstance(coded.raw, tuple) and isinstance(others.raw, tuple):
        return _of_tables(coded.raw, others.raw)
    raise BadData(
        "the new examples are a table and the coded ones an array, or the other way; give both alike"
    )


def features_of_one(coded: Content, candidates: Sequence[Content]) -> np.ndarray:
    """Features, as features_beside, of the first of the candidates that is like the coded examples. Raises the
    first's BadData where none is."""
    refused: BadData | None = None
    for others in candidates:
        try:
            return features_beside(coded, others)
        except BadData as error:
            refused = error if refused is None else refused
    assert refused is not None
    raise refused


def _of_arrays(coded: np.ndarray, others: np.ndarray) -> np.ndarray:
    if coded.shape[1:] != others.shape[1:]:
        raise BadData(
            f"the new examples have shape {others.shape[1:]}, and the coded ones {coded.shape[1:]}; give them "
            "alike"
        )
    images = as_images(coded)
    if images is not None:
        new = as_images(others)
        assert new is not None  # of one shape
        return image_features(new, coded=images)
    n, m = coded.shape[0], others.shape[0]
    old, new = coded.reshape(n, -1), others.reshape(m, -1)
    columns: list[Column] = [
        number_column(np.concatenate(_alike(old[:, j], new[:, j]))) for j in range(old.shape[1])
    ]
    return column_features(columns, n + m, coded=n)[n:]


def _alike(coded: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both in one dtype; of the others, what is far outside of the coded ones' range is moved near to it."""
    coded, others = (v.astype(np.uint8) if v.dtype.kind == "b" else v for v in (coded, others))
    if coded.dtype.kind in "iu" and others.dtype.kind in "iu":
        if coded.dtype != np.uint64:  # room on both sides
            coded = coded.astype(np.int64)
        low, high = int(coded.min()), int(coded.max())
        held, given = np.iinfo(coded.dtype), np.iinfo(others.dtype)
        room = _SPANS * (high - low)
        edges = max(low - room, int(held.min)), min(high + room, int(held.max))
        low, high = (min(max(edge, int(given.min)), int(given.max)) for edge in edges)
        near: np.ndarray = np.clip(others, low, high)
        return coded, near.astype(coded.dtype)
    coded, others = coded.astype(np.float64), others.astype(np.float64)
    known, finite = coded[np.isfinite(coded)], np.isfinite(others)
    if known.size:
        with np.errstate(over="ignore"):  # where the range is infinite, nothing is outside
            room = _SPANS * (known.max() - known.min())
            others[finite] = np.clip(others[finite], known.min() - room, known.max() + room)
    return coded, others


def _of_tables(coded: tuple[Cells, ...], others: tuple[Cells, ...]) -> np.ndarray:
    if len(coded) != len(others):
        raise BadData(
            f"the new examples have {len(others)} columns, and the coded ones {len(coded)} beside the labels; give "
            "the same columns"
        )
    n, m = coded[0].codes.shape[0], others[0].codes.shape[0]
    return column_features(list(map(_joined, coded, others)), n + m, coded=n)[n:]


def _joined(coded: Cells, others: Cells) -> Column:
    """One column of both: text where the coded cells are text, else numbers; cells that are none are missing."""
    both, known = coded.joined(others), coded.numbers()
    if known is None:
        return both.text()
    finite = [number for number in known.values() if abs(number) != _INFINITE] or [0]
    low, high = min(finite), max(finite)
    room = _SPANS * (high - low)
    numbers: dict[str, int | float] = dict(known)
    for word in others.words:
        if word not in known and not is_missing(word) and is_number(word):
            number = _parsed(word)
            numbers[word] = number if abs(number) == _INFINITE else min(max(number, low - room), high + room)
    if all(isinstance(number, int) for number in numbers.values()):
        return both.numbered(numbers)
    if all(isinstance(number, float) or abs(number) < _EXACT for number in numbers.values()):
        return both.numbered({word: float(number) for word, number in numbers.items()})
    # integers that no float64 holds
    edges = {_INFINITE: high + room, -_INFINITE: low - room}
    return both.numbered({word: int(edges.get(number, number)) for word, number in numbers.items()})


def _parsed(word: str) -> int | float:
    numbers = parse([word])
    assert numbers is not None
    return numbers[0]
