"""Predictions of the layered networks in ordinary float32: for what no receiver repeats."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from mdlcodec.exact.guard import sender_alone
from mdlcodec.nn.architectures import Layered, Weights, check_fit
from mdlcodec.nn.layered import as_float32, batches_of


def float_forward(
    architecture: Layered, weights: Sequence[tuple[torch.Tensor, torch.Tensor]], batch: torch.Tensor
) -> torch.Tensor:
    """Scores in torch's float32, which autograd differentiates: batch (N, h, w, c) or (N, d) -> (N, k)."""
    values = batch.permute(0, 3, 1, 2) if architecture.needs_images else batch
    for layer, (weight, bias) in zip(architecture.layers, weights, strict=True):
        if layer.kind == "convolution":
            values = torch.nn.functional.conv2d(values, weight, bias)
        else:
            values = torch.nn.functional.linear(values.flatten(1), weight, bias)
        if layer.pool:
            values = torch.nn.functional.max_pool2d(values, 2)
        if layer.relu:
            values = torch.nn.functional.relu(values)
    return values


def float_outputs(architecture: Layered, weights: Weights, x: np.ndarray) -> np.ndarray:
    """Scores of every example in torch's float32: (n, h, w, c) or (n, d) -> float32 (n, k).

    Close to `exact_outputs`, and another result on every machine: for what no receiver repeats.
    Raises BadData where the weights do not fit the inputs.
    """
    outputs = weights[-1][1].shape[0]
    check_fit(architecture, weights, x.shape[1:], outputs)
    maps = architecture.maps(architecture.inputs_of(x.shape[1:]))
    tensors = [
        (torch.from_numpy(weight), torch.from_numpy(bias)) for weight, bias in as_float32(weights, maps)
    ]
    scores = np.empty((x.shape[0], outputs), np.float32)
    with sender_alone(), torch.no_grad():
        for rows, batch in batches_of(architecture, weights, x):
            scores[rows] = float_forward(architecture, tensors, torch.from_numpy(batch)).numpy()
    return scores
