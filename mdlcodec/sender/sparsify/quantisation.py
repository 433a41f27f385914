"""Rounding to a uniform grid with a dead zone, and what the levels cost to write.

The prices follow the adaptive code that will write the network: whether a weight is zero is coded given how full
its row and its column are, and the level of a weight that is not zero given how often its tensor uses that level.
"""

import math

import torch

DEAD_ZONE = 0.55  # in steps: what is smaller becomes zero


def levels(values: torch.Tensor, largest: int) -> torch.Tensor:
    """Levels in float32, integers from -largest to largest; ``values`` are in units of the step."""
    size = values.abs()
    rounded = size.round().clamp(1, largest)
    return torch.where(size < DEAD_ZONE, torch.zeros_like(size), rounded) * values.sign()


def straight_through(values: torch.Tensor, largest: int) -> torch.Tensor:
    """The levels of ``values``, with the gradient of the identity (Bengio, Leonard & Courville 2013)."""
    return values + (levels(values, largest) - values).detach()


def slopes(values: torch.Tensor, significance: torch.Tensor, level: torch.Tensor) -> torch.Tensor:
    """Derivative of the price in bits with respect to ``values``, linear between one level and the next.

    ``significance`` (as `significance_prices`) is the price from zero to the first level, ``level`` (as
    `level_prices`) of each further one.
    """
    size = values.abs()
    further = level[size.clamp(max=len(level) - 1).long()]  # clamped first: any float32 may come
    return torch.where(size < 1, significance + level[0], further) * values.sign()


def significance_prices(quantised: torch.Tensor) -> torch.Tensor:
    """Bits that a weight pays for not being zero, broadcastable to the shape (out, in, ...) of ``quantised``.

    log2((1 - p) / p), where the odds of p are those of the row (unit) times those of the column (what it reads:
    a channel, or one input), divided by those of the tensor; each estimated with two pseudo-counts. So a crowded
    unit's weights are cheap and a nearly dead unit's are dear, and units die or live as a whole.
    """
    present = (
        (quantised != 0).float().flatten(2) if quantised.dim() > 2 else (quantised != 0).float()[:, :, None]
    )
    density = (present.sum() + 0.5) / (present.numel() + 1)
    rows = (present.sum((1, 2)) + 2 * density) / (present[0].numel() + 2)
    columns = (present.sum((0, 2)) + 2 * density) / (present[:, 0].numel() + 2)
    logits = torch.logit(rows)[:, None] + torch.logit(columns)[None] - torch.logit(density)
    bits = (-logits / math.log(2)).clamp(1, 12)
    return bits.reshape(*bits.shape, *[1] * (quantised.dim() - 2))


def level_prices(quantised: torch.Tensor, largest: int) -> torch.Tensor:
    """Bits (largest + 1,): [0] sign and first level, [k] from level k to the next, the last beyond all levels."""
    size = quantised.abs()
    counts = torch.stack([(size == k).sum() for k in range(1, largest + 1)]).float() + 0.5
    bits = torch.cummax(-torch.log2(counts / counts.sum()), 0).values
    further = (bits[1:] - bits[:-1]).clamp(min=0.5)
    return torch.cat([1 + bits[:1], further, torch.full((1,), 4.0)])
