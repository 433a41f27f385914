"""The exact functions against torch's own in float64, and against themselves on another engine."""

import numpy as np
import pytest
import torch
from recorded import recorded
from torch.nn import functional

from mdlcodec.errors import InexactComputation
from mdlcodec.exact.activation import Dropout, Rectify
from mdlcodec.exact.device import activation as device_activation
from mdlcodec.exact.engines import ENGINES
from mdlcodec.exact.guard import Guard
from mdlcodec.exact.integers import Digits
from mdlcodec.exact.linear import Arithmetic, Convolution, Linear
from mdlcodec.exact.loss import CrossEntropy
from mdlcodec.exact.normalisation import BatchNormalisation, normalised
from mdlcodec.exact.optimisers import Adam, move_towards
from mdlcodec.exact.pooling import GlobalAverage, MaxPool
from mdlcodec.exact.random import Stream

TWO = Digits(2, 2, 2)


def _leaf(stream: Stream, *shape: int) -> torch.Tensor:
    return torch.from_numpy(stream.normals(shape)).requires_grad_()


def _close(mine, theirs, tolerance):
    for a, b in zip(mine, theirs, strict=True):
        assert float((a.detach().double() - b.detach()).abs().max()) <= tolerance * float(
            b.detach().abs().max()
        )


def _gradients(y, leaves, stream):
    g = torch.from_numpy(stream.normals(tuple(y.shape))).to(y.dtype)
    return torch.autograd.grad(y, leaves, g)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("kernel", "padding", "stride"),
    [(3, 1, 1), (5, 2, 1), (3, 0, 1), (1, 0, 1), (3, 1, 2), (1, 0, 2), (2, 3, 3)],
)
def test_convolution(engine, kernel, padding, stride):
    stream = Stream(0, 1)
    x, w, b = _leaf(stream, 4, 7, 6, 3), _leaf(stream, 5, kernel, kernel, 3), _leaf(stream, 5)
    y = recorded(Convolution, x, w, b, padding, Arithmetic(ENGINES[engine], TWO), stride)
    xd, wd, bd = (t.detach().double().requires_grad_() for t in (x, w, b))
    reference = functional.conv2d(xd.permute(0, 3, 1, 2), wd.permute(0, 3, 1, 2), bd, stride, padding)
    reference = reference.permute(0, 2, 3, 1)
    _close([y], [reference], 1e-3)
    mine = _gradients(y, [x, w, b], Stream(0, 2))
    _close(mine, _gradients(reference, [xd, wd, bd], Stream(0, 2)), 1e-3)


@pytest.mark.parametrize("engine", ENGINES)
def test_linear(engine):
    stream = Stream(0, 1)
    x, w, b = _leaf(stream, 9, 30), _leaf(stream, 4, 30), _leaf(stream, 4)
    y = recorded(Linear, x, w, b, Arithmetic(ENGINES[engine], TWO))
    xd, wd, bd = (t.detach().double().requires_grad_() for t in (x, w, b))
    reference = xd @ wd.t() + bd
    _close([y], [reference], 1e-3)
    _close(_gradients(y, [x, w, b], Stream(0, 2)), _gradients(reference, [xd, wd, bd], Stream(0, 2)), 1e-3)


def test_the_split_of_a_long_convolution_changes_nothing(monkeypatch):
    stream = Stream(0, 1)
    x, w, b = _leaf(stream, 6, 8, 8, 3), _leaf(stream, 4, 3, 3, 3), _leaf(stream, 4)

    def run():
        y = recorded(Convolution, x, w, b, 1, Arithmetic(ENGINES["float64"], TWO))
        return [t.detach().numpy().tobytes() for t in (y, *_gradients(y, [x, w, b], Stream(0, 2)))]

    whole = run()
    monkeypatch.setattr("mdlcodec.exact.engines.matrix._images_at_once", lambda rows, columns: 1)
    assert run() == whole


@pytest.mark.parametrize("engine", ENGINES)
def test_an_example_does_not_depend_on_its_batch(engine):
    stream = Stream(0, 1)
    x, w, b = _leaf(stream, 6, 8, 8, 3), _leaf(stream, 4, 3, 3, 3), _leaf(stream, 4)
    arithmetic = Arithmetic(ENGINES[engine], TWO)
    together = recorded(Convolution, x, w, b, 1, arithmetic).detach().numpy()
    alone = recorded(Convolution, x[3:4] * 1, w, b, 1, arithmetic).detach().numpy()
    assert (together[3:4] == alone).all()


def test_max_pool_gives_ties_to_the_first():
    x = torch.zeros(1, 2, 2, 1, requires_grad=True)
    (g,) = torch.autograd.grad(recorded(MaxPool, x), x, torch.ones(1, 1, 1, 1))
    assert g.flatten().tolist() == [1, 0, 0, 0]


def test_max_pool_leaves_out_odd_edges():
    x = _leaf(Stream(0, 1), 2, 5, 7, 3)
    y = recorded(MaxPool, x)
    reference = functional.max_pool2d(x.permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1)
    assert (y == reference).all()
    assert all(
        (a == b).all()
        for a, b in zip(
            _gradients(y, [x], Stream(0, 2)), _gradients(reference, [x], Stream(0, 2)), strict=True
        )
    )


def test_global_average():
    x = _leaf(Stream(0, 1), 2, 5, 7, 3)
    xd = x.detach().double().requires_grad_()
    y, reference = recorded(GlobalAverage, x), xd.mean((1, 2))
    _close([y], [reference], 1e-6)
    _close(_gradients(y, [x], Stream(0, 2)), _gradients(reference, [xd], Stream(0, 2)), 1e-6)


def test_batch_normalisation():
    stream = Stream(0, 1)
    x, gain, bias = _leaf(stream, 8, 3, 3, 5), _leaf(stream, 5), _leaf(stream, 5)
    statistics = np.zeros((2, 5), np.float32)
    y = recorded(BatchNormalisation, x, gain, bias, statistics, 1.0)
    xd, gd, bd = (t.detach().double().requires_grad_() for t in (x, gain, bias))
    reference = functional.batch_norm(xd.reshape(-1, 5), None, None, gd, bd, True).reshape(x.shape)
    _close([y], [reference], 1e-6)
    _close(
        _gradients(y, [x, gain, bias], Stream(0, 2)), _gradients(reference, [xd, gd, bd], Stream(0, 2)), 1e-5
    )
    again = normalised(x.detach().numpy(), statistics, gain.detach().numpy(), bias.detach().numpy())
    assert np.abs(again - y.detach().numpy()).max() < 1e-5


def test_a_constant_channel_is_normalised_to_its_bias():
    x = torch.full((4, 2), 3.0)
    y = recorded(
        BatchNormalisation, x, torch.ones(2), torch.full((2,), 0.5), np.zeros((2, 2), np.float32), 1.0
    )
    assert (y == 0.5).all()


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_cross_entropy(smoothing):
    scores, classes = _leaf(Stream(0, 1), 12, 5), np.arange(12) % 5
    loss = recorded(CrossEntropy, scores, classes, smoothing)
    labels = torch.from_numpy(classes)
    sd = scores.detach().double().requires_grad_()
    assert abs(float(loss.detach() - functional.cross_entropy(sd, labels).detach())) < 1e-12
    smoothed = functional.cross_entropy(sd, labels, label_smoothing=smoothing)
    _close(torch.autograd.grad(loss, scores), torch.autograd.grad(smoothed, sd), 1e-6)


def test_dropout_keeps_the_stated_share_and_repeats_its_mask():
    x = torch.ones(100, 100, requires_grad=True)
    words = Stream(0, 1).words(2500)
    y = recorded(Dropout, x, words, 49152)
    assert abs(float((y != 0).double().mean()) - 0.75) < 0.02
    assert set(y.flatten().tolist()) == {0.0, float(np.float32(4 / 3))}
    assert (torch.autograd.grad(y, x, torch.ones_like(y))[0] == y).all()


@pytest.mark.parametrize("function", [Dropout, device_activation.Dropout])
def test_a_part_of_a_batch_drops_what_the_whole_batch_would(function):
    array = torch.from_numpy if function is device_activation.Dropout else np.asarray
    x, g = Stream(0, 1).normals((7, 3, 5)), Stream(0, 2).normals((7, 3, 5))
    y, saved = function.forward(array(x), Stream(0, 3).words(27), 30000)
    (dx,) = function.backward(saved, array(g))
    stream = Stream(0, 3)
    for start, stop in ((0, 7), (0, 1), (1, 3), (3, 4), (2, 7), (6, 7)):
        first = 15 * start
        stream.seek(first // 4)
        words = stream.words((first % 4 + 15 * (stop - start) + 3) // 4)
        part, kept = function.forward(array(x[start:stop]), words, 30000, first % 4)
        assert (part == y[start:stop]).all()
        assert (function.backward(kept, array(g[start:stop]))[0] == dx[start:stop]).all()


def test_relu_gives_plus_zero():
    y = recorded(Rectify, torch.tensor([-1.0, -0.0, 0.0, 2.0]))
    assert y.tolist() == [0, 0, 0, 2]
    assert not torch.signbit(y).any()


def test_adam_follows_torch():
    start, gradients = Stream(0, 1).normals((50,)), Stream(0, 2).normals((20, 50))
    weights, leaf = start.copy(), torch.from_numpy(start.copy()).requires_grad_()
    rule, reference = Adam(weights), torch.optim.AdamW([leaf], 0.01, weight_decay=0.1)
    for g in gradients:
        rule.step(weights, g, 0.01, 0.1)
        leaf.grad = torch.from_numpy(g.copy())
        reference.step()
    assert np.abs(weights - leaf.detach().numpy()).max() < 1e-5


def test_average_moves_towards_the_weights():
    average, weights = np.zeros(3, np.float32), np.ones(3, np.float32)
    move_towards(average, weights, np.float32(0.25))
    assert average.tolist() == [0.25] * 3


def test_guard_denies_by_default():
    x = torch.ones(3)
    with Guard(), pytest.raises(InexactComputation, match="aten::exp"):
        torch.exp(x)


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        (torch.full((2, 2), 0.5, dtype=torch.float64), torch.ones(2, 2, dtype=torch.float64), "not integers"),
        (torch.ones(2, 2), torch.ones(2, 2), "float32"),
        (
            torch.full((2, 2), 2.0**30, dtype=torch.float64),
            torch.full((2, 2), 2.0**30, dtype=torch.float64),
            "2.53",
        ),
    ],
)
def test_guard_checks_products(a, b, message):
    with Guard(), pytest.raises(InexactComputation, match=message):
        torch.mm(a, b)


def test_guard_checks_digits():
    a = torch.full((32, 32), 100, dtype=torch.int8)
    with Guard(), pytest.raises(InexactComputation, match="64"):
        torch._int_mm(a, a)
