"""Texts to payloads and back."""

from __future__ import annotations

import numpy as np

from mdlcodec.entropy.numba_coder import NumbaEncoder, new_decoder_state
from mdlcodec.entropy.range_coder import shortest_bytes
from mdlcodec.mixing.text import selectors
from mdlcodec.mixing.text.contexts import NAMES, new_contexts
from mdlcodec.mixing.text.corrections import new_corrections
from mdlcodec.mixing.text.levels import LEVELS, Level
from mdlcodec.mixing.text.matches import INPUTS as MATCH_INPUTS
from mdlcodec.mixing.text.matches import new_matches
from mdlcodec.mixing.text.memories import INPUTS as MEMORY_INPUTS
from mdlcodec.mixing.text.memories import new_memories
from mdlcodec.mixing.text.mixers import LANES, WEIGHT_ONE, new_mixers
from mdlcodec.mixing.text.predictor import Predictor, code

_AT_ONCE = 4096


def _padded(initial: list[int]) -> np.ndarray:
    return np.array(initial + [0] * (-len(initial) % LANES), np.int32)


def new_predictor(level: Level, n: int) -> Predictor:
    bits = max(10, (n - 1).bit_length() if n > 1 else 0)
    active = [NAMES.index(name) for name in level.contexts]
    direct = [NAMES.index(name) for name in level.direct]
    table_bits = min(level.table_bits, bits + 1 + (len(active) - 1).bit_length())
    inputs = MEMORY_INPUTS * len(active) + len(direct) + MATCH_INPUTS * len(level.matches)
    w = WEIGHT_ONE * 12 // 100
    initial = _padded([w] * inputs + [0])
    of_mixers = [selectors.NAMES.index(name) for name in level.mixers]
    of_final = [selectors.NAMES.index(name) for name in level.final]
    x = np.zeros(len(initial), np.int32)
    x[inputs] = 256
    final_initial = _padded([WEIGHT_ONE // len(of_mixers)] * len(of_mixers) + [0])
    final_x = np.zeros(len(final_initial), np.int32)
    sizes = list(selectors.SIZES.values())
    return Predictor(
        np.zeros(1 << min(bits, 25), np.uint8),
        np.zeros(1, np.int64),
        np.array(level.settings, np.int64),
        new_contexts(),
        new_memories(active, direct, table_bits, min(level.run_bits, bits), min(level.direct_bits, bits)),
        new_matches(level.matches, min(bits + 1, 22)),
        x,
        final_x,
        np.zeros(len(NAMES), np.int64),
        np.zeros(len(sizes), np.int64),
        np.array(of_mixers, np.int64),
        np.array(of_final, np.int64),
        new_mixers([sizes[s] for s in of_mixers], initial, level.rates),
        new_mixers([sizes[s] for s in of_final], final_initial, level.final_rates),
        new_corrections(5),
    )


class TextEncoder:
    """Codes a text."""

    def __init__(self, level: int | Level, n: int) -> None:
        self._predictor = new_predictor(level if isinstance(level, Level) else LEVELS[level], n)
        self._coder = NumbaEncoder()

    def update(self, block: bytes) -> float:
        """Codes bytes."""
        bits = 0.0
        for start in range(0, len(block), _AT_ONCE):
            part = np.frombuffer(block[start : start + _AT_ONCE], np.uint8).copy()
            p = np.zeros(8 * len(part), np.uint32)
            self._coder.reserve(8 * len(part))
            code(self._predictor, self._coder.state, self._coder.words, False, part, p)
            bits -= float((np.log2(p / (1 << 24))).sum())  # reported only
        return bits

    def finish(self) -> bytes:
        """The payload."""
        return shortest_bytes(*self._coder.interval())


class TextDecoder:
    """Decodes a text."""

    def __init__(self, level: int | Level, n: int, payload: bytes) -> None:
        self._predictor = new_predictor(level if isinstance(level, Level) else LEVELS[level], n)
        padded = payload + bytes(-len(payload) % 4)
        self._words = np.frombuffer(padded, dtype=">u4").astype(np.uint32)
        self._state = new_decoder_state(self._words)

    def take(self, count: int) -> bytes:
        """The next bytes."""
        block = np.zeros(count, np.uint8)
        code(self._predictor, self._state, self._words, True, block, np.zeros(8 * count, np.uint32))
        return block.tobytes()
