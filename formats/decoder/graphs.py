"""Networks as graphs: vertices, shapes of tensors, prediction (formats/graphs.md)."""

import math
import re
from dataclasses import dataclass

import numpy as np

from decoder.blocks import block, scaled
from decoder.elementary import tanh
from decoder.frame import Damaged, Unsupported


@dataclass(frozen=True)
class Vertex:
    """A node and the values that enter it: -1 the network's inputs, else the value of an earlier vertex."""

    node: str
    inputs: tuple[int, ...]
    width: int = 0  # of linear (0: outputs) and convolution; what subsampling adds on each side
    kernel: int = 0  # 0: the whole map
    stride: int = 1
    padding: int = 0
    bias: bool = True
    order: str = "chw"


class _Builder(list):
    """Vertices, each after the one before unless said."""

    def add(self, node, *, inputs=None, **settings):
        self.append(Vertex(node, (len(self) - 1,) if inputs is None else inputs, **settings))
        return len(self) - 1


def _lenet(widths, kernel, relu, end):
    b = _Builder()
    for width in widths:
        b.add("convolution", width=width, kernel=kernel)
        b.add("max", kernel=2, stride=2)
        if relu:
            b.add("relu")
    b.add("flatten")
    for width in end:
        b.add("linear", width=width)
        b.add("relu")
    b.add("linear")
    return b


def _mlp(widths, activation="relu"):
    b = _Builder()
    b.add("flatten", order="hwc")
    for width in widths:
        b.add("linear", width=width)
        b.add(activation)
    b.add("linear")
    return b


def _resnet(n):
    b = _Builder()
    b.add("convolution", width=16, kernel=3, padding=1, bias=False)
    b.add("normalisation")
    at = b.add("relu")
    for stage, width in enumerate((16, 32, 64)):
        for number in range(n):
            stride = 2 if stage and not number else 1
            b.add("convolution", inputs=(at,), width=width, kernel=3, stride=stride, padding=1, bias=False)
            b.add("normalisation")
            b.add("relu")
            b.add("convolution", width=width, kernel=3, padding=1, bias=False)
            end = b.add("normalisation")
            if stride == 2:
                at = b.add("subsampling", inputs=(at,), width=width // 4, stride=2)
            b.add("addition", inputs=(end, at))
            at = b.add("relu")
    b.add("average")
    b.add("linear")
    return b


def _vgg(normalised=True, rectified=True):
    b = _Builder()
    for widths in ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512)):
        for width in widths:
            b.add("convolution", width=width, kernel=3, padding=1)
            if normalised:
                b.add("normalisation")
            b.add("relu")
        b.add("max", kernel=2, stride=2)
    b.add("flatten")
    b.add("linear", width=512)
    if normalised:
        b.add("normalisation")
    if rectified:
        b.add("relu")
    b.add("linear")
    return b


def _tiny_cnn():
    b = _Builder()
    for number in range(4):
        b.add("convolution", width=32, kernel=3, padding=1)
        b.add("relu")
        if number % 2:
            b.add("max", kernel=2, stride=2)
    b.add("flatten")
    for _ in range(2):
        b.add("linear", width=256)
        b.add("relu")
    b.add("linear")
    return b


def _mobilenet():
    b = _Builder()
    b.add("convolution", width=16, kernel=3, stride=2, padding=1, bias=False)
    b.add("normalisation")
    b.add("relu")
    for width, stride in zip(
        (32, 64, 64, 128, 128, *[256] * 6, 512, 512), (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1), strict=True
    ):
        b.add("depthwise", kernel=3, stride=stride, padding=1, bias=False)
        b.add("normalisation")
        b.add("relu")
        b.add("convolution", width=width, kernel=1, bias=False)
        b.add("normalisation")
        b.add("relu")
    b.add("average")
    b.add("linear")
    return b


def network(number, own=None):
    """Vertices of a network by its number in the header, and (name, version) where that is 127.

    Raises Unsupported for a network that formats/graphs.md does not have.
    """
    if number == 127 and own and own[1] == 1:
        name = re.fullmatch(r"mlp((?:-[1-9][0-9]{0,4}){1,32})(-tanh)?", own[0])
        if name:
            return _mlp([int(w) for w in name[1][1:].split("-")], "tanh" if name[2] else "relu")
    made = {
        4: lambda: _lenet((20, 50), 5, False, (500,)),
        5: lambda: _mlp((300, 100)),
        6: lambda: _lenet((8, 16), 5, True, ()),
        7: lambda: _lenet((8,), 3, True, ()),
        8: lambda: _mlp((32,)),
        9: lambda: _resnet(3),
        10: lambda: _resnet(5),
        11: lambda: _resnet(9),
        12: _vgg,
        15: lambda: _mlp((5000,)),
        16: _tiny_cnn,
        17: lambda: _vgg(normalised=False, rectified=False),
        18: lambda: _vgg(rectified=False),
        20: _mobilenet,
    }
    if number not in made:
        raise Unsupported(f"network {number} {own or ''}")
    return made[number]()


def entering(inputs):
    """Shape of one example's value, inputs (h, w, c) or (d,)."""
    return (inputs[2], inputs[0], inputs[1]) if len(inputs) == 3 else tuple(inputs)


def tensor_shapes(vertices, inputs, outputs, given=None):
    """Shapes of all tensors, vertex after vertex: nominal, or of the widths that given tensors have.

    Raises Damaged where shapes do not follow from one another, or a width is above the nominal one.
    """
    shapes, values = [], [entering(inputs)]
    for vertex in vertices:
        shape = values[vertex.inputs[0] + 1]
        if vertex.node in ("linear", "convolution"):
            width = vertex.width or outputs
            if given is not None:
                if len(shapes) >= len(given) or not given[len(shapes)].ndim:
                    raise Damaged("number of tensors or axes")
                held = given[len(shapes)].shape[0]
                if held > width or (not vertex.width and held != width):
                    raise Damaged("width")
                width = held
            if len(shape) != (1 if vertex.node == "linear" else 3):
                raise Damaged("inputs of another kind")
            if vertex.node == "linear":
                shapes.append((width, shape[0]))
                shape = (width,)
            else:
                k, s, p = vertex.kernel, vertex.stride, vertex.padding
                shapes.append((width, shape[0], k, k))
                shape = (width, (shape[1] + 2 * p - k) // s + 1, (shape[2] + 2 * p - k) // s + 1)
            if vertex.bias:
                shapes.append((width,))
        elif vertex.node == "depthwise":
            if len(shape) != 3:
                raise Damaged("inputs of another kind")
            k, s, p = vertex.kernel, vertex.stride, vertex.padding
            shapes.append((shape[0], 1, k, k))
            if vertex.bias:
                shapes.append((shape[0],))
            shape = (shape[0], (shape[1] + 2 * p - k) // s + 1, (shape[2] + 2 * p - k) // s + 1)
        elif vertex.node == "normalisation":
            shapes += [(shape[0],)] * 4
        elif vertex.node == "flatten":
            shape = (math.prod(shape),)
        elif vertex.node == "max":
            k, s = vertex.kernel, vertex.stride
            shape = (shape[0], (shape[1] - k) // s + 1, (shape[2] - k) // s + 1)
        elif vertex.node == "average":
            shape = (shape[0],)
        elif vertex.node == "subsampling":
            s = vertex.stride
            shape = (shape[0] + 2 * vertex.width, -(-shape[1] // s), -(-shape[2] // s))
        elif vertex.node == "addition" and shape != values[vertex.inputs[1] + 1]:
            raise Damaged("branches of different shapes are added")
        if min(shape) < 0:
            raise Damaged("no places are left")
        values.append(shape)
    return shapes


def product(vertex, x, weight, bias):
    """Linear, convolution or convolution of each channel of one example, float32 (arithmetic.md, section 2; two
    digits for both operands)."""
    if not np.isfinite(x).all():
        raise Damaged("NaN or infinity")
    q, a = block(x)
    w, v = block(weight)
    if vertex.node == "linear":
        return scaled(w @ q, a + v) + bias
    k, s, p = vertex.kernel, vertex.stride, vertex.padding
    q = np.pad(q, ((0, 0), (p, p), (p, p)))
    rows, columns = (q.shape[1] - k) // s + 1, (q.shape[2] - k) // s + 1
    sums = np.zeros((len(w), rows, columns), np.int64)
    for y in range(k):
        for z in range(k):
            places = q[:, y : y + s * (rows - 1) + 1 : s, z : z + s * (columns - 1) + 1 : s]
            if vertex.node == "depthwise":
                sums += w[:, 0, y, z][:, None, None] * places
            else:
                sums += np.tensordot(w[:, :, y, z], places, 1)
    return scaled(sums, a + v) + bias[:, None, None]


def maximum(x, k, s):
    """The largest of each window of maps (c, h, w)."""
    rows, columns = (x.shape[1] - k) // s + 1, (x.shape[2] - k) // s + 1
    windows = [
        x[:, y : y + s * (rows - 1) + 1 : s, z : z + s * (columns - 1) + 1 : s]
        for y in range(k)
        for z in range(k)
    ]
    largest = windows[0]
    for window in windows[1:]:
        largest = np.where(window > largest, window, largest)
    return largest


def average(x):
    """The mean of each map (c, h, w): float64 sum in row order, divided by the places, to float32."""
    total = np.zeros(len(x))
    for place in x.reshape(len(x), -1).T:
        total = total + place.astype(np.float64)
    return (total / float(x.shape[1] * x.shape[2])).astype(np.float32)


def normalised(x, gain, bias, mean, variance):
    """Normalisation by running statistics (arithmetic.md, section 6), channels first."""
    axes = (-1,) + (1,) * (x.ndim - 1)
    gain, bias, mean, variance = (v.astype(np.float64).reshape(axes) for v in (gain, bias, mean, variance))
    return ((x.astype(np.float64) - mean) * (gain / np.sqrt(variance + 1e-5)) + bias).astype(np.float32)


def scores_of(vertices, tensors, example):
    """Exact outputs, float32, of one example (h, w, c) or (d,)."""
    values = [np.transpose(example, (2, 0, 1)) if example.ndim == 3 else example]
    rest = list(tensors)
    for vertex in vertices:
        x = values[vertex.inputs[0] + 1]
        if vertex.node in ("linear", "convolution", "depthwise"):
            weight = rest.pop(0)
            bias = rest.pop(0) if vertex.bias else np.zeros(len(weight), np.float32)
            x = product(vertex, x, weight, bias)
        elif vertex.node == "normalisation":
            x = normalised(x, *(rest.pop(0) for _ in range(4)))
        elif vertex.node == "relu":
            x = np.where(x > 0, x, np.float32(0))
        elif vertex.node == "tanh":
            x = np.array([tanh(float(z)) for z in x.ravel()]).astype(np.float32).reshape(x.shape)
        elif vertex.node == "max":
            x = maximum(x, vertex.kernel, vertex.stride)
        elif vertex.node == "average":
            x = average(x)
        elif vertex.node == "flatten":
            x = (x.transpose(1, 2, 0) if x.ndim == 3 and vertex.order == "hwc" else x).ravel()
        elif vertex.node == "addition":
            x = x + values[vertex.inputs[1] + 1]
        elif vertex.node == "subsampling":
            x = x[:, :: vertex.stride, :: vertex.stride]
            zeros = np.zeros((vertex.width, *x.shape[1:]), np.float32)
            x = np.concatenate([zeros, x, zeros])
        values.append(x)
    if not np.isfinite(values[-1]).all():
        raise Damaged("NaN or infinity")
    return values[-1]
