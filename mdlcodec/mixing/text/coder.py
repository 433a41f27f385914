"""Texts to payloads and back: the predictor's probabilities under the range coder of entropy/."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mdlcodec.entropy.numba_coder import NumbaEncoder, new_decoder_state
from mdlcodec.entropy.range_coder import shortest_bytes
from mdlcodec.mixing.text.levels import LEVELS, MOST_BYTES
from mdlcodec.mixing.text.networks import nothing_given
from mdlcodec.mixing.text.predictor import Predictor, code, new_predictor

_AT_ONCE = 4096  # bytes; a kernel's call is not interrupted


def _predictor(level: int, n: int, network: bool) -> Predictor:
    if level not in LEVELS:
        raise ValueError(f"level {level} is none of 1 to 9")
    if not 0 <= n <= MOST_BYTES:
        raise ValueError(f"a text of {n} bytes: 0 to 2^40 can be coded")
    return new_predictor(LEVELS[level], n, network)


def _checked(given: npt.NDArray[np.int64] | None, count: int, network: bool) -> npt.NDArray[np.int64]:
    """What a network expects of so many bytes, or nothing; ValueError for another number of them."""
    if given is None and not network:
        return nothing_given()
    if given is None or not network or given.shape != (count, 512):
        raise ValueError(
            f"of {count} bytes, what a network expects is (bytes, 512), and only where one was announced"
        )
    return given


class TextEncoder:
    """Codes a text of n bytes, 0..2^40, at a level, 1..9; ValueError for others.

    Of which blocks it is made does not change the payload. ``network``: with each block comes what a network
    expects of its bytes (`networks.bit_sums`).
    """

    def __init__(self, level: int, n: int, network: bool = False) -> None:
        self._predictor, self._network = _predictor(level, n, network), network
        self._left = n
        self._coder = NumbaEncoder()

    def update(self, block: bytes, given: npt.NDArray[np.int64] | None = None) -> float:
        """Codes the next bytes, and returns their ideal length in bits; ``given``: int64 (len(block), 512).

        ValueError, and nothing coded, for more than n.
        """
        if len(block) > self._left:
            raise ValueError(f"{len(block)} bytes, but {self._left} are left of the text")
        given = _checked(given, len(block), self._network)
        self._left -= len(block)
        bits = 0.0
        for start in range(0, len(block), _AT_ONCE):
            part = np.frombuffer(block[start : start + _AT_ONCE], np.uint8).copy()
            probabilities = np.zeros(8 * len(part), np.uint32)
            self._coder.reserve(8 * len(part))
            here = given[start : start + _AT_ONCE]
            code(self._predictor, self._coder.state, self._coder.words, False, part, probabilities, here)
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

    def __init__(self, level: int, n: int, payload: bytes, network: bool = False) -> None:
        self._predictor, self._network = _predictor(level, n, network), network
        self._left, self.bits = n, 0.0
        padded = payload + bytes(-len(payload) % 4)
        self._words = np.frombuffer(padded, dtype=">u4").astype(np.uint32)
        self._state = new_decoder_state(self._words)

    def take(self, count: int, given: npt.NDArray[np.int64] | None = None) -> bytes:
        """The next bytes; ValueError for more than are left. ``given``: int64 (count, 512), as for the encoder."""
        if not 0 <= count <= self._left:
            raise ValueError(f"{count} bytes, but {self._left} are left of the text")
        given = _checked(given, count, self._network)
        self._left -= count
        block = np.zeros(count, np.uint8)
        for start in range(0, count, _AT_ONCE):
            part = block[start : start + _AT_ONCE]
            probabilities = np.zeros(8 * len(part), np.uint32)
            here = given[start : start + _AT_ONCE]
            code(self._predictor, self._state, self._words, True, part, probabilities, here)
            self.bits -= float(np.log2(probabilities / (1 << 24)).sum())  # reported only
        return block.tobytes()
