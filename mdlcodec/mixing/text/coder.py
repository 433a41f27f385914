"""Texts to payloads and back: the predictor's probabilities under the range coder of entropy/."""

from __future__ import annotations

import numpy as np

from mdlcodec.entropy.numba_coder import NumbaEncoder, new_decoder_state
from mdlcodec.entropy.range_coder import shortest_bytes
from mdlcodec.mixing.text.levels import LEVELS, MOST_BYTES
from mdlcodec.mixing.text.predictor import Predictor, code, new_predictor

_AT_ONCE = 4096  # bytes; a kernel's call is not interrupted


def _predictor(level: int, n: int) -> Predictor:
    if level not in LEVELS:
        raise ValueError(f"level {level} is none of 1 to 9")
    if not 0 <= n <= MOST_BYTES:
        raise ValueError(f"a text of {n} bytes: 0 to 2^40 can be coded")
    return new_predictor(LEVELS[level], n)


class TextEncoder:
    """Codes a text of n bytes, 0..2^40, at a level, 1..9; ValueError for others.

    Of which blocks it is made does not change the payload.
    """

    def __init__(self, level: int, n: int) -> None:
        self._predictor = _predictor(level, n)
        self._left = n
        self._coder = NumbaEncoder()

    def update(self, block: bytes) -> float:
        """Codes the next bytes, and returns their ideal length in bits.

        ValueError, and nothing coded, for more than n.
        """
        if len(block) > self._left:
            raise ValueError(f"{len(block)} bytes, but {self._left} are left of the text")
        self._left -= len(block)
        bits = 0.0
        for start in range(0, len(block), _AT_ONCE):
            part = np.frombuffer(block[start : start + _AT_ONCE], np.uint8).copy()
            probabilities = np.zeros(8 * len(part), np.uint32)
            self._coder.reserve(8 * len(part))
            code(self._predictor, self._coder.state, self._coder.words, False, part, probabilities)
            bits -= float(np.log2(probabilities / (1 << 24)).sum())  # reported only
        return bits

    def finish(self) -> bytes:
        """The shortest payload that decodes to the text; ValueError if bytes are missing."""
        if self._left:
            raise ValueError(f"{self._left} bytes of the text are missing")
        return shortest_bytes(*self._coder.interval())


class TextDecoder:
    """Decodes what a TextEncoder of the same level and n wrote. Any payload decodes to some bytes.

    ``bits``: the ideal length of those that were taken.
    """

    def __init__(self, level: int, n: int, payload: bytes) -> None:
        self._predictor = _predictor(level, n)
        self._left, self.bits = n, 0.0
        padded = payload + bytes(-len(payload) % 4)
        self._words = np.frombuffer(padded, dtype=">u4").astype(np.uint32)
        self._state = new_decoder_state(self._words)

    def take(self, count: int) -> bytes:
        """The next bytes; ValueError for more than are left."""
        if not 0 <= count <= self._left:
            raise ValueError(f"{count} bytes, but {self._left} are left of the text")
        self._left -= count
        block = np.zeros(count, np.uint8)
        for start in range(0, count, _AT_ONCE):
            part = block[start : start + _AT_ONCE]
            probabilities = np.zeros(8 * len(part), np.uint32)
            code(self._predictor, self._state, self._words, True, part, probabilities)
            self.bits -= float(np.log2(probabilities / (1 << 24)).sum())  # reported only
        return block.tobytes()
