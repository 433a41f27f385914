"""The nodes that networks are made of. Adding one is one new file here and its float twin in `sender.twins`."""

from mdlcodec.nn.nodes.addition import Addition
from mdlcodec.nn.nodes.average_pooling import AveragePooling
from mdlcodec.nn.nodes.convolution import Convolution
from mdlcodec.nn.nodes.depthwise_convolution import DepthwiseConvolution
from mdlcodec.nn.nodes.dropout import Dropout
from mdlcodec.nn.nodes.flatten import Flatten
from mdlcodec.nn.nodes.fold import Fold
from mdlcodec.nn.nodes.gelu import Gelu
from mdlcodec.nn.nodes.linear import Linear
from mdlcodec.nn.nodes.max_pooling import MaxPooling
from mdlcodec.nn.nodes.normalisation import Normalisation
from mdlcodec.nn.nodes.rectify import Rectify
from mdlcodec.nn.nodes.subsampling import Subsampling
from mdlcodec.nn.nodes.tanh import Tanh

NODES = (
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
    "NODES",
    "Addition",
    "AveragePooling",
    "Convolution",
    "DepthwiseConvolution",
    "Dropout",
    "Flatten",
    "Fold",
    "Gelu",
    "Linear",
    "MaxPooling",
    "Normalisation",
    "Rectify",
    "Subsampling",
    "Tanh",
]
