"""Indices coded by binary decisions, each of which halves what is left (formats/reals.md)."""

from __future__ import annotations

import numpy as np

from mdlcodec.compiled import njit
from mdlcodec.entropy.numba_coder import NumbaDecoder, NumbaEncoder, decode_bit, encode_bit
from mdlcodec.entropy.range_coder import shortest_bytes
from mdlcodec.saved import Saved, joined, part_of, taken

FREE = 16777214.0  # 2^24 - 2: of the range, what the two answers share by their probabilities
_BITS_A_VALUE = 66  # decisions at the most, and one


@njit(cache=True)
def _code_uniform(indices, words, coder, encoding, size, low):  # type: ignore[no-untyped-def]
    """Codes or decodes indices by halving the range, each half as likely as it is wide."""
    one = np.uint64(1)
    for i in range(indices.size):
        value = np.uint64(indices[i] - low) if encoding else np.uint64(0)
        first, last = np.uint64(0), size
        while first < last:
            middle = first + ((last - first) >> one)
            above, below = np.float64(last - middle), np.float64(middle - first) + 1.0
            ones = 1 + int(above / (above + below) * FREE)
            if encoding:
                bit = value > middle
                encode_bit(coder, words, bit, ones)
            else:
                bit = decode_bit(coder, words, ones) == 1
            if bit:
                first = middle + one
            else:
                last = middle
        indices[i] = low + np.int64(first)


class Coder:
    """The range coder's state and words, of a sender, or of a receiver of ``payload``; and the bits so far."""

    def __init__(self, payload: bytes | None) -> None:
        self._encoder = NumbaEncoder() if payload is None else None
        words = np.frombuffer(b"" if payload is None else payload + bytes(-len(payload) % 4), dtype=">u4")
        self._decoder = NumbaDecoder(words.astype(np.uint32))
        self._bits, self._left = 0.0, 1.0  # -log2 p of what was coded: bits - log2(left)

    def _state(self, values: int) -> tuple[np.ndarray, np.ndarray, bool]:
        """Words with room for so many values, the state, and whether it is a sender's."""
        if self._encoder is None:
            return self._decoder.words, self._decoder.state, False
        self._encoder.reserve(_BITS_A_VALUE * values)
        return self._encoder.words, self._encoder.state, True

    def _count(self, left: float, bits: int) -> None:
        """Adds what was coded with the probability left / 2^bits, left positive."""
        self._bits += bits
        self._left *= left
        while self._left < 0.5:
            self._left *= 2.0
            self._bits += 1

    @property
    def ideal_bits(self) -> float:
        """-sum log2 p of what was coded."""
        return self._bits - float(np.log2(self._left))  # reported only

    def saved(self) -> dict[str, np.ndarray]:
        """All that was coded."""
        coder = self._decoder if self._encoder is None else self._encoder
        return {
            **joined({"coder": coder.saved()}),
            "bits": np.array(self._bits),
            "left": np.array(self._left),
        }

    def restore(self, saved: Saved, values: int) -> None:
        """Goes on after so many values. Raises CorruptFile."""
        coder = part_of(saved, "coder")
        if self._encoder is None:
            self._decoder.restore(coder)
        else:
            self._encoder.restore(coder, _BITS_A_VALUE * values)
        self._bits = float(taken(saved, "bits", np.float64, (), 0.0)[()])
        self._left = float(taken(saved, "left", np.float64, (), 0.5, 1.0)[()])

    def finish(self) -> bytes:
        """The payload."""
        assert self._encoder is not None
        return shortest_bytes(*self._encoder.interval())


class UniformIndices(Coder):
    """Codes indices low..high, each as likely as any other; see RealMixture."""

    def __init__(self, low: int, high: int, payload: bytes | None = None) -> None:
        super().__init__(payload)
        self._low, self._size = low, np.uint64(high - low)

    def encode(self, indices: np.ndarray) -> None:
        """Codes indices int64 (m,)."""
        self.decode(indices.copy())

    def decode(self, indices: np.ndarray) -> None:
        """Fills indices int64 (m,) that `encode` coded; of a sender, codes them."""
        words, coder, encoding = self._state(indices.size)
        _code_uniform(indices, words, coder, encoding, self._size, self._low)
        self._bits += indices.size * float(np.log2(float(self._size) + 1.0))  # reported only
