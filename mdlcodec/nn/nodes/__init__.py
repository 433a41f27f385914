"""The nodes that networks are made of. Adding one is one new file here and its float twin in `sender.twins`."""

from mdlcodec.nn.nodes.addition import Addition
from mdlcodec.nn.nodes.attention import Attention
from mdlcodec.nn.nodes.average_pooling import AveragePooling
from mdlcodec.nn.nodes.convolution import Convolution
from mdlcodec.nn.nodes.depthwise_convolution import DepthwiseConvolution
from mdlcodec.nn.nodes.dropout import Dropout
from mdlcodec.nn.nodes.embedding import Embedding
from mdlcodec.nn.nodes.flatten import Flatten
from mdlcodec.nn.nodes.fold import Fold
from mdlcodec.nn.nodes.gelu import Gelu
from mdlcodec.nn.nodes.layer_normalisation import LayerNormalisation
from mdlcodec.nn.nodes.linear import Linear
from mdlcodec.nn.nodes.lstm import Lstm
from mdlcodec.nn.nodes.max_pooling import MaxPooling
from mdlcodec.nn.nodes.normalisation import Normalisation
from mdlcodec.nn.nodes.positions import Positions
from mdlcodec.nn.nodes.rectify import Rectify
from mdlcodec.nn.nodes.rotation import Rotation
from mdlcodec.nn.nodes.subsampling import Subsampling
from mdlcodec.nn.nodes.tanh import Tanh

NODES = (
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
# whose examples are sequences (t,) or (t, d), in networks from bytes to bytes
OVER_SEQUENCES = (Attention, Embedding, LayerNormalisation, Lstm, Positions, Rotation)

__all__ = [
    "NODES",
    "OVER_SEQUENCES",
    "Addition",
    "Attention",
    "AveragePooling",
    "Convolution",
    "DepthwiseConvolution",
    "Dropout",
    "Embedding",
    "Flatten",
    "Fold",
    "Gelu",
    "LayerNormalisation",
    "Linear",
    "Lstm",
    "MaxPooling",
    "Normalisation",
    "Positions",
    "Rectify",
    "Rotation",
    "Subsampling",
    "Tanh",
]
