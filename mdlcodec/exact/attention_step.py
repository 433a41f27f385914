"""One place of causal attention after those whose keys and values are kept: the bits of all places together."""

from dataclasses import dataclass

import numpy as np

from mdlcodec.compiled import njit
from mdlcodec.exact.attention import Saved, rows_of, softmax_shares, temperature
from mdlcodec.exact.heads import row_block
from mdlcodec.exact.integers import not_finite
from mdlcodec.exact.shared_work import entry, share
from mdlcodec.exact.threads import VALUE, in_parts, part_size


@dataclass
class Kept:
    """Keys and values of the places before: integers int16 (B, limit, d'), and 2^-exponents float64 (B, limit)."""

    keys: np.ndarray
    values: np.ndarray
    key_inverses: np.ndarray
    value_inverses: np.ndarray
    window: int = 0  # places that are looked at, at most; 0: all
    places: int = 0  # kept so far

    def arrays(self) -> tuple[np.ndarray, ...]:
        """All that is kept, (B, limit, ..)."""
        return self.keys, self.values, self.key_inverses, self.value_inverses


def nothing_kept(heads: int, width: int, streams: int, limit: int, window: int = 0) -> Kept:
    """For so many streams of at most ``limit`` places, or with a ``window`` of any number; ``width``: of a head."""
    shape = (streams * heads, 2 * window or limit, width + width % 2)
    keys, values = np.zeros(shape, np.int16), np.zeros(shape, np.int16)
    return Kept(keys, values, np.zeros(shape[:2]), np.zeros(shape[:2]), window)


def keep(kept: Kept, saved: Saved) -> None:
    """What a forward pass over all places from the first on had, in place of what was kept."""
    count = saved.keys.inverses.shape[1]
    begin = max(0, count - kept.window) if kept.window else 0
    kept.places = count - begin
    seen = saved.keys.rows, saved.values.rows, saved.keys.inverses, saved.values.inverses
    for array, of in zip(kept.arrays(), seen, strict=True):
        array[:, : kept.places] = of[:, begin:count]


def _forget(kept: Kept) -> None:
    """Only what the next place looks at stays, where there is no room for it."""
    if kept.window and kept.places == kept.keys.shape[1]:
        left = kept.window - 1
        for array in kept.arrays():
            array[:, :left] = array[:, kept.places - left :].copy()
        kept.places = left


@njit(cache=True, nogil=True)
def _look(
    queries, inverses, keys, values, key_inverses, value_inverses, begin, end, factor, out, fine, first, last
):
    """Heads first..last: queries int16 (B, d') of place ``end`` - 1, of keys and values (B, limit, d') from place
    ``begin`` on -> out float32 (B, d'), fine (B,); 0 where something is not finite."""
    width, count = keys.shape[2], end - begin
    scores, shares = np.empty(count, np.float32), np.empty(count, np.float32)
    terms, integers, sums = np.empty(count), np.empty(count, np.int16), np.empty(width, np.int64)
    for b in range(first, last):
        query = queries[b]
        for j in range(count):
            key, total = keys[b, begin + j], np.int64(0)
            for c in range(width):
                total += np.int64(np.int32(query[c]) * np.int32(key[c]))
            scores[j] = np.float32(np.float64(total) * inverses[b] + 0.0)
        right = softmax_shares(scores, key_inverses[b, begin:end], factor, shares, terms)
        for j in range(count):
            terms[j] = np.float64(shares[j]) * value_inverses[b, begin + j]
        inverse = row_block(terms, integers)
        fine[b] = right and inverse < np.inf
        sums[:] = 0
        for j in range(count):
            weight, value = np.int32(integers[j]), values[b, begin + j]
            for c in range(width):
                sums[c] += np.int64(weight * np.int32(value[c]))
        for c in range(width):
            out[b, c] = np.float32(np.float64(sums[c]) * inverse + 0.0)


@njit(cache=True, nogil=True)
def _look_shared(job, count, each, *arguments):
    return share(job, *entry(_look, arguments), count, each)


def attention_step(x: np.ndarray, heads: int, kept: Kept) -> np.ndarray:
    """One more place: x float32 (S, 1, 3 d) -> float32 (S, 1, d), what `Attention` has there. Its key and its value
    join those kept. Raises InexactComputation where a value is not finite."""
    _forget(kept)
    streams, _, features = x.shape
    width, at = features // (3 * heads), kept.places
    found = rows_of(x, 3 * heads)
    # (S * 3 * heads, 2, d') -> (S, 3, heads, d'), and (S * 3 * heads, 1) -> (S, 3, heads)
    rows = found.rows[:, 0].reshape(streams, 3, heads, -1)
    inverses = found.inverses.reshape(streams, 3, heads)
    queries, keys, values = (rows[:, part].reshape(streams * heads, -1) for part in range(3))
    of_queries, of_keys, of_values = (inverses[:, part].reshape(-1) for part in range(3))
    kept.keys[:, at], kept.values[:, at] = keys, values
    kept.key_inverses[:, at], kept.value_inverses[:, at] = of_keys, of_values
    kept.places = count = at + 1
    begin = max(0, count - kept.window) if kept.window else 0
    out = np.empty((streams * heads, kept.keys.shape[2]), np.float32)
    fine = np.empty(len(out), np.uint8)
    arguments = queries, of_queries, *kept.arrays(), begin, count, temperature(width), out, fine
    in_parts(_look, _look_shared, arguments, len(out), part_size(len(out), 1, len(out) * count * VALUE))
    if not fine.all():
        raise not_finite()
    return np.ascontiguousarray(out[:, :width]).reshape(streams, 1, heads * width)
