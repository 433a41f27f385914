"""Convolutions of each channel by itself: exact, in graphs whose units leave, in files, and MobileNet."""

import numpy as np
import pytest
from label_sets import images

import mdlcodec
from mdlcodec.exact.depthwise import DepthwiseConvolution as Product
from mdlcodec.exact.engines import ENGINES
from mdlcodec.exact.integers import DIGITS, INPUT_DIGITS
from mdlcodec.exact.linear import Arithmetic, Convolution
from mdlcodec.exact.random import Stream
from mdlcodec.nn import nodes, zoo
from mdlcodec.nn.graph import Builder, channels_first
from mdlcodec.nn.zoo import MOBILENET_HALF, register
from mdlcodec.sender.dead_units import live_units, shrunk
from mdlcodec.sender.sequential_outputs import sequential_outputs

ENGINE_NAMES = ["float64", "int16", "int8"]


@pytest.mark.parametrize("engine", ENGINE_NAMES)
@pytest.mark.parametrize("digits", [DIGITS, INPUT_DIGITS])
@pytest.mark.parametrize(
    ("kernel", "stride", "padding"), [(3, 1, 1), (3, 2, 1), (5, 3, 0), (1, 1, 0), (2, 2, 2)]
)
def test_the_bits_of_a_convolution_whose_other_weights_are_0(engine, digits, kernel, stride, padding):
    arithmetic = Arithmetic(ENGINES[engine], digits=digits)
    x = Stream(0, 3).normals((4, 8, 7, 3)) * np.float32([1e-6, 1.0, 7e4])
    w, bias = Stream(1, 3).normals((3, kernel, kernel, 1)), Stream(2, 3).normals((3,))
    dense = np.zeros((3, kernel, kernel, 3), np.float32)
    for channel in range(3):
        dense[channel, :, :, channel] = w[channel, :, :, 0]
    one, saved = Product.forward(x, w, bias, padding, arithmetic, stride)
    other, known = Convolution.forward(x, dense, bias, padding, arithmetic, stride)
    assert one.tobytes() == other.tobytes()
    g = Stream(3, 3).normals(one.shape) * np.float32([1e-3, 1.0, 1e3])
    dx, dw, db = Product.backward(saved, g)
    expected = Convolution.backward(known, g)
    assert dx.tobytes() == expected[0].tobytes()
    own = np.stack([expected[1][c, :, :, c] for c in range(3)])
    assert dw[..., 0].tobytes() == own.tobytes()
    assert db.tobytes() == expected[2].tobytes()
    assert Product.backward(saved, g, False)[0] is None


def test_what_is_not_finite_is_refused():
    arithmetic = Arithmetic(ENGINES["float64"])
    x, w = np.ones((1, 3, 3, 2), np.float32), np.ones((2, 3, 3, 1), np.float32)
    x[0, 1, 1, 0] = np.inf
    with pytest.raises(mdlcodec.MdlcodecError, match="NaN or infinite"):
        Product.forward(x, w, np.zeros(2, np.float32), 1, arithmetic)


def _graph():
    net = Builder()
    net(nodes.Convolution(6, padding=1), name="first")
    net(nodes.DepthwiseConvolution(padding=1), name="each")
    net(nodes.Normalisation(), name="norm")
    net(nodes.Rectify())
    net(nodes.Convolution(5, 1), name="mixed")
    net(nodes.DepthwiseConvolution(3, 2, bias=False), name="each2")
    net(nodes.AveragePooling())
    net(nodes.Linear(), name="fc")
    return net.graph()


def _tensors(graph, shape, outputs):
    random = np.random.default_rng(0)
    parameters = graph.for_outputs(outputs).tensors(channels_first(shape))
    found = {n: random.normal(size=p.shape).astype(np.float32) for n, p in parameters.items()}
    return {n: np.abs(array) if n.endswith("running_var") else array for n, array in found.items()}


def test_channels_leave_with_the_units_before_them():
    """A channel goes from the layer before, from each convolution of channels, and from what reads it."""
    shape = (7, 6, 2)
    graph = _graph().for_outputs(3)
    tensors = _tensors(_graph(), shape, 3)
    tensors["mixed.weight"][:, 2] = 0  # nothing reads channel 2
    tensors["each.weight"][4] = 0  # channel 4 is its bias alone, which ReLU makes 0
    tensors["each.bias"][4], tensors["norm.weight"][4], tensors["norm.bias"][4] = 0, 1, -9
    tensors["norm.running_mean"][4] = 0
    tensors["each2.weight"][1] = 0
    units = live_units(graph, tensors)
    assert np.flatnonzero(~units["first"]).tolist() == [2, 4]
    assert np.flatnonzero(~units["mixed"]).tolist() == [1]
    smaller = shrunk(graph, tensors, units)
    assert smaller["each.weight"].shape == (4, 1, 3, 3)
    assert smaller["each2.weight"].shape == (4, 1, 3, 3)
    assert smaller["mixed.weight"].shape == (4, 4, 1, 1)
    x = np.random.default_rng(1).normal(size=(5, *shape)).astype(np.float32)
    architecture = zoo.Architecture("of-a-test", 127, _graph(), 1)
    before, after = (sequential_outputs(architecture, found, x) for found in (tensors, smaller))
    assert np.array_equal(before, after)


def test_it_travels_in_files():
    before = dict(zoo._registered)
    try:
        register(_graph(), name="of-each-channel")
        x, y = images(60, 3)
        ways = {"code": "two-part", "net": "of-each-channel", "preset": 1}
        blob = mdlcodec.encode(x, y, **ways, sparsify="magnitude", shares={"mixed": 0.5})
        assert np.array_equal(mdlcodec.decode(blob, x), y)
        read = mdlcodec.unpack(blob)
        assert read["each.weight"].shape[1:] == (1, 3, 3)
    finally:
        zoo._registered.clear()
        zoo._registered.update(before)


def test_mobilenet_has_the_published_size():
    """Howard et al. 2017, Table 6: 0.5 MobileNet-224, 149 million multiply-adds, 1.3 million parameters."""
    shape = (224, 224, 3)
    graph, entering = MOBILENET_HALF.for_targets(shape, 1000)
    assert round(graph.operations(entering) / 1e6) == 149
    assert round(MOBILENET_HALF.parameters(shape, 1000) / 1e6, 1) == 1.3
    each = [name for name, p in MOBILENET_HALF.tensors(shape, 1000).items() if p.shape[1:2] == (1,)]
    assert len(each) == 13
    assert graph.shapes(entering)[-3:] == [(512, 7, 7), (512,), (1000,)]
