"""A layer of LSTM cells as an exact function (Hochreiter & Schmidhuber 1997; formats/sequences.md, "Nodes")."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from mdlcodec.compiled import njit
from mdlcodec.exact.elementary import exp, tanh
from mdlcodec.exact.laid_out import LaidOut
from mdlcodec.exact.linear import Arithmetic, Linear


@njit(cache=True, nogil=True, inline="always")
def sigmoid(x: float) -> float:
    """1 / (1 + e^-x) of float64."""
    return 1.0 / (1.0 + exp(-x))


@njit(cache=True, nogil=True, error_model="numpy")  # a check for zero would keep the loops from vectorising
def _cells(first, second, before, gates, cells, h):
    """One place: sums of products (N, 4 d), float32, added; cells before (N, d) -> gates (N, 4 d) as input, forget,
    new value, output; cells and outputs h (N, d)."""
    width = cells.shape[1]
    for n in range(cells.shape[0]):
        one, other, row = first[n], second[n], gates[n]
        for c in range(2 * width):
            row[c] = np.float32(sigmoid(np.float64(one[c] + other[c])))
        for c in range(2 * width, 3 * width):
            row[c] = np.float32(tanh(np.float64(one[c] + other[c])))
        for c in range(3 * width, 4 * width):
            row[c] = np.float32(sigmoid(np.float64(one[c] + other[c])))
        # slices: indices known not to be negative keep the loop vectorised
        enter, forget = row[:width], row[width : 2 * width]
        new, leave = row[2 * width : 3 * width], row[3 * width :]
        old, kept, out = before[n], cells[n], h[n]
        for c in range(width):
            cell = np.float64(forget[c]) * np.float64(old[c]) + np.float64(enter[c]) * np.float64(new[c])
            kept[c] = np.float32(cell)
        for c in range(width):
            out[c] = np.float32(np.float64(leave[c]) * tanh(np.float64(kept[c])))


@njit(cache=True, nogil=True, error_model="numpy")
def _cells_gradient(g, later, gates, before, cells, carried, slopes):
    """One place: gradients of h, float32 (N, d): from above, and from the place after; ``carried``, float64 (N, d):
    of the cells, in place -> slopes float32 (N, 4 d) of the gates' sums."""
    width = cells.shape[1]
    for n in range(cells.shape[0]):
        row, out = gates[n], slopes[n]
        enter, forget = row[:width], row[width : 2 * width]
        new, leave = row[2 * width : 3 * width], row[3 * width :]
        to_enter, to_forget = out[:width], out[width : 2 * width]
        to_new, to_leave = out[2 * width : 3 * width], out[3 * width :]
        above, after, old, cell, carry = g[n], later[n], before[n], cells[n], carried[n]
        for c in range(width):
            i, f = np.float64(enter[c]), np.float64(forget[c])
            v, o = np.float64(new[c]), np.float64(leave[c])
            dh, squashed = np.float64(above[c] + after[c]), tanh(np.float64(cell[c]))
            dc = carry[c] + (dh * o) * (1.0 - squashed * squashed)
            to_enter[c] = np.float32((dc * v) * (i * (1.0 - i)))
            to_forget[c] = np.float32((dc * np.float64(old[c])) * (f * (1.0 - f)))
            to_new[c] = np.float32((dc * i) * (1.0 - v * v))
            to_leave[c] = np.float32((dh * squashed) * (o * (1.0 - o)))
            carry[c] = dc * f


def _recurrent_gradient(
    slopes: np.ndarray, h: np.ndarray, outputs: np.ndarray, arithmetic: Arithmetic
) -> np.ndarray:
    """Of the weights that outputs before are multiplied by: slopes (T, N, 4 d), h (T + 1, N, d) -> (4 d, d)."""
    width = outputs.shape[1]
    if len(slopes) == 1:
        return np.zeros_like(outputs)
    # without the first place, before which there was nothing
    of_places = np.ascontiguousarray(slopes[1:].transpose(1, 0, 2)).reshape(-1, 4 * width)
    rows = np.ascontiguousarray(h[1:-1].transpose(1, 0, 2)).reshape(-1, width)
    # the layer's own product is done again for its integers
    _, saved = Linear.forward(rows, outputs, np.zeros(4 * width, np.float32), arithmetic)
    _, gradient, _ = Linear.backward(saved, of_places, False)
    assert gradient is not None
    return gradient


class Lstm:
    """Cells over the places of a sequence, from +0 on."""

    @staticmethod
    def forward(
        x: np.ndarray, inputs: np.ndarray, outputs: np.ndarray, bias: np.ndarray, arithmetic: Arithmetic
    ) -> tuple[np.ndarray, Any]:
        """x float32 (N, T, i); weights float32 (4 d, i) and (4 d, d), bias float32 (4 d,) -> float32 (N, T, d).
        Raises InexactComputation for values that are not finite."""
        n, length, features = x.shape
        width = outputs.shape[1]
        sums, saved = Linear.forward(x.reshape(n * length, features), inputs, bias, arithmetic)
        by_place = np.ascontiguousarray(sums.reshape(n, length, -1).transpose(1, 0, 2))  # (T, N, 4 d)
        weights = LaidOut(outputs, np.zeros(4 * width, np.float32), arithmetic.engine)
        gates = np.empty((length, n, 4 * width), np.float32)
        # of the place before the first, too
        cells, h = (np.zeros((length + 1, n, width), np.float32) for _ in range(2))
        for t in range(length):
            second = weights.product(h[t])
            _cells(by_place[t], second, cells[t], gates[t], cells[t + 1], h[t + 1])
        y = np.ascontiguousarray(h[1:].transpose(1, 0, 2))  # (N, T, d)
        return y, (saved, gates, cells, h, outputs, arithmetic)

    @staticmethod
    def backward(saved: Any, g: np.ndarray, input_gradient: bool = True) -> tuple[np.ndarray | None, ...]:
        """Gradients of x, both weights and the bias."""
        of_inputs, gates, cells, h, outputs, arithmetic = saved
        n, length, width = g.shape
        above = np.ascontiguousarray(g.transpose(1, 0, 2))  # (T, N, d)
        weights = LaidOut(np.ascontiguousarray(outputs.T), np.zeros(width, np.float32), arithmetic.engine)
        slopes = np.empty((length, n, 4 * width), np.float32)
        later, carried = np.zeros((n, width), np.float32), np.zeros((n, width))
        for t in range(length - 1, -1, -1):
            _cells_gradient(above[t], later, gates[t], cells[t], cells[t + 1], carried, slopes[t])
            later = weights.product(slopes[t]) if t else later
        flat = np.ascontiguousarray(slopes.transpose(1, 0, 2)).reshape(n * length, -1)
        dx, d_inputs, d_bias = Linear.backward(of_inputs, flat, input_gradient)
        d_outputs = _recurrent_gradient(slopes, h, outputs, arithmetic)
        return None if dx is None else dx.reshape(n, length, -1), d_inputs, d_outputs, d_bias


@dataclass
class KeptCells:
    """Weights laid out, and the cells of the place before: float32 (S, d)."""

    inputs: LaidOut
    outputs: LaidOut
    cells: np.ndarray
    h: np.ndarray


def begin_cells(
    inputs: np.ndarray, outputs: np.ndarray, bias: np.ndarray, streams: int, arithmetic: Arithmetic
) -> KeptCells:
    """Cells of +0 for so many streams, under weights as `Lstm.forward` takes them."""
    cells, h = (np.zeros((streams, outputs.shape[1]), np.float32) for _ in range(2))
    nothing = np.zeros_like(bias)
    engine = arithmetic.engine
    return KeptCells(LaidOut(inputs, bias, engine), LaidOut(outputs, nothing, engine), cells, h)


def resume_cells(kept: KeptCells, saved: Any) -> None:
    """The cells after the last place of a forward pass, in place of those kept."""
    kept.cells, kept.h = saved[2][-1].copy(), saved[3][-1].copy()


def cells_step(x: np.ndarray, kept: KeptCells) -> np.ndarray:
    """One more place: x float32 (S, 1, i) -> float32 (S, 1, d), what `Lstm` has there."""
    first, second = kept.inputs.product(x[:, 0]), kept.outputs.product(kept.h)
    gates, cells, h = np.empty_like(first), np.empty_like(kept.cells), np.empty_like(kept.h)
    _cells(first, second, kept.cells, gates, cells, h)
    kept.cells, kept.h = cells, h
    return h[:, None]
