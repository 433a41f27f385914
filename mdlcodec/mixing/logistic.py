"""Bits coded under probabilities that adapt, alone or mixed from many contexts (formats/network.md, "Mixing").

One function codes in both directions: it encodes the bit it is given, or decodes one and returns it, and then
learns from it. All arithmetic is on integers. The mixing is the logistic mixing of Mahoney's PAQ: the
probabilities of the contexts are stretched, ln(p / (1 - p)), added up with weights that are learned online, and
squashed. Called from numba code; nothing here checks indices, callers do.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mdlcodec.compiled import njit
from mdlcodec.entropy.numba_coder import (
    HELD,
    LOWER,
    POINT,
    POSITION,
    RANGE,
    WRITTEN,
    NumbaDecoder,
    NumbaEncoder,
    decode_bit,
    encode_bit,
)
from mdlcodec.entropy.range_coder import shortest_bytes

STRETCH_UNIT = 256  # stretched probabilities count in 1/256 nat
STRETCH_LIMIT = 3071  # and stay within 12 nats
COUNT_BITS = 10
COUNT_MASK = (1 << COUNT_BITS) - 1
HALF = 1 << 31  # a slot that has seen nothing: probability 1/2, count 0

_WORK_BITS = 200  # of the fixed-point numbers that the tables are computed with


def _tables() -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """squash, 2^24 / (1 + e^(-x / 256)) at x = -3071..3071; stretch, the smallest x whose squash is not less
    than the middle of each 2^-16 of probability."""
    one = 1 << _WORK_BITS
    step = term = one
    for k in range(1, 60):
        term //= STRETCH_UNIT * k
        step += term
    squash = np.empty(2 * STRETCH_LIMIT + 1, np.int64)
    exponential = one
    for x in range(STRETCH_LIMIT + 1):
        probability = (exponential << 24) // (exponential + one)
        squash[STRETCH_LIMIT + x] = probability
        squash[STRETCH_LIMIT - x] = (1 << 24) - probability
        exponential = exponential * step >> _WORK_BITS
    middles = (np.arange(1 << 16, dtype=np.int64) << 8) + 128
    stretch = np.minimum(np.searchsorted(squash, middles), 2 * STRETCH_LIMIT) - STRETCH_LIMIT
    return squash, stretch.astype(np.int64)


SQUASH, STRETCH = _tables()
# 1 / (count + 1.6), 16 binary places: how far a slot moves towards a bit
_STEPS = np.array([5 * 65536 // (5 * count + 8) for count in range(COUNT_MASK + 1)], np.int64)


class Coding(NamedTuple):
    """The range coder's state in one direction: state uint64 (5,), words uint32 (w,)."""

    state: npt.NDArray[np.uint64]
    words: npt.NDArray[np.uint32]
    decoding: bool


class Mixture(NamedTuple):
    """Contexts that share one mixer.

    slots: uint32 (s,), probabilities of a 1 (22 bits) and how often each was used (10 bits); weights: int64
    (sets, inputs), 16 binary places; indices: int64 (contexts,), the slots of the bit at hand; inputs: int64
    (inputs,), stretched probabilities, those of the contexts first, then what the caller puts behind them;
    steps: int64 (1,), bits coded so far; rates: int64 (3,), the learning rate at last and what it has more at
    first, and the highest count of a slot.
    """

    slots: npt.NDArray[np.uint32]
    weights: npt.NDArray[np.int64]
    indices: npt.NDArray[np.int64]
    inputs: npt.NDArray[np.int64]
    steps: npt.NDArray[np.int64]
    rates: npt.NDArray[np.int64]

    def copied(self) -> Mixture:
        """A mixture that learns on its own from here on."""
        return self._replace(**{name: array.copy() for name, array in self._asdict().items()})


def new_mixture(
    slots: int, sets: int, weights: list[int], contexts: int, rates: tuple[int, int, int]
) -> Mixture:
    """A mixture that has seen nothing; weights: the initial ones of each set, contexts first."""
    return Mixture(
        np.full(slots, HALF, np.uint32),
        np.tile(np.array(weights, np.int64), (sets, 1)),
        np.zeros(contexts, np.int64),
        np.zeros(len(weights), np.int64),
        np.zeros(1, np.int64),
        np.array(rates, np.int64),
    )


@njit(cache=True)
def ratio(ones, total, prior, strength):  # type: ignore[no-untyped-def]
    """Stretched estimate of a probability: `ones` of `total`, and a prior (16 bits) worth `strength` more."""
    probability = (ones * 65536 + strength * prior) // (total + strength)
    return STRETCH[min(max(probability, 1), 65535)]


@njit(cache=True)
def _coded(coding, bit, probability):  # type: ignore[no-untyped-def]
    if coding.decoding:
        return decode_bit(coding.state, coding.words, probability)
    encode_bit(coding.state, coding.words, bit, probability)
    return bit


@njit(cache=True)
def _learned(slot, bit, limit):  # type: ignore[no-untyped-def]
    """A slot after one more bit."""
    count = slot & COUNT_MASK
    probability = slot >> COUNT_BITS
    target = (1 << 22) - 1 if bit else 0
    probability += (target - probability) * _STEPS[np.uint64(count)] >> 16
    return probability << COUNT_BITS | min(count + 1, limit)


@njit(cache=True)
def code_mixed(coding, mixture, chosen, bit):  # type: ignore[no-untyped-def]
    """Code a bit under the mixture; mixture.indices and the caller's inputs are set, `chosen` is the set of
    weights. Returns the bit."""
    slots, inputs, weights = mixture.slots, mixture.inputs, mixture.weights[chosen]
    contexts = mixture.indices.shape[0]
    for i in range(contexts):
        slot = slots[np.uint64(mixture.indices[i])]
        inputs[i] = STRETCH[slot >> np.uint32(16)] if slot & np.uint32(COUNT_MASK) else 0
    total = 0
    for i in range(inputs.shape[0]):
        total += inputs[i] * weights[i]
    stretched = min(max(total >> 16, -STRETCH_LIMIT), STRETCH_LIMIT)
    probability = SQUASH[np.uint64(stretched + STRETCH_LIMIT)]
    bit = _coded(coding, bit, probability)

    rate = mixture.rates[0] + mixture.rates[1] * 1024 // (1024 + mixture.steps[0])
    mixture.steps[0] += 1
    error = (((bit << 24) - probability) >> 8) * rate
    limit = mixture.rates[2]
    for i in range(inputs.shape[0]):
        weights[i] += (inputs[i] * error + (1 << 17)) >> 18
    for i in range(contexts):
        index = np.uint64(mixture.indices[i])
        slot = np.int64(slots[index])
        if slot & COUNT_MASK == 0:  # a new context starts from what the others said
            slot = probability >> 2 << COUNT_BITS
        slots[index] = _learned(slot, bit, limit)
    return bit


@njit(cache=True)
def code_adaptive(coding, slots, index, bit):  # type: ignore[no-untyped-def]
    """Code a bit under one slot, slots uint32 (s,). Returns the bit."""
    slot = np.int64(slots[index])
    bit = _coded(coding, bit, min(max(slot >> COUNT_BITS << 2, 64), (1 << 24) - 64))
    slots[index] = _learned(slot, bit, 255)
    return bit


@njit(cache=True)
def code_even(coding, bits, value):  # type: ignore[no-untyped-def]
    """Code the low `bits` bits of a value, highest first, at one bit each. Returns the value."""
    coded = 0
    for i in range(bits - 1, -1, -1):
        coded = coded << 1 | _coded(coding, (value >> i) & 1, 1 << 23)
    return coded


@njit(cache=True)
def code_integer(coding, slots, base, value):  # type: ignore[no-untyped-def]
    """Code an integer in 0..2^63-2 under 128 + 8 * 64 slots from `base` on: Elias's gamma code of value + 1,
    the length in unary, all of it and the next three bits under slots. Returns the value."""
    value += 1
    length = 0
    while length < 62:
        more = code_adaptive(coding, slots, base + length, 1 if value >> (length + 1) else 0)
        if not more:
            break
        length += 1
    prefix, node = 1, 1
    for i in range(length - 1, -1, -1):
        bit = (value >> i) & 1
        if node < 8:
            bit = code_adaptive(coding, slots, base + 64 + 8 * length + node, bit)
            node = node << 1 | bit
        else:
            bit = _coded(coding, bit, 1 << 23)
        prefix = prefix << 1 | bit
    return prefix - 1


INTEGER_SLOTS = 64 + 8 * 64


def _bits(words: int, state: npt.NDArray[np.uint64]) -> float:
    """The words that are certain, and the logarithm of what is left of the interval."""
    return 32 * words + 64 - float(np.log2(float(state[RANGE])))  # reported only


class BitEncoder:
    """Encodes bits from numba code that is given `coding`; its words grow on demand."""

    decoding = False

    def __init__(self) -> None:
        self._coder = NumbaEncoder()

    def coding(self, bits: int) -> Coding:
        """What numba code needs to code that many bits more."""
        self._coder.reserve(bits)
        return Coding(self._coder.state, self._coder.words, False)

    @property
    def bits(self) -> float:
        """Codelength so far, in bits."""
        state = self._coder.state
        return _bits(int(state[WRITTEN]) + int(state[HELD]), state)

    def copied(self) -> BitEncoder:
        """An encoder that goes on from here, for a trial; its bytes so far are not copied."""
        trial = BitEncoder()
        trial._coder.state[:] = self._coder.state
        trial._coder.state[WRITTEN] = trial._coder.state[HELD] = 0
        return trial

    def finish(self) -> bytes:
        """The shortest bytes that decode to the bits coded so far."""
        return shortest_bytes(*self._coder.interval())


class BitDecoder:
    """Decodes what a BitEncoder wrote; any bytes decode to some bits."""

    decoding = True

    def __init__(self, data: bytes) -> None:
        self._data = data
        padded = data + bytes(-len(data) % 4)
        self._coder = NumbaDecoder(np.frombuffer(padded, dtype=">u4").astype(np.uint32))

    def coding(self, bits: int) -> Coding:
        """What numba code needs to code that many bits more."""
        return Coding(self._coder.state, self._coder.words, True)

    @property
    def bits(self) -> float:
        """Codelength so far, in bits: what the encoder's was at the same bit."""
        return _bits(int(self._coder.state[POSITION]) - 2, self._coder.state)

    @property
    def intact(self) -> bool:
        """False once the data has left the coder's interval: it is damaged for certain."""
        return self._coder.intact

    def is_whole(self) -> bool:
        """Whether the data is what an encoder writes that ends here: nothing is missing, nothing follows."""
        state = self._coder.state
        words = int(state[POSITION])
        point = int.from_bytes(self._data[: 4 * words].ljust(4 * words, b"\0"), "big")
        low = point - (int(state[POINT]) - int(state[LOWER])) % (1 << 64)
        if not self.intact or low < 0:
            return False
        head = (low >> 64).to_bytes(4 * (words - 2), "big")
        return shortest_bytes(head, low % (1 << 64), int(state[RANGE])) == self._data
