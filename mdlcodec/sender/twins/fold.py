"""Float form: squares of places become channels."""

from collections.abc import Mapping, Sequence

import torch

from mdlcodec.nn.nodes import Fold


def forward(
    node: Fold, tensors: Mapping[str, torch.Tensor], x: Sequence[torch.Tensor], training: bool
) -> torch.Tensor:
    """(N, c, h, w) -> (N, 4 c, h / 2, w / 2)."""
    n, channels, height, width = x[0].shape
    squares = x[0].reshape(n, channels, height // 2, 2, width // 2, 2)
    # (n, c, h / 2, row, w / 2, column) -> (n, row, column, c, h / 2, w / 2)
    return squares.permute(0, 3, 5, 1, 2, 4).reshape(n, 4 * channels, height // 2, width // 2)
