"""Weights of a fully connected layer, laid out once for many products (formats/arithmetic.md, section 2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mdlcodec.compiled import njit
from mdlcodec.exact.heads import even
from mdlcodec.exact.integers import product_scales, quantise_rows, quantise_tensor

if TYPE_CHECKING:  # engines load torch
    from mdlcodec.exact.engines.contract import Engine

_DIGITS = 2


@njit(cache=True, nogil=True)
def _add(y, bias):
    for n in range(y.shape[0]):
        for c in range(bias.size):
            y[n, c] = y[n, c] + bias[c]


class LaidOut:
    """What `mdlcodec.exact.linear.Linear` computes with two digits everywhere, for weights that stay."""

    def __init__(self, weights: np.ndarray, bias: np.ndarray, engine: Engine) -> None:
        """weights float32 (outputs, inputs), bias float32 (outputs,)."""
        integers, self._exponent = quantise_tensor(weights, _DIGITS)
        outputs, inputs = weights.shape
        columns = np.zeros((1, even(inputs), outputs), np.int16)
        columns[0, :inputs] = integers.T  # (outputs, inputs) -> (inputs, outputs)
        self._columns, self._engine, self._bias = engine.columns(columns), engine, bias.copy()

    def product(self, x: np.ndarray) -> np.ndarray:
        """x w^T + bias, one block for each row: float32 (N, inputs), contiguous -> float32 (N, outputs). Raises
        InexactComputation for values that are not finite."""
        integers, exponents = quantise_rows(np.ascontiguousarray(x), _DIGITS)
        if x.shape[1] % 2:
            integers = np.pad(integers, ((0, 0), (0, 1)))
        y: np.ndarray = self._engine.multiply(
            integers[None], self._columns, product_scales(exponents, self._exponent)[None]
        )[0]
        _add(y, self._bias)
        return y
