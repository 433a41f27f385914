"""constriction's range coder on integer frequencies (formats/labels.md, "Range coder").

Categorical(perfect=False) makes of probabilities p the cumulative frequencies floor(P_i * scale) + i, with
P_i the sum of p before i and scale = (2^24 - k) / sum(p) (constriction 0.5, fast_quantized_cdf). With
p_i = f_i - 1 the sum is 2^24 - k, the scale exactly 1, and the cumulative frequencies exactly ours.
"""

from __future__ import annotations

from collections.abc import Iterator

import constriction
import numpy as np
import numpy.typing as npt

from mdlcodec.entropy.frequencies import codable, first_uncodable

_Categorical = constriction.stream.model.Categorical
_ROWS_MODEL = _Categorical(perfect=False)
_CHUNK_ENTRIES = 1 << 20


def _weights(frequencies: npt.NDArray[np.uint32]) -> npt.NDArray[np.float64]:
    return frequencies.astype(np.float64) - 1.0


def _parts(m: int, k: int) -> Iterator[slice]:
    """Slices of m rows whose float64 weights stay within a few MiB."""
    rows = max(1, _CHUNK_ENTRIES // k)
    return (slice(start, start + rows) for start in range(0, m, rows))


class ConstrictionEncoder:
    """constriction.stream.queue.RangeEncoder, fed with integer frequencies."""

    def __init__(self) -> None:
        self._coder = constriction.stream.queue.RangeEncoder()

    def encode_symbol(self, symbol: int, frequencies: npt.NDArray[np.uint32]) -> bool:
        """Code one symbol with frequencies (k,); False, and nothing coded, if they are not codable."""
        if not codable(symbol, frequencies):
            return False
        if len(frequencies) > 1:
            self._coder.encode(symbol, _Categorical(_weights(frequencies), perfect=False))
        return True

    def encode(self, symbols: npt.NDArray[np.int32], frequencies: npt.NDArray[np.uint32]) -> bool:
        """Code m symbols with frequencies (m, k); False, and nothing coded, if they are not codable."""
        if first_uncodable(symbols, frequencies) >= 0:
            return False
        m, k = frequencies.shape
        if k == 1:
            return True
        for part in _parts(m, k):
            self._coder.encode(symbols[part], _ROWS_MODEL, _weights(frequencies[part]))
        return True

    def interval(self) -> tuple[bytes, int, int]:
        """Words before the state (big-endian bytes, no carry added), and lower and range of the state."""
        position, (lower, size) = self._coder.pos()
        words = self._coder.get_compressed()[:position].astype(">u4").tobytes()
        if position and lower + 2**32 - 1 >= 2**64:
            # constriction has sealed with a point beyond the carry; take the carry out of the words again.
            words = (int.from_bytes(words, "big") - 1).to_bytes(len(words), "big")
        return words, lower, size


class ConstrictionDecoder:
    """constriction.stream.queue.RangeDecoder, fed with integer frequencies."""

    def __init__(self, words: npt.NDArray[np.uint32]) -> None:
        self._coder = constriction.stream.queue.RangeDecoder(words)
        self.intact = True

    def decode_symbol(self, frequencies: npt.NDArray[np.uint32]) -> int:
        """Next symbol under frequencies (k,)."""
        k = len(frequencies)
        if k == 1:
            return 0
        if self.intact:
            try:
                return int(self._coder.decode(_Categorical(_weights(frequencies), perfect=False)))
            except AssertionError:  # "Tried to decode from compressed data that is invalid"
                self.intact = False
        return k - 1

    def decode(self, frequencies: npt.NDArray[np.uint32]) -> npt.NDArray[np.int32]:
        """Next m symbols under frequencies (m, k)."""
        m, k = frequencies.shape
        symbols = np.zeros(m, dtype=np.int32)
        if k == 1:
            return symbols
        for part in _parts(m, k):
            before = self._coder.clone()
            if self.intact:
                try:
                    symbols[part] = self._coder.decode(_ROWS_MODEL, _weights(frequencies[part]))
                    continue
                except AssertionError:
                    # It keeps the symbols before the damage to itself: get them one by one.
                    self._coder = before
            symbols[part] = [self.decode_symbol(row) for row in frequencies[part]]
        return symbols
