"""Every engine computes the same bits: shapes, digits, magnitudes, threads, extreme integers, long sums."""

import itertools

import numpy as np
import pytest
import torch

from mdlcodec.errors import InexactComputation
from mdlcodec.exact.engines import ENGINES
from mdlcodec.exact.integers import DIGITS, LIMITS, Digits

# (N, H, W, C), outputs, kernel, padding: odd and even sizes, full and partial tiles, panels of every kind
SHAPES = [
    ((3, 5, 6, 4), 7, 3, 1),
    ((2, 7, 7, 3), 16, 3, 1),
    ((4, 1, 1, 37), 10, 1, 0),
    ((129, 1, 1, 84), 33, 1, 0),
    ((2, 4, 4, 5), 40, 3, 0),
    ((1, 1, 1, 1), 1, 1, 0),
    ((5, 3, 3, 17), 3, 1, 0),
    ((2, 6, 5, 8), 48, 5, 2),
    ((1, 2, 2, 600), 20, 3, 1),
    ((2, 9, 9, 2), 3, 2, 1),
    ((1, 6, 6, 2), 70, 4, 1),
    ((2, 1, 1, 8), 9, 3, 1),
    ((3, 70, 70, 2), 3, 3, 1),
]


def _operands(shape, outputs, kernel, spread=30, seed=0):
    random = np.random.default_rng(seed)
    x = random.normal(size=shape) * np.exp2(random.integers(-spread, spread + 1, (shape[0], 1, 1, 1)))
    if shape[0] > 2:
        x[1] = 0
    w = random.normal(size=(outputs, kernel, kernel, shape[3]))
    return x.astype(np.float32), w.astype(np.float32), random.normal(size=outputs).astype(np.float32)


def _results(engine, x, w, bias, padding, digits, g_scale=1.0):
    y, saved = engine.forward(x, w, bias, padding, digits)
    g = (np.random.default_rng(9).normal(size=y.shape) * g_scale).astype(np.float32)
    results = y, *engine.backward(saved, g, True)
    without = engine.backward(saved, g, False)
    assert without[0] is None
    assert without[1].tobytes() == results[2].tobytes()
    return [array.tobytes() for array in results]


def _assert_all_equal(*arguments, **options):
    first, *others = [_results(engine, *arguments, **options) for engine in ENGINES.values()]
    assert all(other == first for other in others)


@pytest.mark.parametrize(("shape", "outputs", "kernel", "padding"), SHAPES)
def test_engines_agree_to_the_bit(shape, outputs, kernel, padding):
    x, w, bias = _operands(shape, outputs, kernel)
    for digits in itertools.product((1, 2), repeat=3):
        _assert_all_equal(x, w, bias, padding, Digits(*digits))


@pytest.mark.parametrize("g_scale", [0.0, 1e-38, 1e-44, 1e30])
def test_extreme_magnitudes(g_scale):
    x, w, bias = _operands((6, 4, 4, 6), 20, 3, spread=100)
    _assert_all_equal(x, w, bias, 1, DIGITS, g_scale=g_scale)
    x, w, bias = _operands((6, 1, 1, 50), 20, 1, spread=100)
    _assert_all_equal(x * np.float32(1e-30), w * np.float32(1e-30), bias * 0, 0, DIGITS, g_scale=g_scale)


@pytest.mark.parametrize("digits", [Digits(2, 1, 2), Digits(2, 2, 2)])
def test_the_largest_integers_in_long_sums(digits):
    """Sums beyond 2^31 in every direction, of integers at their limits."""
    x_limit, w_limit, g_limit = (
        np.float32(LIMITS[d]) for d in (digits.activations, digits.weights, digits.gradients)
    )
    for shape, outputs, kernel, padding in [((2, 1, 1, 9000), 3, 1, 0), ((2, 60, 60, 2), 18, 3, 1)]:
        x, w = np.full(shape, x_limit), np.full((outputs, kernel, kernel, shape[3]), -w_limit)
        results = []
        for engine in ENGINES.values():
            y, saved = engine.forward(x, w, np.zeros(outputs, np.float32), padding, digits)
            dx, dw, db = engine.backward(saved, np.full(y.shape, g_limit), True)
            inside = (0, shape[1] // 2, shape[2] // 2, 0)
            limits = int(x_limit), int(w_limit), int(g_limit)
            assert y[inside] == np.float32(-kernel * kernel * shape[3] * limits[0] * limits[1])
            assert dx[inside] == np.float32(-kernel * kernel * outputs * limits[1] * limits[2])
            middle = kernel // 2
            assert dw[0, middle, middle, 0] == np.float32(y[..., 0].size * limits[0] * limits[2])
            results.append([a.tobytes() for a in (y, dx, dw, db)])
        assert all(result == results[0] for result in results)


@pytest.mark.parametrize("name", ENGINES)
def test_threads_change_nothing(name, monkeypatch):
    monkeypatch.setattr("mdlcodec.exact.threads.WORTH_A_THREAD", 1)
    x, w, bias = _operands((7, 9, 9, 6), 40, 3)
    before, results = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            results.append(_results(ENGINES[name], x, w, bias, 1, DIGITS))
    finally:
        torch.set_num_threads(before)
    assert results[0] == results[1] == results[2]


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_not_finite_are_errors(name, bad):
    x, w, bias = _operands((3, 4, 4, 2), 5, 3)
    engine, broken = ENGINES[name], x.copy()
    broken[2, 1, 1, 1] = bad
    with pytest.raises(InexactComputation, match="NaN or infinite"):
        engine.forward(broken, w, bias, 1, DIGITS)
    y, saved = engine.forward(x, w, bias, 1, DIGITS)
    y[0, 0, 0, 0] = bad
    with pytest.raises(InexactComputation, match="NaN or infinite"):
        engine.backward(saved, y, False)
