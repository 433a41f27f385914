"""Known answers that an engine must give before anything is computed with it (milliseconds).

The largest digits with all signs, sums longer than int32 holds, forward and backward; the answers are those of
formats/arithmetic.md, section 2, in numpy's 64-bit integers.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import isqrt
from typing import Any

import numpy as np

from mdlcodec.exact.integers import BITS, DIGITS, INPUT_DIGITS, LIMITS, Digits


@dataclass(frozen=True)
class _Case:
    """Operands of a convolution and its gradients, float32."""

    name: str
    x: np.ndarray  # (N, H, W, C)
    w: np.ndarray  # (O, k, k, C)
    bias: np.ndarray  # (O,)
    g: np.ndarray  # (N, H', W', O)
    padding: int
    digits: Digits
    stride: int = 1


def _extremes(shape: tuple[int, ...], limit: int, key: int) -> np.ndarray:
    """Integers -limit and limit, and one in eight anything between, float32."""
    size = 1
    for extent in shape:
        size *= extent
    words = np.random.Philox(key=key).random_raw(size)
    between = ((words >> np.uint64(32)) % np.uint64(2 * limit + 1)).astype(np.int64) - limit
    signs = np.where(words & np.uint64(8), limit, -limit)
    values = np.where(words & np.uint64(7), signs, between)
    values[0] = limit
    return values.astype(np.float32).reshape(shape)


def _cases(long: int) -> Iterator[_Case]:
    """``long``: side of the image over whose places the weights' gradient is summed."""
    for digits in (DIGITS, INPUT_DIGITS):
        limits = LIMITS[digits.activations], LIMITS[digits.weights], LIMITS[digits.gradients]
        x, w = _extremes((3, 4, 5, 3), limits[0], 1), _extremes((5, 3, 3, 3), limits[1], 2)
        x[1] *= np.float32(0.125)
        bias = np.arange(5, dtype=np.float32)
        yield _Case("convolution", x, w, bias, _extremes((3, 4, 5, 5), limits[2], 3), 1, digits)
        g = _extremes((3, 2, 3, 5), limits[2], 6)
        yield _Case("convolution of stride 2", x, w, bias, g, 1, digits, 2)
        no_bias, largest = np.zeros(2, np.float32), [np.float32(limit) for limit in limits]
        wide = np.full((2, 1, 1, 4200), largest[0]), np.full((2, 1, 1, 4200), -largest[1])
        yield _Case("long sum", *wide, no_bias, _extremes((2, 1, 1, 2), limits[2], 4), 0, digits)
    shape, digits = (1, long, long, 2), DIGITS
    x, g = np.full(shape, np.float32(LIMITS[1])), np.full(shape, -largest[2])
    yield _Case("long gradient", x, _extremes((2, 1, 1, 2), LIMITS[2], 5), no_bias, g, 0, digits)


def _block(x: np.ndarray, digits: int) -> tuple[np.ndarray, int]:
    """Integers int64 and the exponent of a block that is not 0, float64."""
    largest = np.abs(x).max()
    e = BITS[digits] - int(np.frexp(largest)[1])
    if np.rint(np.ldexp(largest, e)) > LIMITS[digits]:
        e -= 1
    return np.rint(np.ldexp(x, e)).astype(np.int64), e


def _patches(x: np.ndarray, kernel: int, padding: int, stride: int = 1) -> np.ndarray:
    """(N, H, W, C) -> (N, H', W', k * k * C)."""
    around = np.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    height, width = around.shape[1] - kernel + 1, around.shape[2] - kernel + 1
    places = [(y, z) for y in range(kernel) for z in range(kernel)]
    parts = [around[:, y : y + height : stride, z : z + width : stride] for y, z in places]
    return np.concatenate(parts, axis=3)


def _apart(g: np.ndarray, case: _Case) -> np.ndarray:
    """The gradient of the outputs that stride 1 has: zero where the stride leaves them out."""
    height, width = (n + 2 * case.padding - case.w.shape[1] + 1 for n in case.x.shape[1:3])
    out = np.zeros((g.shape[0], height, width, g.shape[3]), g.dtype)
    out[:, :: case.stride, :: case.stride] = g
    return out


def _scaled(sums: np.ndarray, exponent: np.ndarray | int) -> np.ndarray:
    return np.ldexp(sums.astype(np.float64), -np.asarray(exponent)).astype(np.float32)


def _answers(case: _Case) -> dict[str, np.ndarray]:
    digits, kernel = case.digits, case.w.shape[1]
    blocks = [_block(example.astype(np.float64), digits.activations) for example in case.x]
    x, e = np.stack([q for q, _ in blocks]), np.array([exponent for _, exponent in blocks])
    of_examples = e[:, None, None, None]
    w, shared = _block(case.w.astype(np.float64), digits.weights)
    patches = _patches(x, kernel, case.padding, case.stride)
    y = _scaled(patches @ w.reshape(len(w), -1).T, of_examples + shared) + case.bias  # integers
    g, own = _block(case.g.astype(np.float64), digits.gradients)
    flipped = w[:, ::-1, ::-1].transpose(3, 1, 2, 0).reshape(w.shape[3], -1)
    around = _patches(_apart(g, case), kernel, kernel - 1 - case.padding)
    dx = _scaled(around @ flipped.T, own + shared)  # integers
    g, weighted = _block(np.ldexp(case.g.astype(np.float64), -of_examples), digits.gradients)
    rows = patches.reshape(-1, patches.shape[3])
    dw = _scaled(g.reshape(-1, g.shape[3]).T @ rows, weighted).reshape(w.shape)  # integers
    db = case.g.astype(np.int64).reshape(-1, g.shape[3]).sum(0)  # integers
    return {"outputs": y, "input gradient": dx, "weight gradient": dw, "bias gradient": db.astype(np.float32)}


def problem_of(engine: Any) -> str | None:
    """What an engine gets wrong, for people, or None. See `mdlcodec.exact.engines.Engine`.

    Its ``longest_sum``, if it has one, is the number of terms that it adds up in int32.
    """
    array, read = getattr(engine, "array", np.asarray), getattr(engine, "read", np.asarray)
    for case in _cases(isqrt(getattr(engine, "longest_sum", 1 << 12)) + 1):
        operands = (array(case.x), array(case.w), array(case.bias))
        y, saved = engine.forward(*operands, case.padding, case.digits, case.stride)
        results = (y, *engine.backward(saved, array(case.g), True))
        for (what, answer), result in zip(_answers(case).items(), results, strict=True):
            if not np.array_equal(read(result), answer):
                return f"{what} of its self-test's {case.name} differ from the known answer"
    return _problem_of_matrices(engine)


def _problem_of_matrices(engine: Any) -> str | None:
    """The same of products of two-digit matrices, also of sums that int32 does not hold."""
    for length in (6, 4200):
        rows = _extremes((2, 3, length), LIMITS[2], 7).astype(np.int16)
        columns = _extremes((2, length, 5), LIMITS[2], 8).astype(np.int16)
        rows[1], columns[1] = LIMITS[2], -LIMITS[2]
        scales = np.ldexp(1.0, -np.arange(6).reshape(2, 3))
        sums = rows.astype(np.int64) @ columns.astype(np.int64)  # integers
        answer = (sums * scales[:, :, None]).astype(np.float32)
        if not np.array_equal(engine.multiply(rows, engine.columns(columns), scales), answer):
            return f"products of its self-test's matrices of {length} terms differ from the known answer"
    return None
