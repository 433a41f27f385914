"""A segment of a text's streams, place by place: encode above decode (formats/sequences.md, "Streams")."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mdlcodec.entropy import TOTAL_FREQUENCY, RangeDecoder, RangeEncoder
from mdlcodec.errors import CorruptFile
from mdlcodec.mixing.softmax import frequencies_of

if TYPE_CHECKING:  # torch loads when a network learns
    from mdlcodec.nn.steps import State, Steps
    from mdlcodec.predictors.streams import Streams


def encode_segment(coder: RangeEncoder, streams: Streams, start: int, stop: int, scores: np.ndarray) -> float:
    """The bytes at places start to stop under scores, float32 (streams, stop - start, 256); their ideal bits.

    Raises InexactComputation for scores that are not finite.
    """
    bits = 0.0
    for place in range(start, stop):
        here = streams.here(place)
        symbols = streams.known[:here, place + 1].astype(np.int32)
        frequencies = frequencies_of(scores[:here, place - start])
        coder.encode(symbols, frequencies)
        bits += _ideal_bits(frequencies, symbols)
    return bits


def decode_segment(
    coder: RangeDecoder, streams: Streams, start: int, stop: int, steps: Steps, state: State
) -> float:
    """The same bytes into ``known``, by a network that has seen those before; their ideal bits.

    Raises CorruptFile for bytes that prove damaged, InexactComputation for scores that are not finite.
    """
    bits = 0.0
    for place in range(start, stop):
        scores, here = steps.step(state, streams.known[:, place]), streams.here(place)
        frequencies = frequencies_of(scores[:here])
        symbols = coder.decode(frequencies)
        streams.known[:here, place + 1] = symbols
        bits += _ideal_bits(frequencies, symbols)
    if not coder.intact:
        raise CorruptFile("the text's payload is damaged: it does not decode to the end")
    return bits


def _ideal_bits(frequencies: np.ndarray, symbols: np.ndarray) -> float:
    """Of symbols int (m,) under uint32 (m, k)."""
    chosen = frequencies[np.arange(len(symbols)), symbols] / TOTAL_FREQUENCY
    return -float(np.log2(chosen).sum())  # reported only
