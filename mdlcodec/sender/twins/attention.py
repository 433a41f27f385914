"""Float form of causal self-attention."""

from collections.abc import Mapping, Sequence

import torch
from torch.nn import functional

from mdlcodec.nn.nodes import Attention


def forward(
    node: Attention, tensors: Mapping[str, torch.Tensor], x: Sequence[torch.Tensor], training: bool
) -> torch.Tensor:
    """(N, T, 3 d) -> (N, T, d)."""
    n, length, features = x[0].shape
    # (N, T, 3, heads, d') -> 3 of (N, heads, T, d')
    queries, keys, values = (
        x[0].reshape(n, length, 3, node.heads, features // (3 * node.heads)).permute(2, 0, 3, 1, 4)
    )
    if node.window and node.window < length:
        apart = torch.arange(length)[:, None] - torch.arange(length)
        seen = (apart >= 0) & (apart < node.window)
        y = functional.scaled_dot_product_attention(queries, keys, values, attn_mask=seen)
    else:
        y = functional.scaled_dot_product_attention(queries, keys, values, is_causal=True)
    return y.transpose(1, 2).reshape(n, length, features // 3)
