"""Causal self-attention as an exact function (Vaswani et al. 2017; formats/sequences.md, "Nodes").

Keys and values are read by every place after their own, so that no power of two of theirs may depend on one
another: each has its own, and moves into what a place multiplies it by before that becomes integers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mdlcodec.compiled import njit
from mdlcodec.exact.elementary import ROUNDING, exp
from mdlcodec.exact.heads import block_inverse, even, row_block, split_heads
from mdlcodec.exact.integers import not_finite
from mdlcodec.exact.lanes import lane_sum
from mdlcodec.exact.shared_work import entry, share
from mdlcodec.exact.threads import VALUE, in_parts, part_size

if TYPE_CHECKING:  # engines load torch
    from mdlcodec.exact.engines.contract import Engine

# scores of heads that are computed together: they stay in the cache
_AT_ONCE = 1 << 18
_SIGN = np.int64(0x7FFFFFFFFFFFFFFF)


class Rows(NamedTuple):
    """Integers of heads: see `mdlcodec.exact.heads.split_heads`."""

    rows: np.ndarray  # int16 (B, T', d')
    columns: np.ndarray  # int16 (B, d', T')
    inverses: np.ndarray  # float64 (B, T)


class Saved(NamedTuple):
    """What the backward pass, and predictions that go on from here, need."""

    queries: Rows
    keys: Rows
    values: Rows
    shares: np.ndarray  # float32 (B, T, T), undefined where j > i, or outside the window
    heads: int
    width: int  # of a head
    engine: Engine
    window: int  # places that are looked at, at most


def temperature(width: int) -> float:
    """What scores of heads so wide are multiplied by, float64: 1 / sqrt(width)."""
    return float(1.0 / np.sqrt(np.float64(width)))


@njit(cache=True, nogil=True, inline="always")
def softmax_shares(scores, keys, factor, shares, terms):
    """Shares of one place's keys, float32 (m,), from scores float32 (m,), their keys' powers of two float64 (m,),
    and 1 / sqrt(width). ``terms``: float64 (m,), for use within. False where a score is not finite."""
    largest = np.int64(-0x7FF0000000000001)  # below every number's
    for j in range(terms.size):
        s = np.float64(scores[j]) * (keys[j] * factor)
        terms[j] = s
        bits = np.float64(s).view(np.int64)
        # bits that compare like the numbers, negative ones too
        largest = max(largest, bits ^ ((bits >> 63) & _SIGN))
    top = np.int64(largest ^ ((largest >> 63) & _SIGN)).view(np.float64)
    if not abs(top) < np.inf:
        return False
    for j in range(terms.size):
        terms[j] = exp(terms[j] - top)
    inverse = 1.0 / lane_sum(terms)
    for j in range(terms.size):
        shares[j] = np.float32(terms[j] * inverse)
    return True


@njit(cache=True, nogil=True)
def _weigh(scores, keys, values, factor, window, shares, integers, inverses, first, last):
    """Heads first..last: scores float32 (B, T, T) -> shares, and their integers times the values' powers of two,
    int16 (B, T, T'); inverses float64 (B, T): 2^-exponent, NaN where something is not finite."""
    length = scores.shape[1]
    terms = np.empty(length)
    for b in range(first, last):
        for i in range(length):
            begin, out = max(0, i + 1 - window), integers[b, i]
            part, own = terms[begin : i + 1], shares[b, i, begin : i + 1]
            out[:begin], out[i + 1 :] = 0, 0
            if not softmax_shares(scores[b, i, begin : i + 1], keys[b, begin:], factor, own, part):
                inverses[b, i] = np.nan
                continue
            for j in range(part.size):
                part[j] = np.float64(own[j]) * values[b, begin + j]
            inverses[b, i] = row_block(part, out[begin : i + 1])


@njit(cache=True, nogil=True)
def _weigh_shared(job, count, each, *arguments):
    return share(job, *entry(_weigh, arguments), count, each)


@njit(cache=True, nogil=True)
def _slopes(
    raw,
    shares,
    queries,
    keys,
    values,
    gradients,
    factor,
    window,
    rows,
    row_inverses,
    transposed,
    inverses,
    first,
    last,
):
    """Heads first..last, from raw float32 (B, T, T), products of gradients and values.

    rows int16 (B, T, T'): of the scores' slopes times the keys' powers of two, with row_inverses float64 (B, T);
    transposed int16 (B, 2, T', T): of slopes times the queries' powers of two, and of shares times the
    gradients', with inverses (B, 2): all one block a head.
    """
    length = raw.shape[1]
    slopes, terms = np.zeros((length, length)), np.empty(length)
    for b in range(first, last):
        largest_slope, largest_share = np.int64(0), np.int64(0)
        for i in range(length):
            begin = max(0, i + 1 - window)
            own, line, part = shares[b, i, begin : i + 1], slopes[i, begin : i + 1], terms[begin : i + 1]
            power, of_gradient = queries[b, i], gradients[b, i]
            for j in range(part.size):
                line[j] = np.float64(raw[b, i, begin + j]) * values[b, begin + j]
                part[j] = np.float64(own[j]) * line[j]
            mean = lane_sum(part)
            for j in range(part.size):
                p = np.float64(own[j])
                s = (p * (line[j] - mean)) * factor
                line[j] = s
                part[j] = s * keys[b, begin + j]
                largest_slope = max(largest_slope, np.float64(s * power).view(np.int64) & _SIGN)
                largest_share = max(largest_share, np.float64(p * of_gradient).view(np.int64))
            rows[b, i, :begin], rows[b, i, i + 1 :] = 0, 0
            row_inverses[b, i] = row_block(part, rows[b, i, begin : i + 1])
        inverses[b, 0], inverses[b, 1] = block_inverse(largest_slope), block_inverse(largest_share)
        first_scale, second_scale = 1.0 / inverses[b, 0], 1.0 / inverses[b, 1]
        of_slopes, of_shares = transposed[b, 0], transposed[b, 1]
        for i in range(length):
            begin = max(0, i + 1 - window)
            own, line = shares[b, i, begin : i + 1], slopes[i, begin : i + 1]
            out, other = of_slopes[i, begin:], of_shares[i, begin:]
            first_factor, second_factor = queries[b, i] * first_scale, gradients[b, i] * second_scale
            for j in range(line.size):
                out[j] = np.int16((line[j] * first_factor + ROUNDING) - ROUNDING)
                other[j] = np.int16((np.float64(own[j]) * second_factor + ROUNDING) - ROUNDING)
            out[line.size :], other[line.size :] = 0, 0
            of_slopes[i, :begin], of_shares[i, :begin] = 0, 0
        of_slopes[length:], of_shares[length:] = 0, 0


@njit(cache=True, nogil=True)
def _slopes_shared(job, count, each, *arguments):
    return share(job, *entry(_slopes, arguments), count, each)


@njit(cache=True, nogil=True)
def _put(heads, width, part, transposed, values, out):
    """Values of heads, float32 (B, T, d') or, transposed, (B, d', T'), into features of out (N, T, ..)."""
    for b in range(values.shape[0]):
        n, h = b // heads, b % heads
        at = (part * heads + h) * width
        for t in range(out.shape[1]):
            to = out[n, t, at : at + width]
            if transposed:
                for c in range(width):
                    to[c] = values[b, c, t]
            else:
                for c in range(width):
                    to[c] = values[b, t, c]


def _parts(batch: int, length: int) -> list[slice]:
    """Heads whose scores are computed together."""
    step = max(1, _AT_ONCE // (length * length))
    return [slice(start, min(batch, start + step)) for start in range(0, batch, step)]


def _checked(inverses: np.ndarray) -> np.ndarray:
    """The powers of two. Raises InexactComputation where something was not finite."""
    if not np.isfinite(inverses).all():
        raise not_finite()
    return inverses


def rows_of(x: np.ndarray, heads: int, part: int = -1) -> Rows:
    """Integers of a part of the features. Raises InexactComputation for values that are not finite."""
    found = Rows(*split_heads(x, heads, part))
    _checked(found.inverses)
    return found


def _places(of: Rows, part: slice) -> np.ndarray:
    """Rows of heads without those that filled them up: int16 (B, T, d')."""
    return np.ascontiguousarray(of.rows[part, : of.inverses.shape[1]])


class Attention:
    """Each place looks at itself and those before: x float32 (N, T, 3 d), queries, keys and values side by side."""

    @staticmethod
    def forward(x: np.ndarray, heads: int, engine: Engine, window: int = 0) -> tuple[np.ndarray, Saved]:
        """Float32 (N, T, d); ``window``: places that are looked at, at most, 0 for all. Raises InexactComputation
        where a value is not finite."""
        n, length, features = x.shape
        window = window or length
        width = features // (3 * heads)
        queries, keys, values = (rows_of(x, heads, part) for part in range(3))
        y = np.empty((n, length, heads * width), np.float32)
        shares = np.empty((n * heads, length, length), np.float32)
        mixed = np.empty((n * heads, length, even(width)), np.float32)
        factor = temperature(width)
        for part in _parts(n * heads, length):
            scores = engine.multiply(
                _places(queries, part),
                engine.columns(keys.columns[part]),
                queries.inverses[part],
            )
            count = len(scores)
            integers = np.empty((count, length, even(length)), np.int16)
            inverses = np.empty((count, length))
            arguments = scores, keys.inverses[part], values.inverses[part], factor, window
            each = part_size(count, 1, scores.size * VALUE)
            in_parts(_weigh, _weigh_shared, (*arguments, shares[part], integers, inverses), count, each)
            mixed[part] = engine.multiply(integers, engine.columns(values.rows[part]), _checked(inverses))
        _put(heads, width, 0, False, mixed, y)
        return y, Saved(queries, keys, values, shares, heads, width, engine, window)

    @staticmethod
    def backward(saved: Saved, g: np.ndarray, input_gradient: bool = True) -> tuple[np.ndarray | None, ...]:
        """The gradient of x. Raises InexactComputation where a value is not finite."""
        queries, keys, values, shares, heads, width, engine, window = saved
        n, length, _ = g.shape
        gradients, factor = rows_of(g, heads), temperature(width)
        dx = np.empty((n, length, 3 * heads * width), np.float32)
        of_queries = np.empty((n * heads, length, even(width)), np.float32)
        of_others = [np.empty((n * heads, even(width), length), np.float32) for _ in range(2)]
        for part in _parts(n * heads, length):
            raw = engine.multiply(
                _places(gradients, part), engine.columns(values.columns[part]), gradients.inverses[part]
            )
            count, padded = len(raw), even(length)
            rows, row_inverses = np.empty((count, length, padded), np.int16), np.empty((count, length))
            across, inverses = np.empty((count, 2, padded, length), np.int16), np.empty((count, 2))
            powers = queries.inverses[part], keys.inverses[part], values.inverses[part]
            arguments = raw, shares[part], *powers, gradients.inverses[part], factor, window
            each = part_size(count, 1, raw.size * VALUE)
            kept = rows, row_inverses, across, inverses
            in_parts(_slopes, _slopes_shared, (*arguments, *kept), count, each)
            _checked(row_inverses)
            _checked(inverses)
            of_queries[part] = engine.multiply(rows, engine.columns(keys.rows[part]), row_inverses)
            for i, others in enumerate((queries, gradients)):
                scales = np.repeat(inverses[:, i : i + 1], even(width), 1)
                columns = engine.columns(np.ascontiguousarray(across[:, i]))
                of_others[i][part] = engine.multiply(others.columns[part], columns, scales)
        _put(heads, width, 0, False, of_queries, dx)
        for i, values_of in enumerate(of_others, 1):
            _put(heads, width, i, True, values_of, dx)
        return (dx,)
