"""Float form of a layer of LSTM cells."""

from collections.abc import Mapping, Sequence

import torch

from mdlcodec.nn.nodes import Lstm


def forward(
    node: Lstm, tensors: Mapping[str, torch.Tensor], x: Sequence[torch.Tensor], training: bool
) -> torch.Tensor:
    """(N, T, d) -> (N, T, width)."""
    weights = [tensors["weight_ih"], tensors["weight_hh"], tensors["bias"], torch.zeros_like(tensors["bias"])]
    cells = x[0].new_zeros(1, len(x[0]), node.width)
    y: torch.Tensor = torch.lstm(
        x[0], (cells, cells), weights, True, 1, 0.0, training, False, batch_first=True
    )[0]
    return y
