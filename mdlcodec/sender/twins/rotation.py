"""Float form of rotary positions."""

from collections.abc import Mapping, Sequence

import torch

from mdlcodec.exact.rotation import TURN, cosines, steps_of_pairs
from mdlcodec.nn.nodes import Rotation


def forward(
    node: Rotation, tensors: Mapping[str, torch.Tensor], x: Sequence[torch.Tensor], training: bool
) -> torch.Tensor:
    """(N, T, 3 d) -> (N, T, 3 d)."""
    n, length, features = x[0].shape
    width = features // (3 * node.heads)
    pairs = width // 2
    angles = torch.arange(length)[:, None] * torch.from_numpy(steps_of_pairs(pairs)) % TURN
    table = torch.from_numpy(cosines()).float()
    cosine, sine = table[angles][:, None], table[(angles - TURN // 4) % TURN][:, None]  # (T, 1, pairs)
    # (N, T, 3 d) -> (N, T, 2 heads, d') of queries and keys
    turning = x[0][..., : 2 * node.heads * width].reshape(n, length, 2 * node.heads, width)
    a, b = turning[..., :pairs], turning[..., pairs : 2 * pairs]
    parts = [a * cosine - b * sine, a * sine + b * cosine, turning[..., 2 * pairs :]]
    turned = torch.cat(parts, -1).reshape(n, length, -1)
    return torch.cat([turned, x[0][..., 2 * node.heads * width :]], -1)
