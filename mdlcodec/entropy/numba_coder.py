"""The range coder in numba: the words of constriction's DefaultRangeEncoder, bit for bit.

Source: constriction 0.5, src/stream/queue.rs (64-bit state, 32-bit words, 24-bit probabilities; words whose
carry is still open are held back, the "inverted" situation). Specified in formats/labels.md, "Range coder".
The functions on (state, words) may be called from other numba code; the classes are the same from Python.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import uint64

from mdlcodec.compiled import njit
from mdlcodec.entropy.frequencies import codable, first_uncodable
from mdlcodec.saved import Saved, damaged, taken

PRECISION = np.uint64(24)
WORD_BITS = np.uint64(32)
WORD_MASK = np.uint64(0xFFFFFFFF)
SMALLEST_RANGE = np.uint64(1 << 32)
QUANTILES = np.uint64(1 << 24)
ZERO = np.uint64(0)
ONE = np.uint64(1)

# Encoder state, uint64 (5,): lower and range of the interval; how many words are held back, the first of
# them (the others are all ones until a carry arrives); how many words are written.
LOWER, RANGE, HELD, FIRST_HELD, WRITTEN = range(5)
# Decoder state, uint64 (5,): lower and range as above; the 64 bits at the current position; the index of the
# next word; 1 while the point lies inside the interval (which only damaged data leaves).
POINT, POSITION, INTACT = range(2, 5)

_ROOM = 256  # words by which the buffer of one-by-one coding grows at least


def new_encoder_state() -> npt.NDArray[np.uint64]:
    """State of an encoder that has coded nothing: uint64 (5,)."""
    return np.array([0, 2**64 - 1, 0, 0, 0], dtype=np.uint64)


def new_decoder_state(words: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint64]:
    """State of a decoder before the first symbol of words, uint32 (w,): uint64 (5,)."""
    first, second = (int(words[i]) if i < len(words) else 0 for i in range(2))
    return np.array([0, 2**64 - 1, first << 32 | second, 2, 1], dtype=np.uint64)


@njit(cache=True)
def _narrow(state, words, cumulative, frequency):  # type: ignore[no-untyped-def]
    """Code what has `frequency` of 2^24 quantiles behind `cumulative` others."""
    scale = state[RANGE] >> PRECISION
    _take(state, words, scale * cumulative, scale * frequency)


@njit(cache=True)
def _take(state, words, offset, size):  # type: ignore[no-untyped-def]
    """Go on in the part of the interval that begins at offset and has that size."""
    old_lower = state[LOWER]
    lower = old_lower + offset
    if state[HELD] > ZERO and lower + size > lower:
        # The interval no longer straddles a multiple of 2^64: the carry is known, the held words can go.
        carried = lower < old_lower
        written = state[WRITTEN]
        words[written] = (state[FIRST_HELD] + (ONE if carried else ZERO)) & WORD_MASK
        for i in range(uint64(1), state[HELD]):
            words[written + uint64(i)] = ZERO if carried else WORD_MASK
        state[WRITTEN] = written + state[HELD]
        state[HELD] = ZERO
    if size < SMALLEST_RANGE:
        word = lower >> WORD_BITS
        lower = lower << WORD_BITS
        size = size << WORD_BITS
        if state[HELD] > ZERO:
            state[HELD] += ONE
        elif lower + size > lower:
            words[state[WRITTEN]] = word
            state[WRITTEN] += ONE
        else:
            state[FIRST_HELD] = word
            state[HELD] = ONE
    state[LOWER] = lower
    state[RANGE] = size


@njit(cache=True)
def encode_symbol(state, words, symbol, frequencies):  # type: ignore[no-untyped-def]
    """Code one symbol; callable from other numba code.

    state: encoder state; words: uint32, with room for one more word than state[WRITTEN] + state[HELD] (a
    symbol adds at most one); frequencies: uint32 (k,) summing to 2^24; symbol in 0..k-1 (not checked here).
    """
    if frequencies.shape[0] == 1:
        return
    cumulative = ZERO
    for i in range(symbol):
        cumulative += uint64(frequencies[i])
    _narrow(state, words, cumulative, uint64(frequencies[symbol]))


@njit(cache=True)
def _refill(state, words):  # type: ignore[no-untyped-def]
    """Take a word when the interval has become small."""
    if state[RANGE] < SMALLEST_RANGE:
        state[LOWER] <<= WORD_BITS
        state[RANGE] <<= WORD_BITS
        state[POINT] <<= WORD_BITS
        if state[POSITION] < uint64(words.shape[0]):
            state[POINT] |= uint64(words[state[POSITION]])
        state[POSITION] += ONE


@njit(cache=True)
def decode_symbol(state, words, frequencies):  # type: ignore[no-untyped-def]
    """Decode one symbol; callable from other numba code.

    state: decoder state; words: uint32 (w,), read as if zeros followed; frequencies: uint32 (k,) summing to
    2^24. Returns a symbol in 0..k-1 whatever the words are: k-1 once the data has proved damaged.
    """
    last = frequencies.shape[0] - 1
    if last == 0:
        return 0
    if state[INTACT] == ZERO:
        return last
    scale = state[RANGE] >> PRECISION
    quantile = (state[POINT] - state[LOWER]) // scale
    if quantile >= QUANTILES:
        state[INTACT] = ZERO
        return last
    cumulative = ZERO
    symbol = 0
    while symbol < last and cumulative + uint64(frequencies[symbol]) <= quantile:
        cumulative += uint64(frequencies[symbol])
        symbol += 1
    state[LOWER] += scale * cumulative
    state[RANGE] = scale * uint64(frequencies[symbol])
    _refill(state, words)
    return symbol


@njit(cache=True)
def encode_bit(state, words, bit, ones):  # type: ignore[no-untyped-def]
    """Code a bit whose probability of being 1 is ones / 2^24, ones in 1..2^24-1; else as encode_symbol."""
    zeros = QUANTILES - uint64(ones)
    if bit:
        _narrow(state, words, zeros, uint64(ones))
    else:
        _narrow(state, words, ZERO, zeros)


@njit(cache=True)
def decode_bit(state, words, ones):  # type: ignore[no-untyped-def]
    """Decode a bit that encode_bit coded with the same ones; 1 once the data has proved damaged."""
    if state[INTACT] == ZERO:
        return 1
    scale = state[RANGE] >> PRECISION
    zeros = scale * (QUANTILES - uint64(ones))
    point = state[POINT] - state[LOWER]
    if point < zeros:
        bit = 0
        state[RANGE] = zeros
    else:
        bit = 1
        state[LOWER] += zeros
        state[RANGE] = scale * uint64(ones)
        if point - zeros >= state[RANGE]:
            state[INTACT] = ZERO
    _refill(state, words)
    return bit


@njit(cache=True)
def _zeros(state, ones):  # type: ignore[no-untyped-def]
    """range (2^24 - ones) / 2^24, rounded down: what a zero has of the interval."""
    zeros = QUANTILES - uint64(ones)
    return (state[RANGE] >> PRECISION) * zeros + (((state[RANGE] & (QUANTILES - ONE)) * zeros) >> PRECISION)


@njit(cache=True)
def encode_split(state, words, bit, ones):  # type: ignore[no-untyped-def]
    """Code a bit as encode_bit does, but that nothing of the interval is lost: a one has all that a zero leaves."""
    zeros = _zeros(state, ones)
    if bit:
        _take(state, words, zeros, state[RANGE] - zeros)
    else:
        _take(state, words, ZERO, zeros)


@njit(cache=True)
def decode_split(state, words, ones):  # type: ignore[no-untyped-def]
    """Decode a bit that encode_split coded with the same ones; some bit of any words."""
    zeros = _zeros(state, ones)
    if state[POINT] - state[LOWER] < zeros:
        bit = 0
        state[RANGE] = zeros
    else:
        bit = 1
        state[LOWER] += zeros
        state[RANGE] -= zeros
    _refill(state, words)
    return bit


@njit(cache=True)
def _encode_checked(state, words, symbol, frequencies):  # type: ignore[no-untyped-def]
    if not codable(symbol, frequencies):
        return False
    encode_symbol(state, words, symbol, frequencies)
    return True


@njit(cache=True)
def _encode_rows(state, words, symbols, frequencies):  # type: ignore[no-untyped-def]
    for row in range(symbols.shape[0]):
        encode_symbol(state, words, symbols[row], frequencies[row])


@njit(cache=True)
def _decode_rows(state, words, frequencies, symbols):  # type: ignore[no-untyped-def]
    for row in range(symbols.shape[0]):
        symbols[row] = decode_symbol(state, words, frequencies[row])


def _state_of(saved: Saved) -> npt.NDArray[np.uint64]:
    """A coder's state, uint64 (5,), whose interval can be divided. Raises CorruptFile."""
    state = taken(saved, "state", np.uint64, (5,))
    if state[RANGE] < SMALLEST_RANGE:
        raise damaged("state")
    return state


class NumbaEncoder:
    """Encoder whose state and words other numba code may use: reserve room, then call encode_symbol."""

    def __init__(self) -> None:
        self.state = new_encoder_state()
        self.words = np.empty(_ROOM, dtype=np.uint32)
        self._room = _ROOM

    def reserve(self, symbols: int) -> None:
        """Make room in self.words for that many more symbols (one word each at most)."""
        self._room = 0
        needed = int(self.state[WRITTEN] + self.state[HELD]) + symbols
        if needed > len(self.words):
            grown = np.empty(max(needed, 2 * len(self.words)), dtype=np.uint32)
            grown[: len(self.words)] = self.words
            self.words = grown

    def encode_symbol(self, symbol: int, frequencies: npt.NDArray[np.uint32]) -> bool:
        """Code one symbol with frequencies (k,); False, and nothing coded, if they are not codable."""
        if self._room == 0:
            self.reserve(_ROOM)
            self._room = _ROOM
        self._room -= 1
        return bool(_encode_checked(self.state, self.words, symbol, frequencies))

    def encode(self, symbols: npt.NDArray[np.int32], frequencies: npt.NDArray[np.uint32]) -> bool:
        """Code m symbols with frequencies (m, k); False, and nothing coded, if they are not codable."""
        if first_uncodable(symbols, frequencies) >= 0:
            return False
        self.reserve(len(symbols))
        _encode_rows(self.state, self.words, symbols, frequencies)
        return True

    def saved(self) -> dict[str, np.ndarray]:
        """All that was coded."""
        return {"state": self.state, "words": self.words[: int(self.state[WRITTEN])]}

    def restore(self, saved: Saved, most: int) -> None:
        """Goes on from a state after at most so many words. Raises CorruptFile for one that no encoder has."""
        state, words = _state_of(saved), saved.get("words")
        if words is None or words.dtype != np.uint32 or words.ndim != 1:
            raise damaged("words")
        written, held = int(state[WRITTEN]), int(state[HELD])
        if words.size != written or written + held > most or state[FIRST_HELD] > WORD_MASK:
            raise damaged("words")
        self.state, self.words, self._room = state, words.copy(), 0

    def interval(self) -> tuple[bytes, int, int]:
        """Words before the state (big-endian bytes, no carry added), and lower and range of the state."""
        words = self.words[: int(self.state[WRITTEN])]
        if self.state[HELD]:
            held = np.full(int(self.state[HELD]), 0xFFFFFFFF, dtype=np.uint32)
            held[0] = self.state[FIRST_HELD]
            words = np.concatenate([words, held])
        return words.astype(">u4").tobytes(), int(self.state[LOWER]), int(self.state[RANGE])


class NumbaDecoder:
    """Decoder over uint32 words; its state and words may be handed to other numba code."""

    def __init__(self, words: npt.NDArray[np.uint32]) -> None:
        self.words = words
        self.state = new_decoder_state(words)

    def saved(self) -> dict[str, np.ndarray]:
        """Where it stands in the words."""
        return {"state": self.state}

    def restore(self, saved: Saved) -> None:
        """Goes on from a state in the same words. Raises CorruptFile for one that no decoder has."""
        state = _state_of(saved)
        if state[INTACT] > ONE:
            raise damaged("state")
        self.state = state

    @property
    def intact(self) -> bool:
        """False once the data has left the coder's interval: it is damaged for certain."""
        return bool(self.state[INTACT])

    def decode_symbol(self, frequencies: npt.NDArray[np.uint32]) -> int:
        """Next symbol under frequencies (k,)."""
        return int(decode_symbol(self.state, self.words, frequencies))

    def decode(self, frequencies: npt.NDArray[np.uint32]) -> npt.NDArray[np.int32]:
        """Next m symbols under frequencies (m, k)."""
        symbols = np.empty(len(frequencies), dtype=np.int32)
        _decode_rows(self.state, self.words, frequencies, symbols)
        return symbols
