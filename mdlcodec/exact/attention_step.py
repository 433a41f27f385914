"""One place of causal attention after those whose keys and values are kept: the bits of all places together."""

from dataclasses import dataclass

import numpy as np

from mdlcodec.compiled import njit
from mdlcodec.exact.attention import Saved, rows_of, softmax_shares, temperature
from mdlcodec.exact.heads import row_block
from mdlcodec.exact.integers import not_finite


@dataclass
class Kept:
    """Keys and values of the places before: integers int16 (B, limit, d'), and 2^-exponents float64 (B, limit)."""

    keys: np.ndarray
    values: np.ndarray
    key_inverses: np.ndarray
    value_inverses: np.ndarray
    places: int = 0  # kept so far


def nothing_kept(heads: int, width: int, streams: int, limit: int) -> Kept:
    """For so many streams of at most ``limit`` places; ``width``: of a head."""
    shape = (streams * heads, limit, width + width % 2)
    keys, values = np.zeros(shape, np.int16), np.zeros(shape, np.int16)
    return Kept(keys, values, np.zeros(shape[:2]), np.zeros(shape[:2]))


def keep(kept: Kept, saved: Saved) -> None:
    """What a forward pass over all places from the first on had, in place of what was kept."""
    kept.places = count = saved.keys.inverses.shape[1]
    kept.keys[:, :count], kept.values[:, :count] = saved.keys.rows[:, :count], saved.values.rows[:, :count]
    kept.key_inverses[:, :count], kept.value_inverses[:, :count] = saved.keys.inverses, saved.values.inverses


@njit(cache=True, nogil=True)
def _look(queries, inverses, keys, values, key_inverses, value_inverses, count, factor, out):
    """Queries int16 (B, d') of place ``count`` - 1, of keys and values (B, limit, d') -> out float32 (B, d'); False
    where something is not finite."""
    batch, _, width = keys.shape
    scores, shares = np.empty(count, np.float32), np.empty(count, np.float32)
    terms, integers, sums = np.empty(count), np.empty(count, np.int16), np.empty(width, np.int64)
    fine = True
    for b in range(batch):
        query = queries[b]
        for j in range(count):
            key, total = keys[b, j], np.int64(0)
            for c in range(width):
                total += np.int64(np.int32(query[c]) * np.int32(key[c]))
            scores[j] = np.float32(np.float64(total) * inverses[b] + 0.0)
        fine &= softmax_shares(scores, key_inverses[b, :count], factor, shares, terms)
        for j in range(count):
            terms[j] = np.float64(shares[j]) * value_inverses[b, j]
        inverse = row_block(terms, integers)
        fine &= inverse < np.inf
        sums[:] = 0
        for j in range(count):
            weight, value = np.int32(integers[j]), values[b, j]
            if weight != 0:
                for c in range(width):
                    sums[c] += np.int64(weight * np.int32(value[c]))
        for c in range(width):
            out[b, c] = np.float32(np.float64(sums[c]) * inverse + 0.0)
    return fine


def attention_step(x: np.ndarray, heads: int, kept: Kept) -> np.ndarray:
    """One more place: x float32 (S, 1, 3 d) -> float32 (S, 1, d), what `Attention` has there. Its key and its value
    join those kept. Raises InexactComputation where a value is not finite."""
    streams, _, features = x.shape
    width, at = features // (3 * heads), kept.places
    queries, keys, values = (rows_of(x, heads, part) for part in range(3))
    kept.keys[:, at], kept.values[:, at] = keys.rows[:, 0], values.rows[:, 0]
    kept.key_inverses[:, at], kept.value_inverses[:, at] = keys.inverses[:, 0], values.inverses[:, 0]
    kept.places = count = at + 1
    out = np.empty((streams * heads, kept.keys.shape[2]), np.float32)
    query, inverses = np.ascontiguousarray(queries.rows[:, 0]), queries.inverses[:, 0].copy()
    places = kept.keys, kept.values, kept.key_inverses, kept.value_inverses
    if not _look(query, inverses, *places, count, temperature(width), out):
        raise not_finite()
    return np.ascontiguousarray(out[:, :width]).reshape(streams, 1, heads * width)
