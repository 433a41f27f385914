"""Convolutions of any stride: how large their outputs are, and which taps of the kernel reach which inputs."""

from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True)
class Residue:
    """Places of one axis of the inputs, first, first + stride, .., that the same taps of the kernel reach.

    Their gradient is a convolution of stride 1 with these taps, last tap first: place number i's begins at place
    origin + i of the outputs' gradient, which is zero outside. So no product with a zero that a stride puts
    between the outputs is ever taken.
    """

    first: int
    count: int
    taps: slice  # of the kernel
    length: int  # taps that there are, maybe none
    origin: int


def outputs_of(size: int, kernel: int, stride: int, padding: int) -> int:
    """Places of an output's axis. Raises ValueError where the kernel does not fit."""
    if size + 2 * padding < kernel:
        raise ValueError(f"a kernel of {kernel} does not fit {size} places with padding {padding}")
    return (size + 2 * padding - kernel) // stride + 1


@lru_cache(maxsize=256)
def residues(size: int, kernel: int, stride: int, padding: int) -> tuple[Residue, ...]:
    """The residues of an axis of the inputs; every place is in one of them."""
    classes = []
    for tap in range(stride):
        # output u adds input y times tap y + padding - stride * u
        first = (tap - padding) % stride
        count, length = len(range(first, size, stride)), len(range(tap, kernel, stride))
        origin = (first + padding - tap) // stride - (length - 1)
        if count:
            classes.append(Residue(first, count, slice(tap, kernel, stride), length, origin))
    return tuple(classes)


@lru_cache(maxsize=256)
def zeros_around(size: int, outputs: int, kernel: int, stride: int, padding: int) -> int:
    """Places beyond either end of the outputs' axis that `residues` ask for."""
    needed = [0]
    for residue in residues(size, kernel, stride, padding):
        if residue.length:
            needed += [-residue.origin, residue.origin + residue.count + residue.length - 1 - outputs]
    return max(needed)
