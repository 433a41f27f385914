"""Every node with inputs to compute it on, and what exact functions it needs."""

import numpy as np
import pytest

from mdlcodec.exact.integers import INPUT_DIGITS, Digits
from mdlcodec.exact.random import Stream
from mdlcodec.nn.nodes import (
    Addition,
    Attention,
    AveragePooling,
    Convolution,
    DepthwiseConvolution,
    Dropout,
    Embedding,
    Flatten,
    Fold,
    Gelu,
    LayerNormalisation,
    Linear,
    Lstm,
    MaxPooling,
    Normalisation,
    Positions,
    Rectify,
    Rotation,
    Subsampling,
    Tanh,
)

MAPS = (2, 8, 6)  # (c, h, w)
PLACES = (9, 6)  # (t, d)

# a node and the shapes of its inputs
_CASES = {
    "addition": (Addition(), (MAPS, MAPS)),
    "addition of columns": (Addition(), ((5,), (5,))),
    "addition of sequences": (Addition(), (PLACES, PLACES)),
    "attention": (Attention(2), ((9, 18),)),
    "attention of one head": (Attention(1), ((4, 12),)),
    "attention with a window": (Attention(2, 4), ((9, 18),)),
    "average of the map": (AveragePooling(), (MAPS,)),
    "average pooling": (AveragePooling(3, 2), (MAPS,)),
    "convolution": (Convolution(5, 3, padding=1, digits=INPUT_DIGITS), (MAPS,)),
    "convolution without padding": (Convolution(3, 5), (MAPS,)),
    "convolution without bias": (Convolution(3, 3, bias=False), (MAPS,)),
    "convolution that begins as the identity": (Convolution(5, padding=1, identity=True), (MAPS,)),
    "convolution of stride 2": (Convolution(4, 3, 2, padding=1), (MAPS,)),
    "convolution of each channel": (DepthwiseConvolution(3, padding=1), (MAPS,)),
    "convolution of each channel, stride 2": (DepthwiseConvolution(5, 2, padding=1, bias=False), (MAPS,)),
    "dropout": (Dropout(40000), (MAPS,)),
    "dropout of nothing": (Dropout(65536), ((7,),)),
    "embedding": (Embedding(4, 11), ((9,),)),
    "flatten": (Flatten(), (MAPS,)),
    "flatten, channels last": (Flatten("hwc"), (MAPS,)),
    "flatten columns": (Flatten(), ((4,),)),
    "fold": (Fold(), (MAPS,)),
    "layer normalisation": (LayerNormalisation(), (PLACES,)),
    "layer normalisation of many features": (LayerNormalisation(), ((3, 21),)),
    "linear": (Linear(4), ((6,),)),
    "linear without bias": (Linear(4, bias=False), ((6,),)),
    "linear of the inputs": (Linear(4, digits=INPUT_DIGITS), ((6,),)),
    "linear of sequences": (Linear(4, digits=INPUT_DIGITS), (PLACES,)),
    "lstm": (Lstm(5), (PLACES,)),
    "max pooling": (MaxPooling(), ((2, 7, 6),)),
    "max pooling of the map": (MaxPooling(None), (MAPS,)),
    "max pooling of 3x3": (MaxPooling(3, 2), (MAPS,)),
    "normalisation": (Normalisation(), (MAPS,)),
    "normalisation without gain": (Normalisation(gain=False), (MAPS,)),
    "normalisation of columns": (Normalisation(0.2), ((5,),)),
    "positions": (Positions(9), (PLACES,)),
    "positions that are not all used": (Positions(12), (PLACES,)),
    "rectify": (Rectify(), (MAPS,)),
    "rotation": (Rotation(2), ((9, 24),)),
    "rotation of an odd number of features": (Rotation(2), ((9, 18),)),
    "subsampling": (Subsampling(3), (MAPS,)),
    "subsampling of odd sides": (Subsampling(0, 3), ((2, 7, 5),)),
    "gelu": (Gelu(), (MAPS,)),
    "tanh": (Tanh(), (MAPS,)),
}

CASES = {name: pytest.param(node, shapes, id=name) for name, (node, shapes) in _CASES.items()}


def nodes() -> list:
    """The nodes of the cases."""
    return [node for node, *_ in _CASES.values()]


def digits_of(node) -> Digits | None:
    """The digits of a node's products, None where it has none."""
    return getattr(node, "digits", None)


def entering(node, shape, examples: int, key: int) -> np.ndarray:
    """Random inputs of a node, float32 (examples, ..): normal numbers, or the symbols that it has rows for."""
    stream = Stream(key, 3)
    if isinstance(node, Embedding):
        return stream.below(node.symbols, examples * shape[0]).astype(np.float32).reshape(examples, *shape)
    return stream.normals((examples, *shape))


def channels_last(array: np.ndarray) -> np.ndarray:
    """(N, c, h, w) as exact functions take it, (N, h, w, c); columns stay."""
    return np.ascontiguousarray(array.transpose(0, 2, 3, 1)) if array.ndim == 4 else array


def channels_first(array: np.ndarray) -> np.ndarray:
    """The other way."""
    return np.ascontiguousarray(array.transpose(0, 3, 1, 2)) if array.ndim == 4 else array
