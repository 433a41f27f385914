"""How a tensor is scanned: as four axes (a, b, c, d), the last fastest (formats/network.md, "Layout")."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

ORDERS = 4


@dataclass(frozen=True)
class View:
    """``order``: which axes come first; ``height``, ``width``: what axis b is split by into (b, c, d).

    Orders: 0, outputs first (out, in, h, w); 1, inputs first (in, out, h, w); 2, for (h, w, in, out), outputs
    first; 3, the same, inputs first. Height and width are 1 unless the tensor has two axes.
    """

    order: int = 0
    height: int = 1
    width: int = 1

    def fits(self, shape: tuple[int, ...]) -> bool:
        """Whether a tensor of that shape can be seen so."""
        if self.order == 0 and self.height == self.width == 1:
            return True
        if len(shape) < 2 or self.order >= ORDERS:
            return False
        if self.height == self.width == 1:
            return True
        if len(shape) != 2 or self.height < 1 or self.width < 1:
            return False
        return shape[self._axes(2)[1]] % (self.height * self.width) == 0

    def extents(self, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
        """(a, b, c, d) of a tensor of that shape."""
        a, b, *rest = ([shape[axis] for axis in self._axes(len(shape))] + [1, 1])[: max(len(shape), 2)]
        if self.height * self.width > 1:
            return a, b // (self.height * self.width), self.height, self.width
        return a, b, math.prod(rest[:1]), math.prod(rest[1:])

    def of(self, array: np.ndarray) -> np.ndarray:
        """The contiguous array (a, b, c, d) of an array of the tensor's shape."""
        seen = array.transpose(self._axes(array.ndim))
        return np.ascontiguousarray(seen).reshape(self.extents(array.shape))  # (a, b, c, d)

    def back(self, seen: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """The contiguous array of the tensor's shape whose ``of`` is `seen`."""
        axes = self._axes(len(shape))
        array = seen.reshape([shape[axis] for axis in axes])  # (out, in, ...) or in the view's order
        return np.array(array.transpose(np.argsort(axes, kind="stable")), order="C").reshape(shape)

    def _axes(self, ndim: int) -> list[int]:
        axes = list(range(ndim))
        if ndim >= 2:
            if self.order >= 2:
                axes = [axes[-1], axes[-2], *axes[:-2]]
            if self.order % 2:
                axes[:2] = axes[1::-1]
        return axes


PLAIN = View()
