"""Hostile values, and bytes that are changed, cut and spliced."""

from __future__ import annotations

import random

INTEGERS = sorted(
    {0, 1, 2, 3, 7, 8, 15, 16, 31, 32, 63, 64, 65535, 65536, 65537, 10**6, 10**9}
    | {
        (1 << bits) + more
        for bits in (7, 8, 14, 16, 20, 24, 28, 31, 32, 40, 53, 56, 62, 63)
        for more in (-1, 0, 1)
    }
    | {(1 << 64) - 1}
)
_BYTES = (0, 1, 2, 127, 128, 255)


def hostile(rng: random.Random, value: int, most: int = (1 << 64) - 1) -> int:
    """An integer in 0..most that readers may not expect in the place of ``value``."""
    choice = rng.random()
    if choice < 0.35:
        near = value + rng.choice([-2, -1, 1, 2, 8, -8])
    elif choice < 0.45:
        near = value * rng.choice([2, 3, 256])
    elif choice < 0.6:
        near = rng.randrange(300)
    elif choice < 0.7:
        near = rng.getrandbits(rng.randrange(1, 65))
    else:
        near = rng.choice(INTEGERS)
    return min(max(near, 0), most)


def changed(rng: random.Random, data: bytes, other: bytes = b"", times: int | None = None) -> bytes:
    """Bytes after a few changes: bits, bytes, pieces removed, repeated, put in, or taken from ``other``."""
    mutated = bytearray(data)
    for _ in range(times if times is not None else rng.choice([1, 1, 1, 2, 3, 8])):
        at = rng.randrange(len(mutated) + 1)
        size = rng.choice([1, 1, 2, 4, 8, rng.randrange(1, 64)])
        choice = rng.randrange(9)
        if choice <= 1 and at < len(mutated):
            mutated[at] ^= 1 << rng.randrange(8)
        elif choice == 2 and at < len(mutated):
            mutated[at] = rng.choice(_BYTES) if rng.random() < 0.5 else rng.randrange(256)
        elif choice == 3:
            del mutated[at : at + size]
        elif choice == 4:
            mutated[at:at] = rng.randbytes(size)
        elif choice == 5:
            mutated[at:at] = mutated[at : at + size] * rng.choice([1, 2, 50])
        elif choice == 6:
            mutated[at : at + size] = rng.randbytes(size)
        elif choice == 7 and other:
            start = rng.randrange(len(other))
            mutated[at : at + size] = other[start : start + rng.choice([size, len(other)])]
        elif choice == 8:
            mutated[at : at + size] = rng.choice(INTEGERS).to_bytes(8, rng.choice(["little", "big"]))[:size]
    return bytes(mutated)
