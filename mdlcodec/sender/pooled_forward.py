"""Networks of 5x5 convolutions and 2x2 pooling in float32, faster than torch where kernels are sparse.

LeNet-5 is one: convolutions without padding, each followed by max pooling at once. `pooled_convolution` computes
the two together, in a time that falls with the zeros among the kernels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch.nn import functional

from mdlcodec.nn.graph import Graph, Vertex
from mdlcodec.nn.nodes import Convolution, Flatten, Linear, MaxPooling
from mdlcodec.nn.nodes.flatten import CHANNELS_FIRST
from mdlcodec.sender import twins
from mdlcodec.sender.float_network import float_forward, walk
from mdlcodec.sender.pooled_convolution import LANES, ConvolvePool

_DENSE_CHANNELS = 3  # convolutions of more channels than so many are faster in torch


def rounded_batch(size: int, n: int) -> int:
    """A batch of so many examples, or of fewer for fewer, that `ConvolvePool` takes: a multiple of LANES, as
    ``size`` is."""
    return min(size, -(-n // LANES) * LANES)


def pooled(graph: Graph) -> set[str]:
    """Names of the convolutions that `ConvolvePool` computes, and of the poolings after them."""
    readers, names = graph.readers(), set()
    for number, vertex in enumerate(graph.vertices[:-1]):
        node, after = vertex.node, graph.vertices[number + 1]
        if (
            isinstance(node, Convolution)
            and (node.kernel, node.stride, node.padding, node.bias) == (5, 1, 0, True)
            and after.node == MaxPooling(2, 2)
            and readers[number + 1] == [number + 1]
        ):
            names |= {vertex.name, after.name}
    return names


def biases_pass(graph: Graph) -> bool:
    """Whether the graph begins with pooled convolutions one after another, flattened for a linear layer.

    A constant then passes through pooling and the next layer unchanged, so that the bias of the first linear layer
    says all that theirs could, and they stay 0.
    """
    names, vertices = pooled(graph), graph.vertices
    count = len(names)
    if not names or {vertex.name for vertex in vertices[:count]} != names or len(vertices) < count + 2:
        return False
    chain = all(vertex.inputs == (number,) for number, vertex in enumerate(vertices[: count + 2]))
    alone = all(len(readers) == 1 for readers in graph.readers()[: count + 2])
    flat, after = vertices[count].node, vertices[count + 1].node
    return chain and alone and flat == Flatten(CHANNELS_FIRST) and isinstance(after, Linear)


def with_passed_biases(graph: Graph, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The same function, where `biases_pass` without biases of convolutions, which `sparse_forward` takes to be 0:
    the first linear layer's bias has what they add to its outputs."""
    moved = dict(tensors)
    if not biases_pass(graph):
        return moved
    passed = torch.zeros(())
    for vertex in graph.vertices[: len(pooled(graph)) + 2]:
        weight, bias = f"{vertex.name}.weight", f"{vertex.name}.bias"
        if isinstance(vertex.node, Convolution):
            filters = tensors[weight].sum((2, 3))  # (maps, channels): what a constant of each channel adds
            passed = tensors[bias] + filters @ passed.expand(filters.shape[1])
            moved[bias] = torch.zeros_like(passed)
        elif isinstance(vertex.node, Linear):
            columns = tensors[weight].shape[1] // len(passed)  # of each map
            moved[bias] = tensors[bias] + tensors[weight] @ passed.repeat_interleave(columns)
    return moved


def sparse_forward(graph: Graph, tensors: Mapping[str, torch.Tensor], batch: torch.Tensor) -> torch.Tensor:
    """Scores (m, k) in training, of a batch (m, c, h, w) or (m, d); m is a multiple of LANES for images.

    What `float_forward` computes, in a time that falls with the zeros among the kernels, where `biases_pass`: the
    biases of the convolutions are taken to be 0 then.
    """
    if not biases_pass(graph):
        return float_forward(graph, tensors, batch, training=True)
    names = pooled(graph)

    def step(vertex: Vertex, own: Mapping[str, torch.Tensor], x: Sequence[torch.Tensor]) -> torch.Tensor:
        value = x[0]
        if vertex.name in names and isinstance(vertex.node, MaxPooling):
            return value  # pooled already
        if vertex.name in names:
            return ConvolvePool.apply(value if value.dim() == 5 else _blocks(value), own["weight"])
        if value.dim() == 5:  # flattened: (blocks, channels, h, w, LANES) -> (m, channels * h * w)
            return value.flatten(1, 3).transpose(1, 2).reshape(len(batch), -1)
        return twins.forward(vertex.node, own, x, training=True)

    return walk(graph, tensors, batch, step)


def quick_forward(
    graph: Graph,
    tensors: Mapping[str, torch.Tensor],
    batch: torch.Tensor,
    entering: Callable[[Vertex, torch.Tensor], torch.Tensor] | None = None,
) -> torch.Tensor:
    """What `float_forward` computes in training, (m, c, h, w) or (m, d) -> (m, k), with dense kernels; m is a
    multiple of LANES for images.

    ``entering``: what becomes of a value, (m, ..), as it enters a vertex; not of one that is pooled at once.
    """
    names = pooled(graph)

    def step(vertex: Vertex, own: Mapping[str, torch.Tensor], x: Sequence[torch.Tensor]) -> torch.Tensor:
        value = x[0]
        if entering is not None and len(x) == 1:
            value = entering(vertex, value)
        if isinstance(vertex.node, Convolution):
            weight, bias = own["weight"], own.get("bias")
            if vertex.name in names and weight.shape[1] <= _DENSE_CHANNELS:
                assert bias is not None
                maxima = ConvolvePool.apply(_blocks(value), weight.contiguous())
                return maxima.permute(0, 4, 1, 2, 3).flatten(0, 1) + bias[:, None, None]
            last = torch.channels_last
            value = value.contiguous(memory_format=last)
            weight = weight.contiguous(memory_format=last)
            return functional.conv2d(value, weight, bias, vertex.node.stride, vertex.node.padding)
        if (
            isinstance(vertex.node, MaxPooling)
            and vertex.name in names
            and _is_pooled(graph, vertex, tensors)
        ):
            return value
        return twins.forward(vertex.node, own, [value, *x[1:]], training=True)

    return walk(graph, tensors, batch, step)


def _is_pooled(graph: Graph, pooling: Vertex, tensors: Mapping[str, torch.Tensor]) -> bool:
    """Whether the convolution before a pooling was computed together with it."""
    convolution = graph.vertices[pooling.inputs[0] - 1]
    return tensors[f"{convolution.name}.weight"].shape[1] <= _DENSE_CHANNELS


def _blocks(batch: torch.Tensor) -> torch.Tensor:
    """(m, c, h, w) -> (m / LANES, c, h, w, LANES)."""
    return batch.reshape(-1, LANES, *batch.shape[1:]).permute(0, 2, 3, 4, 1).contiguous()
