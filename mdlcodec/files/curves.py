"""A run as a curve: how many labels were coded, in how many bits, and how many of them were foreseen wrongly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mdlcodec.saved import Saved, damaged, taken

_MOST = float(1 << 52)


@dataclass(frozen=True, eq=False)
class Curve:
    """The codelength as labels came, at the end of every block that was coded.

    ``labels`` int64 (b,): labels seen; ``bits`` float64 (b,): their ideal codelength, -sum log2 p; ``mistakes``
    int64 (b,): labels so far that were not the most likely class before they were known, None for real numbers.
    """

    labels: np.ndarray
    bits: np.ndarray
    mistakes: np.ndarray | None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Curve):
            return NotImplemented
        return all(map(_equal, self._columns(), other._columns()))

    def __len__(self) -> int:
        return self.labels.size

    def _columns(self) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        return self.labels, self.bits, self.mistakes

    def in_packs(self, growth: float = 1.25, smallest: int = 8) -> Curve:
        """Fewer points: ``growth`` times the labels of the one before, and at least ``smallest`` more."""
        kept, last = [], 0
        for i, labels in enumerate(self.labels.tolist()):
            if labels >= max(last + smallest, growth * last) or i == len(self) - 1:
                kept.append(i)
                last = labels
        mistakes = None if self.mistakes is None else self.mistakes[kept]
        return Curve(self.labels[kept], self.bits[kept], mistakes)

    def bits_a_label(self) -> np.ndarray:
        """Of the labels between each point and the one before."""
        bits = np.diff(self.bits, prepend=0.0)  # reported only
        return bits / np.diff(self.labels, prepend=0)  # reported only

    def accuracy(self) -> np.ndarray:
        """Share of the labels between each point and the one before that were foreseen; of classes."""
        assert self.mistakes is not None
        mistakes = np.diff(self.mistakes, prepend=0)  # reported only
        return 1.0 - mistakes / np.diff(self.labels, prepend=0)  # reported only

    def csv(self, unit: str = "label") -> str:
        """As comma-separated values with a header line; ``unit``: what was coded."""
        head = f"{unit}s,bits" + ("" if self.mistakes is None else ",mistakes")
        columns = [self.labels.tolist(), [repr(bits) for bits in self.bits.tolist()]]
        if self.mistakes is not None:
            columns.append(self.mistakes.tolist())
        return "\n".join([head, *(",".join(map(str, row)) for row in zip(*columns, strict=True))]) + "\n"


def _equal(one: np.ndarray | None, other: np.ndarray | None) -> bool:
    if one is None or other is None:
        return one is other
    return bool(np.array_equal(one, other))


class CurveRecord:
    """Keeps what progress is told, also over the runs that a checkpoint joins."""

    def __init__(self) -> None:
        self._rows: list[tuple[int, float, int]] = []

    def restore(self, held: Saved | None) -> None:
        """Goes on from what a checkpoint held, if there was one. Raises CorruptFile."""
        if held is None or "curve" not in held:
            return
        rows = held["curve"].shape[0] if held["curve"].ndim else 0
        kept = taken(held, "curve", np.float64, (rows, 3), -1.0, _MOST)
        if (kept[:, ::2] != np.rint(kept[:, ::2])).any():
            raise damaged("curve")
        self._rows = [(int(labels), bits, int(mistakes)) for labels, bits, mistakes in kept.tolist()]

    def add(self, done: int, bits: float, mistakes: int | None) -> None:
        """Labels ``done`` in so many bits; ``mistakes``: among those since the last, -1 of what is unknown."""
        if self._rows and done <= self._rows[-1][0]:
            self._rows = []  # they are coded again, in another way
        before = self._rows[-1][2] if self._rows else 0
        self._rows.append((done, bits, -1 if mistakes is None or before < 0 else before + mistakes))

    def saved(self) -> dict[str, np.ndarray]:
        """For a checkpoint."""
        return {"curve": np.array(self._rows, np.float64).reshape(-1, 3)}

    def curve(self) -> Curve:
        """What was told."""
        rows = np.array(self._rows, np.float64).reshape(-1, 3)
        mistakes = rows[:, 2].astype(np.int64)
        counted = mistakes if (mistakes >= 0).all() else None
        return Curve(rows[:, 0].astype(np.int64), rows[:, 1], counted)
