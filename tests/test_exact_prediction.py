"""Exact predictions of networks that both sides hold, against a plain reference of formats/two_part.md."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from two_part_cases import CASES, network, oblong

from mdlcodec import data
from mdlcodec.errors import BadData, InexactComputation
from mdlcodec.exact.device.engine import DeviceEngine
from mdlcodec.exact.device.functions import arithmetic_of
from mdlcodec.exact.device.products import Int8Products
from mdlcodec.exact.engines import ENGINES
from mdlcodec.exact.guard import Guard
from mdlcodec.exact.linear import Arithmetic
from mdlcodec.exact.normalisation import EPSILON
from mdlcodec.exact.random import Stream
from mdlcodec.nn.exact_prediction import ExactNetwork, exact_outputs, outputs_memory
from mdlcodec.nn.nodes import Convolution, Flatten, Linear, MaxPooling, Normalisation, Rectify
from mdlcodec.nn.zoo import ARCHITECTURES, LENET5, LENET_300_100, VGG16
from mdlcodec.sender.float_network import float_forward, float_outputs


def _integers(x):
    """formats/arithmetic.md, section 2, two digits: integers and the exponent."""
    largest = np.abs(x).max(initial=0)
    if largest == 0:
        return np.zeros(x.shape, np.int64), 0
    e = min(max(13 - int(np.frexp(np.float64(largest))[1]), -120), 120)
    if np.rint(np.ldexp(np.float64(largest), e)) > 8127:
        e -= 1
    return np.rint(np.ldexp(x.astype(np.float64), e)).astype(np.int64), e


def _product(example, weight, bias, padding=0):
    """Sums over windows (.., in, k, k) or vectors (in,) of int64 products, float32."""
    a, e = _integers(example)
    w, f = _integers(weight)
    if weight.ndim == 4:
        a = np.pad(a, [(0, 0), (padding, padding), (padding, padding)])
        a = np.lib.stride_tricks.sliding_window_view(a, weight.shape[2:], (1, 2))  # (in, h, w, k, k)
        sums = np.tensordot(w, a, [(1, 2, 3), (0, 3, 4)])
        bias = bias[:, None, None]
    else:
        sums = w @ a
    return (np.ldexp(sums.astype(np.float64), -(e + f)) + 0.0).astype(np.float32) + bias


def _normalised(example, weight, bias, mean, variance):
    """Float64, rounded once."""
    weight, bias, mean, variance = (
        v.astype(np.float64).reshape(-1, *[1] * (example.ndim - 1)) for v in (weight, bias, mean, variance)
    )
    factor = weight / np.sqrt(variance + EPSILON)
    return ((example.astype(np.float64) - mean) * factor + bias).astype(np.float32)


def _value(vertex, tensors, example):
    """A vertex' value from that before it; maps are (c, h, w)."""
    node = vertex.node
    own = [tensors[name] for name in tensors if name.rpartition(".")[0] == vertex.name]
    if isinstance(node, (Convolution, Linear)):
        return _product(example, *own, getattr(node, "padding", 0))
    if isinstance(node, Normalisation):
        return _normalised(example, *own)
    if isinstance(node, MaxPooling):
        c, h, w = example.shape
        squares = example[:, : h // 2 * 2, : w // 2 * 2].reshape(c, h // 2, 2, w // 2, 2)
        return squares.max((2, 4))
    if isinstance(node, Rectify):
        return np.where(example > 0, example, np.float32(0))
    assert isinstance(node, Flatten)
    last = node.order == "hwc" and example.ndim == 3
    return (example.transpose(1, 2, 0) if last else example).reshape(-1)


def reference(architecture, weights, x):
    """formats/two_part.md, "Prediction", example by example, for a network without branches."""
    scores = []
    for example in x:
        value = example.transpose(2, 0, 1) if example.ndim == 3 else example
        for number, vertex in enumerate(architecture.graph.vertices):
            assert vertex.inputs == (number,)
            value = _value(vertex, weights, value)
        scores.append(value)
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
    weights = network(net, (16, 17, 2), 3, (3, 2, 4)[: len(ARCHITECTURES[net].layer_names) - 1], seed)
    factor = np.float32(2.0**exponent)
    weights = {name: array * factor for name, array in weights.items()}
    x = np.random.Generator(np.random.Philox(seed)).normal(size=(2, 16, 17, 2)).astype(np.float32) / factor
    found = exact_outputs(ARCHITECTURES[net], weights, x)
    assert found.tobytes() == reference(ARCHITECTURES[net], weights, x).tobytes()


def _vgg(widths, seed=0):
    """A narrow VGG16 for images of 32x32x3 and 4 classes, with running statistics as if trained."""
    graph, entering = VGG16.for_targets((32, 32, 3), 4)
    names = VGG16.layer_names
    graph = graph.fitted({f"{n}.weight": (w,) for n, w in zip(names, (*widths, 4), strict=True)})
    stream, weights = Stream(seed, 7), {}
    for name, parameter in graph.tensors(entering).items():
        spread = np.float32(1.5 / np.sqrt(max(1, np.prod(parameter.shape[1:]))))
        weights[name] = stream.normals(parameter.shape) * spread
        if name.endswith("running_var"):
            weights[name] = weights[name] ** 2 + np.float32(0.1)
    return weights


def test_normalised_networks_are_those_of_the_specification():
    weights = _vgg((3, 4, 2, 5, 3, 0, 2, 4, 3, 2, 3, 4, 5, 6))
    x = Stream(0, 1).normals((3, 32, 32, 3))
    found = exact_outputs(VGG16, weights, x)
    assert found.tobytes() == reference(VGG16, weights, x).tobytes()
    ordinary = float_outputs(VGG16, weights, x)
    assert np.abs(found - ordinary).max() < 1e-2 * np.abs(ordinary).max()


def _arithmetic(engine):
    if engine == "device":
        return arithmetic_of(DeviceEngine(torch.device("cpu"), Int8Products(worth_digits=0)))
    return Arithmetic(ENGINES[engine])


@pytest.mark.parametrize("engine", ["float64", "int8", "int16", "device"])
@pytest.mark.parametrize("threads", [1, 2])
def test_the_same_whatever_computes_and_how_many_at_once(engine, threads):
    case = CASES["lenet5 in colour"]
    x = data.from_arrays(case.x, None).inputs.features
    expected = exact_outputs(LENET5, case.weights, x)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        for at_once in (None, 1, 7):
            found = ExactNetwork(LENET5, case.weights, x.shape[1:], _arithmetic(engine), at_once)
            assert found.scores(x).tobytes() == expected.tobytes()
            assert found.scores(x[5:6]).tobytes() == expected[5:6].tobytes()
    finally:
        torch.set_num_threads(before)


def test_the_guard_sees_nothing_inexact():
    case = CASES["lenet5"]
    x = data.from_arrays(case.x, None).inputs.features
    with Guard():
        found = exact_outputs(LENET5, case.weights, x, Arithmetic(ENGINES["float64"]))
        float_outputs(LENET5, case.weights, x)  # the sender's alone
    assert found.tobytes() == exact_outputs(LENET5, case.weights, x).tobytes()
    graph = LENET_300_100.graph.for_outputs(2)
    tensors = {name: torch.ones(p.shape) for name, p in graph.tensors((3,)).items()}
    with Guard(), pytest.raises(InexactComputation):
        float_forward(graph, tensors, torch.ones(1, 3))


@pytest.mark.parametrize(
    ("net", "widths"),
    [("lenet5", (0, 3, 4)), ("lenet5", (2, 0, 4)), ("lenet5", (2, 3, 0)), ("lenet-300-100", (0, 0))],
)
def test_a_layer_without_units_leaves_the_biases(net, widths):
    architecture = ARCHITECTURES[net]
    weights = network(net, (16, 16, 1), 3, widths)
    x = np.ones((4, 16, 16, 1), np.float32)
    found = exact_outputs(architecture, weights, x)
    assert found.shape == (4, 3)
    assert (found == found[0]).all()
    if widths[-1] == 0:
        assert (found == list(weights.values())[-1]).all()
    assert (float_outputs(architecture, weights, x) == found).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, np.float64(1e300)])
def test_weights_that_are_not_finite(bad):
    case = CASES["lenet-300-100"]
    x = data.from_arrays(case.x, None).inputs.features
    for layer in ("fc1", "fc2", "fc3"):
        weights = {name: array.astype(np.float64) for name, array in case.weights.items()}
        weights[f"{layer}.weight"][0, 0] = bad
        with pytest.raises(InexactComputation, match="NaN or infinite"):
            exact_outputs(LENET_300_100, weights, x)


def test_inputs_enter_a_linear_layer_in_their_own_order():
    x = data.from_arrays(oblong(3), None).inputs.features
    weights = network("lenet-300-100", x.shape[1:], 3, (4, 4))
    flat = exact_outputs(LENET_300_100, weights, np.ascontiguousarray(x.reshape(3, -1)))
    assert (exact_outputs(LENET_300_100, weights, x) == flat).all()


def test_values_are_shown_to_who_records_them():
    case, seen = CASES["lenet5"], {}
    x = data.from_arrays(case.x, None).inputs.features
    network = ExactNetwork(LENET5, case.weights, x.shape[1:])
    scores = network.scores(x, lambda name, value: seen.setdefault(name, value.copy()))
    assert scores.tobytes() == network.scores(x).tobytes() == seen["fc2"].tobytes()
    assert list(seen) == [vertex.name for vertex in LENET5.graph.vertices]
    assert seen["conv1"].shape == (60, 12, 12, 3)  # channels last


def test_weights_that_do_not_fit_the_inputs():
    weights = network("lenet5", (20, 18, 3), 4, (2, 3, 5))
    with pytest.raises(BadData, match="fc1 takes 6 values, not 18"):
        exact_outputs(LENET5, weights, np.zeros((2, 20, 26, 3), np.float32))


def test_memory_is_stated():
    few, many = (outputs_memory(LENET5, (28, 28, 1), 10, n) for n in (1, 100_000))
    assert few < many < 1 << 30
    with pytest.raises(BadData, match="at least 16x16"):
        outputs_memory(LENET5, (15, 28, 1), 10, 1)
