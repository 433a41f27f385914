"""Every engine computes the same bits: shapes, digits, magnitudes, threads, extreme integers, long sums."""

import itertools

import numpy as np
import pytest
import torch

from mdlcodec.errors import InexactComputation
from mdlcodec.exact.device.engine import DeviceEngine
from mdlcodec.exact.device.products import Float64Products, Int8Products
from mdlcodec.exact.engines import ENGINES
from mdlcodec.exact.integers import BITS, DIGITS, LIMITS, Digits

# a device's engine beside those of the CPU; each is made anew, since a device's remembers what was not finite
ALL = {
    **{name: lambda name=name: ENGINES[name] for name in ENGINES},
    "device float64": lambda: DeviceEngine(torch.device("cpu"), Float64Products()),
    "device int8": lambda: DeviceEngine(torch.device("cpu"), Int8Products(worth_digits=0)),
}
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


def _block(x, digits):
    """Integers and exponent of a block, in Python's own terms."""
    largest = float(np.abs(x).max(initial=0.0))
    if largest == 0:
        return np.zeros(x.shape, np.int64), 0
    e = BITS[digits] - int(np.frexp(largest)[1])
    if np.rint(np.ldexp(largest, e)) > LIMITS[digits]:
        e -= 1
    return np.rint(np.ldexp(x.astype(np.float64), e)).astype(np.int64), e


def _naive(x, w, bias, padding, stride, digits, g_of):
    """formats/arithmetic.md, section 2, one output after another."""
    blocks = [_block(example, digits.activations) for example in x]
    xq, e = np.stack([q for q, _ in blocks]), np.array([e for _, e in blocks])[:, None, None, None]
    wq, shared = _block(w, digits.weights)
    around = np.pad(xq, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    (n, height, width, _), kernel = around.shape, w.shape[1]
    rows, columns = range(0, height - kernel + 1, stride), range(0, width - kernel + 1, stride)
    sums = np.zeros((n, len(rows), len(columns), len(w)), np.int64)
    for i, r in enumerate(rows):
        for j, c in enumerate(columns):
            sums[:, i, j] = np.einsum("nyzc,oyzc->no", around[:, r : r + kernel, c : c + kernel], wq)
    y = np.ldexp(sums.astype(np.float64), -(e + shared)).astype(np.float32) + bias
    g = g_of(y.shape)
    gq, own = _block(g, digits.gradients)
    hq, weighted = _block(np.ldexp(g.astype(np.float64), -e), digits.gradients)
    dx, dw = np.zeros(around.shape, np.int64), np.zeros(w.shape, np.int64)
    for i, r in enumerate(rows):
        for j, c in enumerate(columns):
            window = np.s_[:, r : r + kernel, c : c + kernel]
            dx[window] += np.einsum("no,oyzc->nyzc", gq[:, i, j], wq)
            dw += np.einsum("no,nyzc->oyzc", hq[:, i, j], around[window])
    inside = slice(padding, height - padding), slice(padding, width - padding)
    results = (
        y,
        np.ldexp(dx[:, inside[0], inside[1]].astype(np.float64), -(own + shared)),
        np.ldexp(dw, -weighted),
    )
    return [(a + 0.0).astype(np.float32) if i else a for i, a in enumerate(results)], g


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize(
    ("shape", "outputs", "kernel", "padding", "stride"),
    [
        ((3, 7, 8, 4), 7, 3, 1, 2),
        ((2, 8, 8, 3), 18, 3, 1, 2),
        ((2, 9, 7, 5), 4, 1, 0, 2),
        ((3, 8, 6, 8), 40, 2, 0, 2),
        ((2, 11, 10, 3), 6, 5, 2, 3),
        ((2, 10, 9, 2), 3, 2, 0, 3),
        ((2, 12, 12, 3), 16, 7, 3, 2),
        ((2, 9, 9, 4), 5, 4, 0, 4),
        ((2, 5, 4, 3), 4, 1, 2, 1),
        ((2, 5, 4, 3), 4, 3, 4, 1),
        ((2, 5, 6, 3), 17, 3, 3, 2),
        ((2, 3, 3, 2), 3, 2, 5, 3),
        ((3, 2, 2, 9), 6, 1, 0, 2),
        ((3, 2, 2, 9), 6, 2, 0, 5),
        ((2, 1, 1, 40), 6, 1, 1, 2),
        ((1, 33, 6, 2), 3, 3, 1, 2),
    ],
)
def test_any_stride_and_padding(name, shape, outputs, kernel, padding, stride):
    x, w, bias = _operands(shape, outputs, kernel, spread=5)
    engine = ALL[name]()
    array = getattr(engine, "array", np.asarray)

    def gradient(shape):
        return np.random.default_rng(9).normal(size=shape).astype(np.float32)

    for digits in (Digits(2, 1, 2), Digits(2, 2, 2), Digits(1, 1, 1)):
        expected, g = _naive(x, w, bias, padding, stride, digits, gradient)
        y, saved = engine.forward(array(x), array(w), array(bias), padding, digits, stride)
        found = y, *engine.backward(saved, array(g), True)
        for mine, true in zip(found, expected, strict=False):
            assert tuple(mine.shape) == true.shape
            assert np.asarray(mine).tobytes() == true.tobytes()
        assert (np.asarray(engine.backward(saved, array(g), False)[1]) == expected[2]).all()


@pytest.mark.parametrize("name", ALL)
def test_a_stride_keeps_every_so_manieth_place(name):
    x, w, bias = _operands((3, 9, 8, 6), 20, 3)
    engine = ALL[name]()
    array = getattr(engine, "array", np.asarray)
    whole, _ = engine.forward(array(x), array(w), array(bias), 1, DIGITS)
    y, _ = engine.forward(array(x), array(w), array(bias), 1, DIGITS, 2)
    assert np.asarray(y).tobytes() == np.ascontiguousarray(np.asarray(whole)[:, ::2, ::2]).tobytes()


def test_strides_in_parts(monkeypatch):
    """Threads, and images that are gathered one by one."""
    x, w, bias = _operands((7, 9, 9, 6), 40, 3)

    def results():
        seen = []
        for make in ALL.values():
            engine = make()
            array = getattr(engine, "array", np.asarray)
            y, saved = engine.forward(array(x), array(w), array(bias), 1, DIGITS, 2)
            seen.append([np.asarray(a).tobytes() for a in (y, *engine.backward(saved, y, True))])
        assert all(each == seen[0] for each in seen)
        return seen[0]

    whole = results()
    monkeypatch.setattr("mdlcodec.exact.threads.WORTH_A_THREAD", 1)
    monkeypatch.setattr("mdlcodec.exact.engines.matrix._images_at_once", lambda rows, columns: 2)
    monkeypatch.setattr("mdlcodec.exact.device.engine._AT_ONCE", 3000)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        assert results() == whole
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("name", ALL)
def test_a_kernel_that_does_not_fit(name):
    x, w, bias = _operands((2, 3, 3, 2), 3, 5)
    engine = ALL[name]()
    array = getattr(engine, "array", np.asarray)
    with pytest.raises(ValueError, match="a kernel of 5 does not fit 3 places with padding 0"):
        engine.forward(array(x), array(w), array(bias), 0, DIGITS, 2)


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
