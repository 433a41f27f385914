"""Muon: momentum whose matrices are made orthogonal before weights move (formats/arithmetic.md, section 7).

Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks"; here as in the sketch of a fast
training of CIFAR-10 (Jordan 2024, "94% on CIFAR-10 in 3.29 seconds on a single GPU"), in exact products.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from mdlcodec.exact.integers import Digits
from mdlcodec.exact.linear import Arithmetic, Linear
from mdlcodec.exact.sums import column_sums_of_squares
from mdlcodec.exact.threads import Chain
from mdlcodec.saved import Saved, taken

# the quintic iteration whose slope at 0 is largest (Jordan et al. 2024), and how often it is applied
_FIRST, _THIRD, _FIFTH = (np.float32(value) for value in (3.4445, -4.7750, 2.0315))
_ITERATIONS = 3
_SMALLEST = 1e-7  # added to a norm that something is divided by
_DIGITS = Digits(weights=2, activations=1, gradients=2)


@dataclass(frozen=True)
class Part:
    """A tensor of the weights: where it lies in their vector, and how it moves.

    ``rows``: those of its matrix, which is made orthogonal; None for a tensor that follows its momentum as it is.
    """

    start: int
    stop: int
    rows: int | None
    rate: float  # times the step's
    momentum: float


class Muon:
    """Nesterov's momentum over all parts, made orthogonal in matrices, whose weights keep the norm sqrt(rows)."""

    def __init__(self, weights: Any, parts: Sequence[Part], arithmetic: Arithmetic) -> None:
        """weights: float32 (parameters,), numpy's or a device's; ``parts`` cover them."""
        self._largest_first = sorted(parts, key=lambda part: part.start - part.stop)
        self._functions = arithmetic.functions
        self._arithmetic = replace(arithmetic, digits=_DIGITS)
        self._momentum = self._functions.array(np.zeros(tuple(weights.shape), np.float32))

    def step(self, weights: Any, gradient: Any, rate: float) -> None:
        """One update in place; ``rate``: what the parts' own are multiplied by, float64."""
        self._arithmetic.run(
            [Chain(partial(self._move, part, weights, gradient, rate)) for part in self._largest_first]
        )

    def _move(self, part: Part, weights: Any, gradient: Any, rate: float) -> None:
        at = slice(part.start, part.stop)
        w, g, momentum = weights[at], gradient[at], self._momentum[at]
        kept, moved = np.float32(part.momentum), np.float32(rate * part.rate)
        momentum[...] = momentum * float(kept) + g
        update = momentum * float(kept) + g
        if part.rows is not None:
            norm = self._norm(w)
            if norm > 0.0:
                w[...] = w * float(np.float32(np.sqrt(np.float64(part.rows)) / norm))
            update = update * float(np.float32(1.0 / (self._norm(update) + _SMALLEST)))
            update = self._orthogonal(update.reshape(part.rows, -1)).reshape(-1)
        w[...] = w - update * float(moved)

    def _norm(self, values: Any) -> float:
        """The root of the exact sum of squares, float64, of float32 (m,)."""
        return float(np.sqrt(column_sums_of_squares(self._functions.read(values).reshape(-1, 1))[0]))

    def _product(self, a: Any, b: Any) -> Any:
        """a b^T, float32 (m, i) and (n, i) -> (m, n)."""
        nothing = self._functions.array(np.zeros(int(b.shape[0]), np.float32))
        return Linear.forward(a, b, nothing, self._arithmetic)[0]

    def _orthogonal(self, x: Any) -> Any:
        """Nearly the orthogonal matrix nearest to x, float32 (rows, columns), of norm 1 at most."""
        tall = x.shape[0] > x.shape[1]
        if tall:
            x = self._functions.permuted(x, (1, 0))
        for _ in range(_ITERATIONS):
            squared = self._product(x, x)
            inner = squared * float(_THIRD) + self._product(squared, squared) * float(_FIFTH)
            x = x * float(_FIRST) + self._product(inner, self._functions.permuted(x, (1, 0)))
        return self._functions.permuted(x, (1, 0)) if tall else x

    def saved(self) -> dict[str, np.ndarray]:
        """The momentum, float32 (parameters,)."""
        return {"momentum": self._functions.read(self._momentum)}

    def restore(self, saved: Saved) -> None:
        """Goes on from there. Raises CorruptFile."""
        held = taken(saved, "momentum", np.float32, tuple(self._momentum.shape))
        self._momentum[...] = self._functions.array(held)
