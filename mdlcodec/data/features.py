"""Label-free preprocessing, exact: columns and images become float32 features (formats/data.md, Features).

The receiver repeats every operation here: float64, one rounding each, sums in ascending order of the values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mdlcodec.compiled import njit
from mdlcodec.data.bounded import MAX_BYTES
from mdlcodec.errors import BadData
from mdlcodec.limits import check_reading

CLIP = 6.0
WIDE = 256
MOST_WORDS = 64
WORD_BUDGET = 512
_IMAGES_AT_ONCE = 1024
_PIXELS = 255.0
_PIXEL_ROUNDING = 1e-4
_BYTES_OF_AN_EXAMPLE = 24  # while one of its columns is made
_BYTES_OF_A_COLUMN = 600  # besides its numbers
_BYTES_OF_A_VALUE = 48  # in a block while it is scaled
_HALF_RANGE = np.ldexp(1.0, 1022)


@dataclass(frozen=True)
class NumberColumn:
    """Numbers by distinct value: ``codes`` int32 (n,) into ``offsets``, -1 where missing.

    ``offsets`` float64 (k,): distance of each distinct value, ascending, to the smallest finite one, in a
    unit of the column's own; -inf and +inf at the ends.
    """

    codes: np.ndarray
    offsets: np.ndarray


@dataclass(frozen=True)
class TextColumn:
    """Words by distinct value: ``codes`` int32 (n,) into ``words``, ascending by code points."""

    codes: np.ndarray
    words: list[str]


Column = NumberColumn | TextColumn


def number_offsets(values: np.ndarray | list[int]) -> np.ndarray:
    """Offsets (k,) float64 of ascending distinct values: int64, uint64, float64, or Python ints.

    Integers are subtracted exactly before they are rounded, so large ones keep their low digits.
    """
    if isinstance(values, list):
        span = values[-1] - values[0]
        if span < 2**64:
            return np.array([value - values[0] for value in values], np.uint64).astype(np.float64)
        return np.array([(value - values[0]) / span for value in values], np.float64)
    if values.dtype.kind in "iu":
        words = (
            values.astype(np.int64).view(np.uint64) if values.dtype.kind == "i" else values.astype(np.uint64)
        )
        exact: np.ndarray = (words - words[0]).astype(np.float64)  # modulo 2^64, hence exact
        return exact
    finite = np.isfinite(values)
    offsets: np.ndarray = values.astype(np.float64)
    if finite.any():
        known = offsets[finite]
        largest = np.maximum(np.abs(known[0]), np.abs(known[-1]))
        exponent = np.clip(np.frexp(largest)[1], -1022, 1022)
        known = known * np.ldexp(1.0, -exponent)
        offsets[finite] = known - known[0]
    return offsets


@njit(cache=True)
def _mean_and_deviation(offsets: np.ndarray, counts: np.ndarray) -> tuple[float, float]:
    total, squares, number = 0.0, 0.0, 0.0
    for k in range(offsets.shape[0]):
        total = total + counts[k] * offsets[k]
        number = number + counts[k]
    if number == 0.0:
        return 0.0, 0.0
    mean = total / number
    for k in range(offsets.shape[0]):
        distance = offsets[k] - mean
        squares = squares + counts[k] * (distance * distance)
    return mean, np.sqrt(squares / number)


def standardised(offsets: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Standard scores (k,) float64 of distinct values with these counts (k,), clipped to +-CLIP."""
    finite = np.isfinite(offsets)
    known = offsets[finite]
    mean, deviation = _mean_and_deviation(known, counts[finite].astype(np.float64))
    scores = np.where(offsets > 0, CLIP, -CLIP)
    scores[finite] = (known - mean) / deviation if deviation > 0 else 0.0
    clipped: np.ndarray = np.minimum(np.maximum(scores, -CLIP), CLIP)
    return clipped


def rank_scores(counts: np.ndarray) -> np.ndarray:
    """Centred uniform scores (k,) float64 of the mid-ranks of ascending values with these counts (k,)."""
    above = np.cumsum(counts, dtype=np.int64)  # integers
    number = above[-1]
    doubled = 2 * above - counts - number  # 2 (midrank - 1/2) - number, an integer
    scores: np.ndarray = doubled.astype(np.float64) / np.float64(2 * number) * np.sqrt(np.float64(12.0))
    return scores


def _number_tables(column: NumberColumn, wide: bool, coded: int) -> list[np.ndarray]:
    """One float32 table (distinct + 1,) for each feature; the last entry is for missing numbers."""
    distinct = column.offsets.shape[0]
    counts = np.bincount(column.codes[:coded] + 1, minlength=distinct + 1).astype(np.int64)  # integers
    missing, counts = counts[0] > 0, counts[1:]
    k = np.count_nonzero(counts)
    scores = []
    if k >= 2:
        scores.append(standardised(column.offsets, counts))
    if k >= 3 and not wide:
        scores.append(rank_scores(counts))
    tables = [np.append(score, 0.0).astype(np.float32) for score in scores]
    if missing and k >= 1 and not wide:
        tables.append(np.append(np.zeros(distinct), 1.0).astype(np.float32))
    return tables


def _text_tables(
    column: TextColumn, most: int, coded: int
) -> tuple[list[np.ndarray], np.ndarray | None, int]:
    """Float32 tables (distinct,) of a text column, the one-hot slot (distinct,) of each word, -1 for none, and the
    number of slots."""
    distinct = len(column.words)
    counts = np.bincount(column.codes[:coded], minlength=distinct)  # integers
    seen = np.arange(distinct)[counts > 0]
    if seen.size < 2:
        return [], None, 0
    if seen.size == 2:
        half, table = np.sqrt(np.float64(0.5)), np.zeros(distinct)
        table[seen] = [-half, half]
        return [table.astype(np.float32)], None, 0
    slots = np.full(distinct, -1)
    if seen.size <= most:
        slots[seen] = np.arange(seen.size)
        return [], slots, seen.size
    kept = [word for word in np.argsort(-counts, kind="stable")[:most] if counts[word] >= 2]
    slots[:] = len(kept)
    slots[kept] = np.arange(len(kept))
    return [rank_scores(counts).astype(np.float32)], slots, len(kept) + 1


def _varies(column: TextColumn, coded: int) -> bool:
    """Whether the examples that count have several words."""
    return len(column.words) > 1 and bool((column.codes[:coded] != column.codes[0]).any())


def column_bytes(column: Column) -> int:
    """Bytes that a column takes, without its words, and with what is made of it for its features."""
    return (
        _BYTES_OF_A_COLUMN
        + column.codes.nbytes
        + (column.offsets.nbytes if isinstance(column, NumberColumn) else 0)
    )


def column_features(columns: Sequence[Column], n: int, held: int = 0, coded: int | None = None) -> np.ndarray:
    """Features (n, d) float32 of the columns, in the columns' order; one column of zeros if none is left.

    ``coded``: so many examples, the first ones, decide how features are made, by default all; a word that none of
    these has is as a rare one, or has no slot.

    Raises BadData when the matrix would be larger than MAX_BYTES, LimitExceeded when it and the columns, with
    ``held`` bytes of the caller's, take more memory than readers may.
    """
    coded = n if coded is None else coded
    wide = len([column for column in columns if isinstance(column, NumberColumn)]) > WIDE
    texts = len([column for column in columns if isinstance(column, TextColumn) and _varies(column, coded)])
    most = max(2, min(MOST_WORDS, WORD_BUDGET // max(texts, 1)))
    plan: list[tuple[np.ndarray, list[np.ndarray], np.ndarray | None, int]] = []
    for column in columns:
        if isinstance(column, NumberColumn):
            plan.append((column.codes, _number_tables(column, wide, coded), None, 0))
        else:
            plan.append((column.codes, *_text_tables(column, most, coded)))
    d = 0
    for column, (_, tables, _, width) in zip(columns, plan, strict=True):
        d += len(tables) + width
        held += column_bytes(column) + sum(table.nbytes for table in tables)  # integers
    if n * max(d, 1) * 4 > MAX_BYTES:
        raise BadData(f"{n} examples with {d} features each do not fit into memory; give less with --limit")
    check_reading(held + 4 * n * max(d, 1) + _BYTES_OF_AN_EXAMPLE * n, f"{n} examples with {d} features each")
    features = np.zeros((n, max(d, 1)), np.float32)
    at = 0
    for codes, tables, slots, width in plan:
        for table in tables:
            features[:, at] = table[codes]  # code -1 takes the last entry
            at += 1
        if slots is not None:
            own = slots[codes]
            features[np.arange(n)[own >= 0], at + own[own >= 0]] = 1.0
            at += width
    return features


def _finite_range(images: np.ndarray) -> tuple[np.float64, np.float64] | None:
    """Smallest and largest finite value as float64, None if there is none."""
    lows, highs = [], []
    for start in range(0, images.shape[0], _IMAGES_AT_ONCE):
        block = images[start : start + _IMAGES_AT_ONCE]
        if block.dtype.kind == "f":
            block = block[np.isfinite(block)]
        if block.size:
            lows.append(block.min())
            highs.append(block.max())
    return (np.float64(min(lows)), np.float64(max(highs))) if lows else None


def image_features(images: np.ndarray, held: int = 0, coded: np.ndarray | None = None) -> np.ndarray:
    """Features (n, h, w, c) float32 in [0, 1] of images (n, h, w, c) of any real dtype.

    (v - lo) / (hi - lo) in float64 with lo and hi over all finite values, of the images ``coded`` if others were;
    NaN and -inf give 0, +inf gives 1.
    Raises BadData when the result would be larger than MAX_BYTES, LimitExceeded when it takes, with ``held`` bytes
    of the caller's, more memory than readers may.
    """
    if images.size * 4 > MAX_BYTES:
        raise BadData(
            f"{images.shape[0]} images of {images[0].size} values each do not fit into memory; "
            "give less with --limit"
        )
    block_size = images[:_IMAGES_AT_ONCE].size
    check_reading(held + 4 * images.size + _BYTES_OF_A_VALUE * block_size, f"{images.shape[0]} images")
    extremes = _finite_range(images if coded is None else coded)
    lo, hi = extremes if extremes is not None else (np.float64(0.0), np.float64(0.0))
    features = np.zeros(images.shape, np.float32)
    unit = np.float64(0.5 if max(abs(lo), abs(hi)) >= _HALF_RANGE else 1.0)  # hi - lo must not overflow
    span = hi * unit - lo * unit
    for start in range(0, images.shape[0], _IMAGES_AT_ONCE):
        block = images[start : start + _IMAGES_AT_ONCE].astype(np.float64)
        finite = np.isfinite(block)
        known = np.where(finite, block, lo)
        scaled = (known * unit - lo * unit) / span if span > 0 else np.zeros_like(known)
        features[start : start + _IMAGES_AT_ONCE] = np.where(finite, scaled, np.where(block > 0, 1.0, 0.0))
    return features


def are_pixels(features: np.ndarray) -> bool:
    """Whether features in [0, 1], float32, are those of 8-bit images whose pixels reach from 0 to 255."""
    for start in range(0, len(features), _IMAGES_AT_ONCE):
        scaled = features[start : start + _IMAGES_AT_ONCE].astype(np.float64) * _PIXELS
        if np.abs(scaled - np.rint(scaled)).max(initial=0.0) > _PIXEL_ROUNDING:
            return False
    return True
