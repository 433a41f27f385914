"""The float form of every node, in torch's float32: a file of the same name as the node's.

A twin has ``forward(node, tensors, x, training)``: the node's value (N, c, h, w) or (N, d) from its inputs x, under
its tensors by their own names; in training it may move running statistics, in place. Twins of nodes with weights
also have ``sampled``, under Gaussian weights.
"""

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

import torch

from mdlcodec.nn.node import Node

Tensors = Mapping[str, torch.Tensor]


def twin_of(node: Node) -> Any:
    """The module of a node's float form."""
    return import_module(f"{__name__}.{type(node).__module__.rpartition('.')[2]}")


def forward(node: Node, tensors: Tensors, x: Sequence[torch.Tensor], training: bool = False) -> torch.Tensor:
    """A node's value: see the module."""
    value: torch.Tensor = twin_of(node).forward(node, tensors, x, training)
    return value


def sampled(
    node: Node, means: Tensors, deviations: Tensors, x: Sequence[torch.Tensor], generator: torch.Generator
) -> torch.Tensor:
    """A node's value under weights from N(mean, deviation^2): see the module."""
    value: torch.Tensor = twin_of(node).sampled(node, means, deviations, x, generator)
    return value
