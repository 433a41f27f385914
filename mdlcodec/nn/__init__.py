"""Networks: what they are made of (`Builder` and the nodes), and how both sides compute them exactly."""

from mdlcodec.nn.graph import Builder, Graph, sequence
from mdlcodec.nn.nodes import (
    Addition,
    AveragePooling,
    Convolution,
    DepthwiseConvolution,
    Dropout,
    Flatten,
    Fold,
    Gelu,
    Linear,
    MaxPooling,
    Normalisation,
    Rectify,
    Subsampling,
    Tanh,
)

__all__ = [
    "Addition",
    "AveragePooling",
    "Builder",
    "Convolution",
    "DepthwiseConvolution",
    "Dropout",
    "Flatten",
    "Fold",
    "Gelu",
    "Graph",
    "Linear",
    "MaxPooling",
    "Normalisation",
    "Rectify",
    "Subsampling",
    "Tanh",
    "sequence",
]
