"""Layered networks: what fits them, and exact predictions against a plain reference."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from two_part_cases import CASES, network, oblong

from mdlcodec import data
from mdlcodec.errors import BadData, InexactComputation, Unsupported
from mdlcodec.exact.device.engine import DeviceEngine
from mdlcodec.exact.device.functions import arithmetic_of
from mdlcodec.exact.device.products import Int8Products
from mdlcodec.exact.engines import ENGINES
from mdlcodec.exact.guard import Guard
from mdlcodec.exact.linear import Arithmetic
from mdlcodec.nn import layered
from mdlcodec.nn.architectures import (
    ARCHITECTURES,
    architecture_named,
    check_fit,
    numbered_in,
    weights_of,
)
from mdlcodec.nn.layered import exact_outputs, outputs_memory
from mdlcodec.predictors import predictor_named
from mdlcodec.sender.float_layered import float_forward, float_outputs

LENET5, LENET300 = ARCHITECTURES["lenet5"], ARCHITECTURES["lenet-300-100"]


def _flat(weights):
    return [array for pair in weights for array in pair]


def _integers(x):
    """formats/arithmetic.md, section 2, two digits: integers and the exponent."""
    largest = np.abs(x).max(initial=0)
    if largest == 0:
        return np.zeros(x.shape, np.int64), 0
    e = min(max(13 - int(np.frexp(np.float64(largest))[1]), -120), 120)
    if np.rint(np.ldexp(np.float64(largest), e)) > 8127:
        e -= 1
    return np.rint(np.ldexp(x.astype(np.float64), e)).astype(np.int64), e


def _product(example, weight, bias):
    """Sums over windows (.., in, k, k) or vectors (in,) of int64 products, float32."""
    a, e = _integers(example)
    w, f = _integers(weight)
    if weight.ndim == 4:
        a = np.lib.stride_tricks.sliding_window_view(a, weight.shape[2:], (1, 2))  # (in, h, w, k, k)
        sums = np.tensordot(w, a, [(1, 2, 3), (0, 3, 4)])
        bias = bias[:, None, None]
    else:
        sums = w @ a.reshape(-1)
    return (np.ldexp(sums.astype(np.float64), -(e + f)) + 0.0).astype(np.float32) + bias


def reference(architecture, weights, x):
    """formats/two_part.md, "Prediction", example by example."""
    scores = []
    for example in x:
        values = example.transpose(2, 0, 1) if architecture.needs_images else example.reshape(-1)
        for layer, (weight, bias) in zip(architecture.layers, weights, strict=True):
            values = _product(values, weight, bias)
            if layer.pool:
                c, h, w = values.shape
                squares = values[:, : h // 2 * 2, : w // 2 * 2].reshape(c, h // 2, 2, w // 2, 2)
                values = squares.max((2, 4))
            if layer.relu:
                values = np.where(values > 0, values, np.float32(0))
        scores.append(values)
    return np.stack(scores)


@pytest.mark.parametrize("name", CASES)
def test_exact_outputs_are_those_of_the_specification(name):
    case = CASES[name]
    x = data.from_arrays(case.x, None).inputs.features
    found = exact_outputs(ARCHITECTURES[case.net], case.weights, x)
    assert found.dtype == np.float32
    assert found.tobytes() == reference(ARCHITECTURES[case.net], case.weights, x).tobytes()
    ordinary = float_outputs(ARCHITECTURES[case.net], case.weights, x)
    assert np.abs(found - ordinary).max() < 1e-3 * np.abs(ordinary).max()


@given(st.integers(0, 1000), st.floats(-60, 20), st.sampled_from(["lenet5", "lenet-300-100"]))
@settings(max_examples=10)
def test_any_magnitudes(seed, exponent, net):
    weights = network(net, (16, 17, 2), 3, (3, 2, 4)[: len(ARCHITECTURES[net].widths)], seed)
    factor = np.float32(2.0**exponent)
    weights = [(weight * factor, bias * factor) for weight, bias in weights]
    x = np.random.Generator(np.random.Philox(seed)).normal(size=(2, 16, 17, 2)).astype(np.float32) / factor
    found = exact_outputs(ARCHITECTURES[net], weights, x)
    assert found.tobytes() == reference(ARCHITECTURES[net], weights, x).tobytes()


def _arithmetic(engine):
    if engine == "device":
        return arithmetic_of(DeviceEngine(torch.device("cpu"), Int8Products(worth_digits=0)))
    return Arithmetic(ENGINES[engine])


@pytest.mark.parametrize("engine", ["float64", "int8", "int16", "device"])
@pytest.mark.parametrize("threads", [1, 2])
def test_the_same_whatever_computes_and_how_many_at_once(engine, threads, monkeypatch):
    case = CASES["lenet5 in colour"]
    x = data.from_arrays(case.x, None).inputs.features
    expected = exact_outputs(LENET5, case.weights, x)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        arithmetic = _arithmetic(engine)
        assert exact_outputs(LENET5, case.weights, x, arithmetic).tobytes() == expected.tobytes()
        monkeypatch.setattr(layered, "_MOST_AT_ONCE", 1)
        assert exact_outputs(LENET5, case.weights, x, arithmetic).tobytes() == expected.tobytes()
        assert exact_outputs(LENET5, case.weights, x[5:6], arithmetic).tobytes() == expected[5:6].tobytes()
    finally:
        torch.set_num_threads(before)


def test_the_guard_sees_nothing_inexact():
    case = CASES["lenet5"]
    x = data.from_arrays(case.x, None).inputs.features
    with Guard():
        found = exact_outputs(LENET5, case.weights, x, Arithmetic(ENGINES["float64"]))
        float_outputs(LENET5, case.weights, x)  # the sender's alone
    assert found.tobytes() == exact_outputs(LENET5, case.weights, x).tobytes()
    with Guard(), pytest.raises(InexactComputation):
        float_forward(LENET300, [(torch.ones(2, 3), torch.ones(2))] * 3, torch.ones(1, 3))


@pytest.mark.parametrize(
    ("net", "widths"),
    [("lenet5", (0, 3, 4)), ("lenet5", (2, 0, 4)), ("lenet5", (2, 3, 0)), ("lenet-300-100", (0, 0))],
)
def test_a_layer_without_units_leaves_the_biases(net, widths):
    architecture = ARCHITECTURES[net]
    weights = network(net, (16, 16, 1), 3, widths)
    weights = weights_of(architecture, _flat(weights))
    x = np.ones((4, 16, 16, 1), np.float32)
    found = exact_outputs(architecture, weights, x)
    assert found.shape == (4, 3)
    assert (found == found[0]).all()
    if widths[-1] == 0:
        assert (found == weights[-1][1]).all()
    assert (float_outputs(architecture, weights, x) == found).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, np.float64(1e300)])
def test_weights_that_are_not_finite(bad):
    case = CASES["lenet-300-100"]
    x = data.from_arrays(case.x, None).inputs.features
    for layer in range(3):
        weights = [(w.astype(np.float64), b.astype(np.float64)) for w, b in case.weights]
        weights[layer][0][0, 0] = bad
        with pytest.raises(InexactComputation, match="NaN or infinite"):
            exact_outputs(LENET300, weights, x)


def test_layouts():
    ours = network("lenet5", (20, 18, 3), 4, (2, 3, 5))
    theirs = [(w.transpose(2, 3, 1, 0) if w.ndim == 4 else w.T, b) for w, b in ours]
    for arrays in (_flat(ours), _flat(theirs)):
        found = weights_of(LENET5, arrays)
        assert all((a == b).all() for a, b in zip(_flat(found), _flat(ours), strict=True))
        assert np.shares_memory(found[0][0], arrays[0])
    with pytest.raises(BadData, match="layer 1"):
        weights_of(LENET5, _flat(theirs), layouts=(False,))
    # where both fit, as the file has it
    square = [np.arange(16.0).reshape(4, 4), np.zeros(4)] * 3
    assert (weights_of(LENET300, square)[0][0] == square[0]).all()
    # the biases fit both ways, the chain of shapes only one
    chain = [np.ones((7, 4)), np.zeros(4), np.ones((4, 4)), np.zeros(4), np.ones((4, 2)), np.zeros(2)]
    assert [w.shape for w, _ in weights_of(LENET300, chain)] == [(4, 7), (4, 4), (2, 4)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a: a[:-1], "has 8 tensors .* not 7"),
        (lambda a: [a[1], *a[1:]], r"layer 1 \(convolution\) should have a weight of 4 axes"),
        (lambda a: [a[0][:, :, :3], *a[1:]], "layer 1 .* has kernels of"),
        (lambda a: [*a[:3], a[3][:1], *a[4:]], r"layer 2 .* has a weight of .* and a bias of \(1,\)"),
        (
            lambda a: [*a[:2], a[2][:, :1], *a[3:]],
            "layer 2 .* takes 1 values, and the layer before it gives 2",
        ),
        (
            lambda a: [*a[:4], a[4][:, :-1], *a[5:]],
            "layer 3 .* takes 5 values, and the layer before it gives 3",
        ),
        (lambda a: [*a[:6], a[6].astype(complex), a[7]], "layer 4 .* has elements of type complex"),
    ],
)
def test_tensors_that_do_not_fit_one_another(change, message):
    arrays = _flat(network("lenet5", (20, 18, 3), 4, (2, 3, 5)))
    with pytest.raises(BadData, match=message):
        weights_of(LENET5, change(arrays))


def test_tensors_that_do_not_fit_the_inputs():
    weights = network("lenet5", (20, 18, 3), 4, (2, 3, 5))
    check_fit(LENET5, weights, (20, 18, 3), 4)
    for shape, outputs, message in [
        ((20, 18, 1), 4, "layer 1 takes 3 values, not 1"),
        ((20, 26, 3), 4, "layer 3 takes 6 values, not 18"),
        ((20, 18, 3), 5, "gives 4 outputs, and there are 5 classes"),
        ((15, 18, 3), 4, "at least 16x16 places, and these have 15x18"),
        ((1080,), 4, "needs images"),
    ]:
        with pytest.raises(BadData, match=message):
            check_fit(LENET5, weights, shape, outputs)
    with pytest.raises(BadData, match="layer 1 takes 12 values, not 13"):
        check_fit(LENET300, network("lenet-300-100", (2, 2, 3), 4, (5, 3)), (13,), 4)
    with pytest.raises(BadData, match="layer 3 takes 6 values"):
        exact_outputs(LENET5, weights, np.zeros((2, 20, 26, 3), np.float32))


def test_nominal_sizes():
    assert LENET5.shapes((28, 28, 1), 10) == [(20, 1, 5, 5), (50, 20, 5, 5), (500, 800), (10, 500)]
    assert LENET5.parameters((28, 28, 1), 10) == 431_080
    assert LENET300.parameters((28, 28, 1), 10) == LENET300.parameters((784,), 10) == 266_610
    assert LENET5.smallest_side() == 16
    assert LENET300.smallest_side() == 1
    assert LENET5.maps((20, 18, 3))[2] == (2, 1)
    few, many = (outputs_memory(LENET5, (28, 28, 1), 10, n) for n in (1, 100_000))
    assert few < many < 1 << 30


def test_names_and_numbers():
    for architecture in ARCHITECTURES.values():
        assert architecture_named(architecture.name) is architecture
        assert numbered_in(ARCHITECTURES, "two-part", architecture.number) is architecture
    with pytest.raises(BadData, match="no layered network named 'cnn'"):
        architecture_named("cnn")
    with pytest.raises(Unsupported, match="network number 2 with --code two-part"):
        numbered_in(ARCHITECTURES, "two-part", 2)
    with pytest.raises(BadData, match="lenet5 is for --code two-part"):
        predictor_named("lenet5")


def test_inputs_enter_a_linear_layer_in_their_own_order():
    x = data.from_arrays(oblong(3), None).inputs.features
    weights = network("lenet-300-100", x.shape[1:], 3, (4, 4))
    flat = exact_outputs(LENET300, weights, np.ascontiguousarray(x.reshape(3, -1)))
    assert (exact_outputs(LENET300, weights, x) == flat).all()
