"""GELU (Hendrycks & Gimpel 2016) as an exact function (formats/arithmetic.md, section 6)."""

from typing import Any

import numpy as np

from mdlcodec.compiled import njit
from mdlcodec.exact.function import Function
from mdlcodec.exact.shared_work import entry, share
from mdlcodec.exact.threads import VALUE, in_parts, part_size

# beyond it the unit is the input times what it was there: 0.999999 or 0.000001
LIMIT = np.float32(4.0)
# (Phi(t) - 1/2) / t as a polynomial in t^2, lowest power first: the unit differs from x Phi(x) by up to 3e-4
COEFFICIENTS = tuple(
    np.float32(value)
    for value in (
        0.39818429946899414,
        -0.06492392718791962,
        0.008910952135920525,
        -0.0008393084863200784,
        5.0292739615542814e-05,
        -1.7048340623659897e-06,
        2.466829229774703e-08,
    )
)
_C0, _C1, _C2, _C3, _C4, _C5, _C6 = COEFFICIENTS
_HALF = np.float32(0.5)
# of the derivative of t times the polynomial: 2 k + 1 times those
SLOPES = tuple(np.float32(np.float32(2 * k + 1) * value) for k, value in enumerate(COEFFICIENTS))
_S0, _S1, _S2, _S3, _S4, _S5, _S6 = SLOPES


@njit(cache=True, nogil=True)
def _gelu(x, y, first, last):
    x, y = x[first:last], y[first:last]
    for i in range(x.size):
        t = LIMIT if x[i] > LIMIT else (-LIMIT if x[i] < -LIMIT else x[i])
        u = t * t
        p = _C6 * u + _C5
        p = p * u + _C4
        p = p * u + _C3
        p = p * u + _C2
        p = p * u + _C1
        p = p * u + _C0
        y[i] = x[i] * (_HALF + t * p)


@njit(cache=True, nogil=True)
def _gelu_gradient(g, x, dx, first, last):
    g, x, dx = g[first:last], x[first:last], dx[first:last]
    for i in range(x.size):
        t = LIMIT if x[i] > LIMIT else (-LIMIT if x[i] < -LIMIT else x[i])
        u = t * t
        p = _C6 * u + _C5
        q = _S6 * u + _S5
        p, q = p * u + _C4, q * u + _S4
        p, q = p * u + _C3, q * u + _S3
        p, q = p * u + _C2, q * u + _S2
        p, q = p * u + _C1, q * u + _S1
        p, q = p * u + _C0, q * u + _S0
        # the slope of 1/2 + t p, which is 0 beyond the limit
        q = q if abs(x[i]) < LIMIT else np.float32(0)
        dx[i] = g[i] * ((_HALF + t * p) + x[i] * q)


@njit(cache=True, nogil=True)
def _gelu_shared(job, count, each, *arguments):
    return share(job, *entry(_gelu, arguments), count, each)


@njit(cache=True, nogil=True)
def _gelu_gradient_shared(job, count, each, *arguments):
    return share(job, *entry(_gelu_gradient, arguments), count, each)


class Gelu(Function):
    """x (1/2 + t p(t^2)), t = x within the limit: nearly x Phi(x)."""

    @staticmethod
    def forward(x: np.ndarray) -> tuple[np.ndarray, Any]:
        """float32 of any shape -> the same shape."""
        y, flat = np.empty_like(x), x.reshape(-1)
        arguments = flat, y.reshape(-1)
        in_parts(_gelu, _gelu_shared, arguments, flat.size, part_size(flat.size, 1024, flat.size * VALUE))
        return y, x

    @staticmethod
    def backward(saved: Any, g: np.ndarray, input_gradient: bool = True) -> tuple[np.ndarray | None, ...]:
        """The derivative of that formula."""
        dx, flat = np.empty_like(g), saved.reshape(-1)
        arguments = g.reshape(-1), flat, dx.reshape(-1)
        each = part_size(flat.size, 1024, flat.size * VALUE)
        in_parts(_gelu_gradient, _gelu_gradient_shared, arguments, flat.size, each)
        return (dx,)
