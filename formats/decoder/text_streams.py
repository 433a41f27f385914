"""A text as streams side by side (formats/sequences.md, "Streams")."""

import numpy as np


class Streams:
    """What is known of each."""

    def __init__(self, n, most, least):
        self.count = max(1, min(most, n // least))
        self.longest = -(-n // self.count)
        self.whole = n - (self.longest - 1) * self.count if n else 0
        self.known = np.zeros((self.count, self.longest + 1), np.int64)

    def segments(self, length):
        """Of so many places."""
        return [(start, min(start + length, self.longest)) for start in range(0, self.longest, length)]

    def here(self, place):
        """How many have a byte there."""
        return self.count if place + 1 < self.longest else self.whole

    def text(self):
        """All of it."""
        rows = (row[1 : self.longest + (i < self.whole)] for i, row in enumerate(self.known))
        return b"".join(bytes(row.tolist()) for row in rows)
