"""Slightly moved copies of the training images, so that a network sees more than the examples it must fit."""

import math

import torch
from torch.nn import functional

_AT_ONCE = 4096  # images


def moved_copies(
    images: torch.Tensor, copies: int, strength: float, generator: torch.Generator
) -> torch.Tensor:
    """The images (n, c, h, w), then ``copies`` moved versions of all: bfloat16 (n * (1 + copies), c, h, w).

    ``strength`` 1.0 is up to 6 degrees of rotation, 6 % of scale, 8 % of shear and 3 % of the side in shift. What
    enters from outside has the smallest value of all images.
    """
    background = images.min()
    out = torch.empty((copies + 1, *images.shape), dtype=torch.bfloat16)  # half the memory
    out[0] = images
    for copy in out[1:]:
        for start in range(0, len(images), _AT_ONCE):
            part = images[start : start + _AT_ONCE] - background
            grid = functional.affine_grid(
                _maps(len(part), strength, generator), list(part.shape), align_corners=False
            )
            copy[start : start + _AT_ONCE] = (
                functional.grid_sample(part, grid, align_corners=False) + background
            )
    return out.flatten(0, 1)


def _maps(count: int, strength: float, generator: torch.Generator) -> torch.Tensor:
    """Random affine maps (count, 2, 3) near the identity."""

    def within(limit: float) -> torch.Tensor:
        return (2 * torch.rand(count, generator=generator) - 1) * (limit * strength)

    angle, shear = within(math.radians(6)), within(0.08)
    wide, high = 1 + within(0.06), 1 + within(0.06)
    cosine, sine = angle.cos(), angle.sin()
    rows = [
        torch.stack([cosine * wide, (shear - sine) * high, within(0.06)], 1),
        torch.stack([sine * wide, cosine * high, within(0.06)], 1),
    ]
    return torch.stack(rows, 1)
