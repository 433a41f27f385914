"""Elementary functions against mpmath at 120 bits, and their exact bits on a fixed grid."""

import hashlib

import mpmath
import numpy as np
import pytest

from mdlcodec.exact import elementary

UNIT = 2.0**-53


def _worst_relative_error(function, reference, xs) -> float:
    worst = 0.0
    with mpmath.workprec(120):
        for x in xs:
            true = reference(mpmath.mpf(float(x)))
            if true != 0:
                worst = max(worst, float(abs((mpmath.mpf(function(float(x))) - true) / true)))
    return worst


def _normal_quantile(p):
    return mpmath.sqrt(2) * mpmath.erfinv(2 * p - 1)


random = np.random.default_rng(0)
CASES = {
    "exp": (mpmath.exp, np.concatenate([random.uniform(-707, 708, 1500), random.uniform(-1, 1, 1500)]), 2),
    "log": (
        mpmath.log,
        np.concatenate([np.exp(random.uniform(-700, 700, 1500)), random.uniform(0.5, 2, 1500)]),
        4,
    ),
    "tanh": (
        mpmath.tanh,
        np.concatenate([random.uniform(-19, 19, 1500), random.uniform(-0.3, 0.3, 1500)]),
        6,
    ),
    "normal_quantile": (
        _normal_quantile,
        np.concatenate([random.uniform(0, 1, 200), 10 ** random.uniform(-15, 0, 200)]),
        16,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_error_bounds(name):
    """Relative error in units of 2^-53, as formats/arithmetic.md states them."""
    reference, xs, bound = CASES[name]
    assert _worst_relative_error(getattr(elementary, name), reference, xs) <= bound * UNIT


def test_special_values():
    assert elementary.exp(0.0) == 1.0
    assert elementary.exp(-709.0) == 0.0
    assert elementary.exp(-np.inf) == 0.0
    assert np.isnan(elementary.exp(np.nan))  # a NaN never becomes a probability
    assert elementary.exp(1e9) == elementary.exp(709.0)
    assert elementary.log(1.0) == 0.0
    assert elementary.tanh(0.0) == 0.0
    assert elementary.tanh(-30.0) == -1.0
    assert elementary.normal_quantile(0.5) == 0.0


def test_exact_bits():
    """The frozen bits: a change of any operation or of its order changes this hash."""
    digest = hashlib.sha256()
    for i in range(-2000, 2000):
        x = i / 7.0
        values = [elementary.exp(x), elementary.tanh(x / 50), elementary.log(abs(x) + 0.01)]
        values.append(elementary.normal_quantile((i + 2000.5) / 4000.0))
        digest.update(np.array(values).tobytes())
    assert digest.hexdigest() == "9c613c5ec26c85e426561bf2a537fcc2f4d916456143a00d29257c09d6f873bf"
