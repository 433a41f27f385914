"""The exact functions that networks are made of, over one kind of array: numpy's, or a device's tensors."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from mdlcodec.exact.activation import Add, Dropout, Rectify, Tanh
from mdlcodec.exact.gelu import Gelu
from mdlcodec.exact.loss import CrossEntropy
from mdlcodec.exact.normalisation import BatchNormalisation, normalised
from mdlcodec.exact.pooling import AveragePool, GlobalAverage, GlobalMaximum, MaxPool, Subsample


@dataclass(frozen=True)
class Functions:
    """Every set of functions gives the same bits. Each has ``forward`` and ``backward`` as an exact
    `mdlcodec.exact.function.Function` has them; products are an engine's."""

    rectify: Any
    tanh: Any
    gelu: Any
    add: Any
    dropout: Any
    max_pool: Any
    average_pool: Any
    global_average: Any
    global_maximum: Any
    subsample: Any
    batch_normalisation: Any
    normalised: Callable[[Any, Any, Any, Any], Any]
    cross_entropy: Any
    permuted: Callable[[Any, tuple[int, ...]], Any]  # a contiguous array with its axes in that order
    array: Callable[[np.ndarray], Any]  # a numpy array as one of these; may share its memory
    read: Callable[[Any], np.ndarray]  # and back; InexactComputation where values were not finite


def _permuted(x: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    return np.ascontiguousarray(x.transpose(axes))


def _same(array: np.ndarray) -> np.ndarray:
    return array


ON_CPU = Functions(
    rectify=Rectify,
    tanh=Tanh,
    gelu=Gelu,
    add=Add,
    dropout=Dropout,
    max_pool=MaxPool,
    average_pool=AveragePool,
    global_average=GlobalAverage,
    global_maximum=GlobalMaximum,
    subsample=Subsample,
    batch_normalisation=BatchNormalisation,
    normalised=normalised,
    cross_entropy=CrossEntropy,
    permuted=_permuted,
    array=_same,
    read=_same,
)
