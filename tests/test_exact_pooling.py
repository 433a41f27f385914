"""Pooling, subsampling, addition, tanh, GELU: against plain numpy, and a device's against the CPU's, to the bit."""

import math

import numpy as np
import pytest
import torch

from mdlcodec.exact import activation, elementary, gelu, pooling
from mdlcodec.exact.device import activation as device_activation
from mdlcodec.exact.device import pooling as device_pooling
from mdlcodec.exact.device.elementary import tanh as device_tanh
from mdlcodec.exact.function import Function
from mdlcodec.exact.functions import ON_CPU
from mdlcodec.exact.guard import Guard
from mdlcodec.exact.random import Stream

WINDOWS = [(2, 2), (3, 2), (3, 1), (2, 1), (1, 1), (1, 2), (3, 3), (2, 3), (5, 2), (4, 4), (9, 1)]
SHAPES = [(2, 9, 11, 3), (3, 5, 5, 1), (1, 2, 7, 4)]


def _values(shape, key=1):
    """Many magnitudes, ties, zeros of both signs."""
    x = Stream(0, key).normals(shape) * np.exp2(Stream(1, key).below(11, int(np.prod(shape))) - 5).reshape(
        shape
    )
    flat = x.reshape(-1)
    flat[::5], flat[1::7], flat[2::9] = 0.0, -0.0, 1.0
    return x.astype(np.float32)


def _same(a, b):
    a, b = np.asarray(a), np.asarray(b)
    assert a.dtype == b.dtype == np.float32
    assert a.shape == b.shape
    assert a.tobytes() == b.tobytes()


def _both(function, there, *arrays, options=()):
    """(value, gradients) of the CPU's, once a device's are the same under the guard."""
    y, saved = function.forward(*arrays, *options)
    g = _values(y.shape, 2)
    gradients = function.backward(saved, g)
    with Guard():
        z, kept = there.forward(*(torch.from_numpy(a) for a in arrays), *options)
        others = there.backward(kept, torch.from_numpy(g))
    _same(z, y)
    for mine, other in zip(gradients, others, strict=True):
        _same(other, mine)
    return y, g, gradients


def _windows(shape, kernel, stride):
    for h in range((shape[1] - kernel) // stride + 1):
        for w in range((shape[2] - kernel) // stride + 1):
            yield h, w, np.s_[:, stride * h : stride * h + kernel, stride * w : stride * w + kernel]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("kernel", "stride"), WINDOWS)
def test_max_pool(shape, kernel, stride):
    x = _values(shape)
    y, g, (dx,) = _both(pooling.MaxPool, device_pooling.MaxPool, x, options=(kernel, stride))
    expected, total = np.zeros_like(y), np.zeros(shape)
    for h, w, window in _windows(shape, kernel, stride):
        places = x[window].reshape(shape[0], kernel * kernel, shape[3])
        winner = places.argmax(1)  # the first of equals; zeros of both signs are equal
        for n in range(shape[0]):
            for c in range(shape[3]):
                row, column = divmod(int(winner[n, c]), kernel)
                expected[n, h, w, c] = places[n, winner[n, c], c]
                at = n, stride * h + row, stride * w + column, c
                total[at] = g[n, h, w, c] if stride >= kernel else total[at] + np.float64(g[n, h, w, c])
    _same(y, expected)
    _same(dx, total.astype(np.float32))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("kernel", "stride"), WINDOWS)
def test_average_pool(shape, kernel, stride):
    x = _values(shape)
    y, g, (dx,) = _both(pooling.AveragePool, device_pooling.AveragePool, x, options=(kernel, stride))
    expected, total = np.zeros_like(y), np.zeros(shape)
    for h, w, window in _windows(shape, kernel, stride):
        places, added = x[window].reshape(shape[0], kernel * kernel, shape[3]), np.zeros((shape[0], shape[3]))
        for place in range(kernel * kernel):
            added = added + places[:, place].astype(np.float64)
        expected[:, h, w] = (added / (kernel * kernel)).astype(np.float32)
        slope = g[:, h, w].astype(np.float64)[:, None, None, :]
        total[window] = slope if stride >= kernel else total[window] + slope
    _same(y, expected)
    _same(dx, (total / (kernel * kernel)).astype(np.float32))


def test_two_by_two_in_either_way():
    """The kernels of any window, asked for 2x2 with stride 2, agree with those made for it."""
    x = _values((3, 7, 8, 5))
    y, (winner, *_) = pooling.MaxPool.forward(x)
    again, place = np.empty_like(y), np.empty(y.shape, np.int32)
    pooling._max_of_windows(x, 2, 2, again, place)
    _same(again, y)
    assert (place == winner).all()


def test_the_global_average_is_the_window_of_the_whole_map():
    x = _values((3, 5, 5, 4))
    y, _, (dx,) = _both(pooling.GlobalAverage, device_pooling.GlobalAverage, x)
    whole, saved = pooling.AveragePool.forward(x, 5, 5)
    _same(whole[:, 0, 0], y)
    _same(pooling.AveragePool.backward(saved, _values(y.shape, 2)[:, None, None, :])[0], dx)


@pytest.mark.parametrize(("stride", "before", "after"), [(2, 1, 1), (2, 4, 3), (1, 0, 2), (3, 0, 0)])
@pytest.mark.parametrize("shape", SHAPES)
def test_subsampling(shape, stride, before, after):
    x = _values(shape)
    options = stride, before, after
    y, g, (dx,) = _both(pooling.Subsample, device_pooling.Subsample, x, options=options)
    _same(y, np.pad(x[:, ::stride, ::stride], ((0, 0), (0, 0), (0, 0), (before, after))))
    expected = np.zeros_like(x)
    expected[:, ::stride, ::stride] = g[..., before : before + shape[3]]
    _same(dx, expected)


def test_addition():
    a, b = _values((4, 3, 5)), _values((4, 3, 5), 3)
    a[0, 0], b[0, 0] = [-0.0, 0.0, -0.0, 1.0, 3e38], [-0.0, -0.0, 0.0, -1.0, 1e38]
    y, g, gradients = _both(activation.Add, device_activation.Add, a, b)
    with np.errstate(over="ignore"):
        _same(y, a + b)
    assert np.signbit(y[0, 0]).tolist() == [True, False, False, False, False]
    assert all(gradient is g for gradient in gradients)


def test_gelu():
    limits = np.array([4, -4, np.nextafter(np.float32(4), 0), np.nextafter(np.float32(-4), 0)], np.float32)
    x = np.concatenate(
        [
            _values((3000,)),
            np.linspace(-6, 6, 5001, dtype=np.float32),
            limits,
            np.array([0.0, -0.0], np.float32),
        ]
    )
    y, g, (dx,) = _both(gelu.Gelu, device_activation.Gelu, x)
    wide = x.astype(np.float64)
    phi = np.array([0.5 * (1 + math.erf(v / math.sqrt(2))) for v in wide])
    near = np.abs(wide) < 8
    assert np.abs(y - wide * phi)[near].max() < 3e-4
    slope = phi + wide * np.exp(-wide * wide / 2) / math.sqrt(2 * math.pi)
    assert np.abs(dx - g * slope)[near & (g == 1)].max() < 1.3e-2
    assert np.abs(y[x > 4] / x[x > 4] - 1).max() < 2e-6
    assert np.abs(y[x < -4]).max() < 1e-5 * np.abs(x).max()
    assert np.isnan(gelu.Gelu.forward(np.array([np.nan], np.float32))[0][0])
    assert torch.isnan(device_activation.Gelu.forward(torch.tensor([np.nan]))[0]).all()


@pytest.mark.parametrize("shape", SHAPES)
def test_global_maximum(shape):
    x = _values(shape)
    y, g, (dx,) = _both(pooling.GlobalMaximum, device_pooling.GlobalMaximum, x)
    places = x.reshape(shape[0], -1, shape[3])
    first = places.argmax(1)
    _same(y, np.take_along_axis(places, first[:, None], 1)[:, 0])
    expected = np.zeros_like(places)
    np.put_along_axis(expected, first[:, None], g[:, None], 1)
    _same(dx, expected.reshape(shape))


def test_tanh():
    x = np.concatenate(
        [
            _values((3000,)),
            np.linspace(-21, 21, 5001, dtype=np.float32),
            np.array([0.0, -0.0, 0.17, -0.17, 20, -20, 20.000002, 1e-42, np.inf, -np.inf, 3e38], np.float32),
        ]
    )
    y, g, (dz,) = _both(activation.Tanh, device_activation.Tanh, x)
    wide = np.array([elementary.tanh(v) for v in x.astype(np.float64)])
    assert np.array_equal(wide, device_tanh(torch.from_numpy(x.astype(np.float64))).numpy())
    _same(y, wide.astype(np.float32))
    rounded = y.astype(np.float64)
    _same(dz, (g.astype(np.float64) * (1.0 - rounded * rounded)).astype(np.float32))
    assert np.abs(y - np.tanh(x.astype(np.float64))).max() < 1e-7
    assert np.isnan(activation.Tanh.forward(np.array([np.nan], np.float32))[0][0])
    assert torch.isnan(device_activation.Tanh.forward(torch.tensor([np.nan]))[0]).all()


def test_all_are_functions_of_networks():
    for name in ("tanh", "add", "max_pool", "average_pool", "global_average", "subsample"):
        assert issubclass(getattr(ON_CPU, name), Function)
