"""The exact functions of a device, and the arithmetic that networks on it compute with."""

from typing import Any

import torch

from mdlcodec.exact.device.activation import Add, Dropout, Gelu, Rectify, Tanh
from mdlcodec.exact.device.engine import DeviceEngine
from mdlcodec.exact.device.loss import CrossEntropy
from mdlcodec.exact.device.normalisation import BatchNormalisation, normalised
from mdlcodec.exact.device.pooling import AveragePool, GlobalAverage, GlobalMaximum, MaxPool, Subsample
from mdlcodec.exact.functions import Functions
from mdlcodec.exact.linear import Arithmetic


def _permuted(x: torch.Tensor, axes: tuple[int, ...]) -> Any:
    return x.permute(axes).contiguous()


def arithmetic_of(engine: DeviceEngine) -> Arithmetic:
    """Products and functions on an engine's device."""
    functions = Functions(
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
        cross_entropy=CrossEntropy(engine),
        permuted=_permuted,
        array=engine.array,
        read=engine.read,
    )
    return Arithmetic(engine, functions=functions)
