"""What a receiver finds in the network section of a payload, checked for the network that its header names."""

from __future__ import annotations

import numpy as np

from mdlcodec.data.tensor import DTYPES, Tensor
from mdlcodec.errors import BadData, CorruptFile, LimitExceeded
from mdlcodec.nn.node import Shape
from mdlcodec.nn.weights import Weights, check_fit, weights_of
from mdlcodec.nn.zoo import Architecture

# types that float32 holds exactly
_TYPES = ("F32", "F16", "BF16")
_FLOAT32 = next(dtype for dtype in DTYPES if dtype.name == "F32")


def tensors_of(weights: Weights) -> list[Tensor]:
    """The network's tensors, in its order, as the network section of a payload has them."""
    return [Tensor.of(name, array) for name, array in weights.items()]


def section_memory(architecture: Architecture, shape: Shape, outputs: int) -> int:
    """Bytes that decoding a network of nominal widths takes at most, for examples of that shape."""
    from mdlcodec.descriptions.tensors.tensor_coder import tensor_memory

    sizes = [parameter.shape for parameter in architecture.tensors(shape, outputs).values()]
    return sum(tensor_memory(_FLOAT32, size) for size in sizes)  # integers


def section_work(architecture: Architecture, shape: Shape, outputs: int) -> int:
    """Operations that decoding a network of nominal widths takes at most, for examples of that shape."""
    from mdlcodec.descriptions.tensors.tensor_coder import tensor_work

    sizes = [parameter.shape for parameter in architecture.tensors(shape, outputs).values()]
    return sum(tensor_work(_FLOAT32, size) for size in sizes)  # integers


def read_weights(section: bytes, architecture: Architecture, shape: Shape, outputs: int) -> Weights:
    """The network of a section, checked for examples of that shape, (h, w, c), (d,) or, of sequences, (places,),
    and so many outputs. Raises CorruptFile."""
    from mdlcodec.descriptions.tensors.network_section import decode_network

    nominal = architecture.tensors(shape, outputs)
    try:
        network = decode_network(
            section,
            memory=section_memory(architecture, shape, outputs),
            work=section_work(architecture, shape, outputs),
            tensors=len(nominal),
        )
    except LimitExceeded as error:
        raise CorruptFile(
            f"damaged: its network is larger than {architecture.name} is for these inputs"
        ) from error
    tensors = network.tensors
    if any(tensor.dtype.name not in _TYPES for tensor in tensors):
        raise CorruptFile(f"damaged: its network has elements that are not {', '.join(_TYPES)}")
    try:
        weights = weights_of(architecture, [tensor.array() for tensor in tensors], layouts=(False,))
        check_fit(architecture, weights, shape, outputs)
    except BadData as error:
        raise CorruptFile(f"damaged: {error}") from error
    if any(array.shape[0] > nominal[name].shape[0] for name, array in weights.items()):
        raise CorruptFile(f"damaged: its network is wider than {architecture.name}")
    if any((weights[name] < 0).any() for name in nominal if name.endswith("running_var")):
        raise CorruptFile("damaged: its network has a negative variance")
    if not all(np.isfinite(array).all() for array in weights.values()):
        raise CorruptFile("damaged: its network has a weight that is NaN or infinite")
    return weights
