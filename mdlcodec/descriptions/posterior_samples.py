"""Weights named by indices into shared random numbers (formats/variational.md, "Weights").

Havasi, Peharz & Hernandez-Lobato 2019, "Minimal Random Code Learning": both sides draw the same candidates for a
block of weights from the prior, and the sender names one. Here is what the receiver repeats: which weights form a
block, what a candidate is, and how the indices travel. How one is chosen: `mdlcodec.sender.variational`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mdlcodec.container.ids import Purpose
from mdlcodec.exact.random import Stream
from mdlcodec.nn.node import Shape

MOST_BITS = 24  # of an index
_LOWEST_EXPONENT = -24
# operations that take as long as ...
_BLOCK = 800_000  # finding a block's candidate
NUMBER = 1_000  # a number of it


def deviation_of(byte: int) -> np.float32:
    """The standard deviation that a byte stands for: 0, or 8..15 times a power of two."""
    if byte == 0:
        return np.float32(0.0)
    return np.float32(np.ldexp(np.float64(8 + (byte & 7)), (byte >> 3) + _LOWEST_EXPONENT))


def byte_of(deviation: float) -> int:
    """The byte, not 0, of the least deviation that is not smaller; 255 where all are."""
    return next((byte for byte in range(1, 255) if deviation_of(byte) >= deviation), 255)


@dataclass(frozen=True)
class Blocks:
    """Which weights form which block: ``places`` int64 (d,) are those of block 0 in order, then of block 1, ..;
    block b has places[starts[b]:starts[b + 1]] of the flat vector of all tensors."""

    places: np.ndarray
    starts: np.ndarray

    @classmethod
    def of(cls, sizes: list[int], present: list[bool], count: int, seed: int) -> Blocks:
        """``count`` blocks of tensors of so many elements; tensors that are not present are in no block.

        Tensor t is permuted by a stream of its own; its element at place r of m goes to block r * count // m.
        Within a block, elements stand in the order of tensors and places.
        """
        blocks, places, start = [np.empty(0, np.int64)], [np.empty(0, np.int64)], 0
        for t, size in enumerate(sizes):
            if present[t]:
                places.append(start + Stream(seed, Purpose.CANDIDATES_ORDER, t).permutation(size))
                blocks.append(np.arange(size, dtype=np.int64) * count // size)
            start += size
        block = np.concatenate(blocks)
        order = np.argsort(block, kind="stable")
        return cls(np.concatenate(places)[order], np.searchsorted(block[order], np.arange(count + 1)))

    def __len__(self) -> int:
        """How many blocks there are."""
        return self.starts.size - 1

    def block(self, number: int) -> np.ndarray:
        """Places of a block, int64 (m,)."""
        return self.places[self.starts[number] : self.starts[number + 1]]


def candidate(seed: int, block: int, index: int, bits: int, size: int) -> np.ndarray:
    """Candidate ``index`` of 2^bits of a block: standard normals, float32 (size,)."""
    return Stream(seed, Purpose.CANDIDATES, block << bits | index).normals((size,))


def samples_work(parameters: int) -> int:
    """Operations for drawing so many weights, each a block of its own at the most."""
    return parameters * (_BLOCK + 3 * NUMBER)


def weights_from(
    shapes: list[Shape], deviations: list[np.float32], indices: list[int], bits: int, seed: int
) -> list[np.ndarray]:
    """The tensors, float32, of these shapes: candidates times the deviations of the prior.

    A tensor of deviation 0 is zero, and no candidate holds a number for it.
    """
    sizes = [math.prod(shape) for shape in shapes]
    flat = np.zeros(sum(sizes), np.float32)  # integers
    blocks = Blocks.of(sizes, [bool(deviation) for deviation in deviations], len(indices), seed)
    for number, index in enumerate(indices):
        places = blocks.block(number)
        flat[places] = candidate(seed, number, index, bits, places.size)
    weights, start = [], 0
    for shape, size, deviation in zip(shapes, sizes, deviations, strict=True):
        weights.append((flat[start : start + size] * deviation).reshape(shape))
        start += size
    return weights


def pack_indices(indices: list[int], bits: int) -> bytes:
    """Indices of so many bits each, the highest bit first, then zeros up to a whole byte."""
    whole = 0
    for index in indices:
        whole = whole << bits | index
    size = -(-len(indices) * bits // 8)
    return (whole << (8 * size - len(indices) * bits)).to_bytes(size, "big")


def unpack_indices(packed: bytes, count: int, bits: int) -> list[int]:
    """``count`` indices from ceil(count * bits / 8) bytes; the bits left over are ignored."""
    indices, held, have = [], 0, 0
    bytes_left = iter(packed)
    for _ in range(count):
        while have < bits:
            held, have = held << 8 | next(bytes_left), have + 8
        have -= bits
        indices.append(held >> have)
        held &= (1 << have) - 1
    return indices
