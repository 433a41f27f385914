"""A device computes the bits that the CPU's functions compute: here torch's CPU, and a GPU where there is one."""

import itertools

import numpy as np
import pytest
import torch
from label_sets import CASES

import mdlcodec
from mdlcodec.errors import BadData, InexactComputation
from mdlcodec.exact import activation, choice, loss, normalisation, optimisers, pooling
from mdlcodec.exact.device.activation import Dropout, Rectify
from mdlcodec.exact.device.elementary import quotient, reciprocal, square_root
from mdlcodec.exact.device.engine import DeviceEngine
from mdlcodec.exact.device.functions import arithmetic_of
from mdlcodec.exact.device.normalisation import BatchNormalisation, normalised
from mdlcodec.exact.device.optimisers import Adam
from mdlcodec.exact.device.pooling import GlobalAverage, MaxPool
from mdlcodec.exact.device.products import Float64Products, Int8Products
from mdlcodec.exact.engines import ENGINES
from mdlcodec.exact.engines.self_test import problem_of
from mdlcodec.exact.guard import Guard
from mdlcodec.exact.integers import DIGITS, Digits
from mdlcodec.exact.linear import Arithmetic
from mdlcodec.exact.random import Stream
from mdlcodec.nn import nodes
from mdlcodec.nn.exact_training import Network
from mdlcodec.nn.graph import sequence
from mdlcodec.predictors import predictor_named

GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU is at hand")
DEVICES = ["cpu", pytest.param("cuda", marks=GPU)]
PRODUCTS = {"float64": Float64Products(), "int8": Int8Products(worth_digits=0), "both": Int8Products()}


@pytest.fixture(params=DEVICES)
def device(request):
    return torch.device(request.param)


@pytest.fixture(params=PRODUCTS)
def engine(request, device):
    return DeviceEngine(device, PRODUCTS[request.param])


def _same(found, expected):
    """Bits alike, the sign of zero too."""
    for tensor, array in zip(found, expected, strict=True):
        assert (tensor is None) == (array is None)
        if tensor is not None:
            assert tensor.dtype == torch.from_numpy(np.asarray(array)).dtype
            assert tuple(tensor.shape) == array.shape
            assert tensor.cpu().numpy().tobytes() == array.tobytes()


def _values(shape, key=1, spread=20):
    """Normal numbers of many magnitudes, zeros of both signs, and ties."""
    stream = Stream(0, key)
    x = stream.normals(shape) * np.exp2(stream.below(2 * spread + 1, int(np.prod(shape))) - spread).reshape(
        shape
    ).astype(np.float32)
    flat = x.reshape(-1)
    flat[::7], flat[3::11] = 0.0, -0.0
    flat[5::13] = 1.0
    return x.astype(np.float32)


def _compare(function, reference, device, *arrays, options=()):
    """Values and gradients of both."""
    y, saved = function.forward(*(torch.from_numpy(a).to(device) for a in arrays), *options)
    expected, kept = reference.forward(*arrays, *options)
    _same([y], [expected])
    g = _values(expected.shape, key=2, spread=5)
    _same(function.backward(saved, torch.from_numpy(g).to(device)), reference.backward(kept, g))


@pytest.mark.parametrize("shape", [(3, 5, 7, 2), (4, 2, 2, 3), (2, 1, 9, 1), (1, 8, 8, 5)])
def test_functions_of_images(shape, device):
    x = _values(shape)
    x[0, 0, 0, 0] = np.float32(1e-42)  # below the normal numbers
    _compare(Rectify, activation.Rectify, device, x)
    _compare(MaxPool, pooling.MaxPool, device, x)
    _compare(GlobalAverage, pooling.GlobalAverage, device, x)
    words = Stream(0, 3).words((x.size + 3) // 4)
    for keep in (1, 30000, 49152, 65535):
        _compare(Dropout, activation.Dropout, device, x, options=(words, keep))


def test_what_is_no_number_takes_the_same_way(device):
    x = np.array([[np.nan, 1.0, -0.0, np.inf], [2.0, np.nan, -np.inf, 0.0]], np.float32).reshape(1, 2, 4, 1)
    _compare(Rectify, activation.Rectify, device, x)
    _compare(MaxPool, pooling.MaxPool, device, x)


@pytest.mark.parametrize("shape", [(3, 5, 7, 2), (64, 6), (1, 3), (2, 3, 3, 40), (500, 1)])
@pytest.mark.parametrize("spread", [0, 30])
def test_normalisation(shape, spread, device):
    channels = shape[-1]
    x, gain, bias = _values(shape, 4, spread), _values((channels,), 5, 2), _values((channels,), 6, 2)
    gain[0] = 1.5
    statistics = [Stream(0, 7).normals((2, channels)) ** 2 for _ in range(2)]
    there = torch.from_numpy(statistics[1]).to(device)
    tensors = [torch.from_numpy(array).to(device) for array in (x, gain, bias)]
    y, saved = BatchNormalisation.forward(*tensors, there, 0.1)
    expected, kept = normalisation.BatchNormalisation.forward(x, gain, bias, statistics[0], 0.1)
    _same([y, there], [expected, statistics[0]])
    g = _values(shape, 8, 10)
    gradients = BatchNormalisation.backward(saved, torch.from_numpy(g).to(device))
    _same(gradients, normalisation.BatchNormalisation.backward(kept, g))
    expected = normalisation.normalised(x, statistics[0], gain, bias)
    _same([normalised(tensors[0], there, *tensors[1:])], [expected])


def test_roots_and_quotients(device):
    x = np.abs(_values((20000,), 9, 120)).astype(np.float64) * (1.0 + 2.0**-40)
    there = torch.from_numpy(x).to(device)
    found = square_root(there), quotient(there, 49.0), reciprocal(there + 1e-5)
    _same(found, (np.sqrt(x), x / 49.0, 1.0 / (x + 1e-5)))


def test_optimisers(device):
    weights, rates = _values((4001,), 1, 3), [1e-3, 0.02, 3e-4]
    there, average = torch.from_numpy(weights.copy()).to(device), weights * np.float32(0.5)
    average_there = torch.from_numpy(average.copy()).to(device)
    rule, rule_there = optimisers.Adam(weights, beta2=0.99), Adam(there, beta2=0.99)
    assert isinstance(optimisers.adam_for(there, 0.99), Adam)
    for step in range(12):
        g, rate = _values((4001,), 20 + step, 12), rates[step % 3]
        rule.step(weights, g, rate, 0.01)
        rule_there.step(there, torch.from_numpy(g).to(device), rate, 0.01)
        optimisers.move_towards(average, weights, np.float32(0.3))
        optimisers.move_towards(average_there, there, np.float32(0.3))
        _same([there, average_there], [weights, average])


# (N, H, W, C), outputs, kernel, padding
SHAPES = [
    ((3, 5, 6, 4), 7, 3, 1),
    ((129, 1, 1, 84), 33, 1, 0),
    ((2, 4, 4, 5), 40, 3, 0),
    ((1, 1, 1, 1), 1, 1, 0),
    ((2, 6, 5, 8), 24, 5, 2),
    ((2, 9, 9, 2), 3, 2, 1),
    ((2, 1, 1, 8), 9, 3, 1),
    ((64, 14, 14, 16), 16, 3, 1),
]


def _both(engine, x, w, bias, padding, digits, g_scale):
    reference = ENGINES["int16"]
    y, saved = engine.forward(*(engine.array(a) for a in (x, w, bias)), padding, digits)
    expected, kept = reference.forward(x, w, bias, padding, digits)
    _same([y], [expected])
    g = _values(expected.shape, 5, 8) * np.float32(g_scale)
    for input_gradient in (True, False):
        found = engine.backward(saved, engine.array(g), input_gradient)
        _same(found, reference.backward(kept, g, input_gradient))
    engine.read(y)  # what went in was finite


@pytest.mark.parametrize(("shape", "outputs", "kernel", "padding"), SHAPES)
def test_products(shape, outputs, kernel, padding, engine):
    x, w = _values(shape, 1, 8), _values((outputs, kernel, kernel, shape[3]), 2, 4)
    x = x * np.exp2(np.arange(shape[0]) % 9 * 12 - 48).astype(np.float32)[:, None, None, None]
    if shape[0] > 2:
        x[1] = 0
    bias = _values((outputs,), 3)
    for digits in itertools.product((1, 2), repeat=3) if shape[0] < 64 else [(2, 1, 2)]:
        _both(engine, x, w, bias, padding, Digits(*digits), 1.0)


@pytest.mark.parametrize("g_scale", [0.0, 1e-38, 1e-44, 1e25])
def test_extreme_magnitudes(g_scale, engine):
    x, w = _values((6, 4, 4, 6), 1, 90), _values((20, 3, 3, 6), 2, 20)
    _both(engine, x, w, _values((20,), 3), 1, DIGITS, g_scale)
    _both(engine, x * np.float32(1e-30), w * np.float32(1e-30), _values((20,), 3), 1, DIGITS, g_scale)


def test_the_splits_of_work_change_nothing(engine, monkeypatch):
    monkeypatch.setattr("mdlcodec.exact.device.engine._AT_ONCE", 1000)
    monkeypatch.setattr("mdlcodec.exact.device.products._LONGEST_SUM", 24)
    _both(engine, _values((5, 6, 6, 3), 1, 4), _values((4, 3, 3, 3), 2, 4), _values((4,), 3), 1, DIGITS, 1.0)


def test_the_self_test_passes(engine):
    assert problem_of(engine) is None


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_not_finite_are_errors_once_something_is_read(bad, engine):
    x, w, bias = _values((3, 4, 4, 2)), _values((5, 3, 3, 2)), _values((5,))
    x[2, 1, 1, 1] = bad
    y, _ = engine.forward(*(engine.array(a) for a in (x, w, bias)), 1, DIGITS)
    with pytest.raises(InexactComputation, match="NaN or infinite"):
        engine.read(y)
    engine.read(y)  # reported once


GRAPH = sequence(
    nodes.Fold(),
    nodes.Convolution(6, padding=1),
    nodes.Normalisation(),
    nodes.Rectify(),
    nodes.MaxPooling(),
    nodes.Convolution(4, kernel=5, padding=2),
    nodes.Rectify(),
    nodes.Dropout(60000),
    nodes.AveragePooling(),
    nodes.Linear(3),
)


def _trained(arithmetic):
    network = Network(GRAPH, (1, 8, 8), arithmetic, Stream(1, 1), Stream(1, 2))
    x, classes, seen = Stream(1, 3).normals((20, 8, 8, 1)), np.arange(20) % 3, []
    rule = optimisers.adam_for(network.trained, 0.999)
    for _ in range(6):
        value, gradient, true = network.gradient(x, classes, 0.1)
        seen += [np.float64(value).tobytes(), arithmetic.functions.read(gradient).tobytes(), true.tobytes()]
        rule.step(network.trained, gradient, 0.01, 0.05)
    return [*seen, network.state.tobytes(), network.predict(x, network.vector).tobytes()]


def test_networks(engine):
    assert _trained(arithmetic_of(engine)) == _trained(Arithmetic(ENGINES["int16"]))


def test_the_cross_entropy_is_the_same(engine):
    scores, classes = _values((9, 4), 1, 3), np.arange(9) % 4
    functions = arithmetic_of(engine).functions
    value, saved = functions.cross_entropy.forward(engine.array(scores), classes, 0.1)
    expected, kept = loss.CrossEntropy.forward(scores, classes, 0.1)
    assert value == expected
    _same(functions.cross_entropy.backward(saved), loss.CrossEntropy.backward(kept))


@pytest.mark.parametrize("name", ["mlp", "cnn"])
def test_a_file_of_one_device_decodes_on_another(name, device):
    x, y, net = CASES[name][:3]
    x, y = x[:30], y[:30]
    on_cpu = mdlcodec.encode(x, y, net=net, preset=1, device="cpu")
    with choice.computing_with(arithmetic_of(DeviceEngine(device, Int8Products(worth_digits=1 << 14)))):
        there = mdlcodec.encode(x, y, net=net, preset=1)
        assert there == on_cpu
        assert np.array_equal(mdlcodec.decode(on_cpu, x), y)
        predictor = predictor_named(net).load().start(mdlcodec.data.from_arrays(x, y).inputs, 3, 1, 0)
        assert all(isinstance(array, np.ndarray) for array in predictor.states().values())
    assert np.array_equal(mdlcodec.decode(there, x, device="cpu"), y)


def test_selective_recipes_and_shifted_images(device):
    x, y = (array[:12] for array in CASES["cnn large, selective"][:2])
    on_cpu = mdlcodec.encode(x, y, net="cnn", preset=4, device="cpu")
    with choice.computing_with(arithmetic_of(DeviceEngine(device, Int8Products()))):
        assert mdlcodec.encode(x, y, net="cnn", preset=4) == on_cpu


def test_large_images_in_colour(device):
    x, y = (array[:12] for array in CASES["large images in colour"][:2])
    on_cpu = mdlcodec.encode(x, y, net="cnn", preset=4, device="cpu")
    with choice.computing_with(arithmetic_of(DeviceEngine(device, Int8Products()))):
        assert mdlcodec.encode(x, y, net="cnn", preset=4) == on_cpu


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode, lambda: torch.device("meta")])
def test_the_callers_mode_of_torch_changes_nothing(mode, device):
    plain = _trained(Arithmetic(ENGINES["int16"]))
    with mode():
        assert _trained(arithmetic_of(DeviceEngine(device, Int8Products(0)))) == plain


@pytest.mark.parametrize("worth", [0, 1 << 62])
def test_the_guard_sees_nothing_inexact(worth, device):
    plain = _trained(Arithmetic(ENGINES["int16"]))
    arithmetic = arithmetic_of(DeviceEngine(device, Int8Products(worth)))
    with Guard():
        assert _trained(arithmetic) == plain


ONES = torch.ones(2, dtype=torch.float64)


@pytest.mark.parametrize(
    ("operation", "message"),
    [
        (lambda: torch.add(ONES, ONES, alpha=3), "aten::add with a factor"),
        (lambda: ONES / 3.0, "aten::div by a number"),
        (lambda: ONES.half() * ONES.half(), "aten::mul of torch.float16"),
        (lambda: (ONES * 0.5).sum(), "not float64 integers"),
        (lambda: (ONES * 2.0**52).sum(), "may reach 2.53"),
        (lambda: ONES.float().sum(), "not float64 integers"),
        (lambda: ONES.sqrt(), "aten::sqrt has no exact definition"),
        (lambda: ONES.amax(), "aten::amax has no exact definition"),
        (lambda: ONES.mean(), "aten::mean has no exact definition"),
    ],
)
def test_the_guard_denies_what_a_device_may_compute_otherwise(operation, message):
    with Guard(), pytest.raises(InexactComputation, match=message):
        operation()


def test_the_names_of_engines():
    assert choice.ENGINE_NAMES == (*ENGINES, "cuda")


@pytest.mark.parametrize(
    ("given", "forced", "message"),
    [
        ("gpu", None, "no device named 'gpu'; choose one of auto, cpu, cuda, cuda:N"),
        ("cuda:99", None, "cannot compute on cuda:99: torch finds "),
        ("cpu", "cuda", "the device cpu contradicts MDLCODEC_ENGINE=cuda"),
        ("cuda", "int16", "the device cuda contradicts MDLCODEC_ENGINE=int16"),
        ("auto", "mkl", "no engine named 'mkl'; choose one of int16, int8, float64, cuda"),
    ],
)
def test_devices_that_cannot_be_chosen(given, forced, message, monkeypatch):
    if forced is None:
        monkeypatch.delenv("MDLCODEC_ENGINE", raising=False)
    else:
        monkeypatch.setenv("MDLCODEC_ENGINE", forced)
    with pytest.raises(BadData, match=message) as raised:
        mdlcodec.encode([[1.0], [2.0]], [0, 1], device=given)
    assert "\n" not in str(raised.value)
    blob_of_one = mdlcodec.encode([[1.0]], [0], device="cpu") if forced is None else None
    if blob_of_one is not None:
        with pytest.raises(BadData, match=message):
            mdlcodec.decode(blob_of_one, [[1.0]], device=given)


def test_without_a_gpu_there_is_one_line(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.delenv("MDLCODEC_ENGINE", raising=False)
    with pytest.raises(BadData, match="torch finds no CUDA device here; the CPU computes the same bytes"):
        mdlcodec.encode([[1.0], [2.0]], [0, 1], device="cuda")
    with choice.computing_on("auto"):
        assert choice.chosen_arithmetic().functions.read is not None
    monkeypatch.setenv("MDLCODEC_ENGINE", "cuda")
    with pytest.raises(BadData, match="torch finds no CUDA device"), choice.computing_on("auto"):
        pass


@GPU
def test_a_gpu_is_chosen_and_named(monkeypatch):
    monkeypatch.delenv("MDLCODEC_ENGINE", raising=False)
    with choice.computing_on("cuda"):
        assert choice.description().startswith("engine cuda (int8), device ")
    monkeypatch.setenv("MDLCODEC_ENGINE", "cuda")
    assert choice.chosen_arithmetic().engine.name == "cuda"
    x, y, net = CASES["cnn"][:3]
    blob = mdlcodec.encode(x, y, net=net, preset=1, device="cuda")
    monkeypatch.delenv("MDLCODEC_ENGINE")
    assert blob == mdlcodec.encode(x, y, net=net, preset=1, device="cpu")
