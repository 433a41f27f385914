"""A text as streams side by side, which a network reads one place of all at a time (formats/sequences.md,
"Streams")."""

from __future__ import annotations

import numpy as np


class Streams:
    """What is known of a text: uint8 ``known`` (count, longest + 1), all 0 at first.

    A byte of 0 stands before the first of each stream, and after the last of those that are shorter: what is at
    place t of stream i is known[i, t + 1].
    """

    def __init__(self, n: int, most: int, least: int) -> None:
        """Of a text of ``n`` bytes: at most ``most`` streams, and of at least so many bytes where there are
        several."""
        self.count, self._size = streams_of(n, most, least), n
        self.longest = -(-n // self.count)
        self._whole = n - (self.longest - 1) * self.count if n else 0
        self.known = np.zeros((self.count, self.longest + 1), np.uint8)

    def here(self, place: int) -> int:
        """How many streams have a byte at that place: the first ones."""
        return self.count if place + 1 < self.longest else self._whole

    def before(self, place: int) -> int:
        """How many bytes of the text stand at places before that one."""
        return place * self.count if place < self.longest else self._size

    def place(self, text: bytes) -> None:
        """All of the text is known."""
        start = 0
        for i in range(self.count):
            size = self.longest - (i >= self._whole)
            self.known[i, 1 : size + 1] = np.frombuffer(text, np.uint8)[start : start + size]
            start += size

    def text(self) -> bytes:
        """What is known, once all is."""
        rows = (row[1 : self.longest + (i < self._whole)] for i, row in enumerate(self.known))
        return b"".join(row.tobytes() for row in rows)

    def segments(self, length: int) -> list[tuple[int, int]]:
        """First and last + 1 place of each segment of so many places, the last one shorter."""
        return [(start, min(start + length, self.longest)) for start in range(0, self.longest, length)]


def streams_of(n: int, most: int, least: int) -> int:
    """How many streams a text of n bytes has."""
    return max(1, min(most, n // least))
