"""The layered networks in ordinary float32, as the sender trains them to be sparse.

Tensors travel as a dict, by the names of `Layered.tensor_names`: ``conv1.weight`` (out, in, 5, 5), ``fc1.weight``
(out, in), ``conv1.bias`` (out,) etc., of any widths. The biases of convolutions stay zero: a constant passes
through max pooling and the next layer unchanged, so the bias of the first full layer says all that they could.
"""

from collections.abc import Iterator, Mapping

import numpy as np
import torch
from torch.nn import functional

from mdlcodec.nn.architectures import Layered, Shape
from mdlcodec.sender import descent
from mdlcodec.sender.convolution import LANES, ConvolvePool

Tensors = dict[str, torch.Tensor]


def arranged(architecture: Layered, x: np.ndarray) -> torch.Tensor:
    """Examples as the network reads them, float32: (n, c, h, w) from (n, h, w, c) for images, else (n, d)."""
    shape = architecture.inputs_of(x.shape[1:])
    examples = x.reshape(-1, *shape)
    if architecture.needs_images:
        examples = examples.transpose(0, 3, 1, 2)
    return torch.from_numpy(np.ascontiguousarray(examples, np.float32))


def forward(architecture: Layered, batch: torch.Tensor, tensors: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Scores (m, k) of a batch as `arranged` gives it; m is a multiple of LANES for images.

    What `sender.float_layered.float_forward` computes, in a time that falls with the zeros among the kernels.
    """
    values = batch
    if architecture.needs_images:
        values = batch.reshape(-1, LANES, *batch.shape[1:]).permute(0, 2, 3, 4, 1).contiguous()
    for name, layer in zip(architecture.layer_names, architecture.layers, strict=True):
        weight = tensors[f"{name}.weight"]
        if layer.kind == "convolution":
            values = ConvolvePool.apply(values, weight)
            continue
        if values.dim() == 5:  # (blocks, channels, h, w, LANES) after convolutions
            values = values.flatten(1, 3).transpose(1, 2).reshape(len(batch), -1)
        values = functional.linear(values, weight, tensors[f"{name}.bias"])
        if layer.relu:
            values = functional.relu(values)
    return values


def batches(examples: int, size: int, generator: torch.Generator) -> Iterator[torch.Tensor]:
    """Endless index batches (size,), int64, from one random order of the examples after another."""
    for rows in descent.batches(size, lambda: torch.randperm(examples, generator=generator).numpy()):
        yield torch.from_numpy(rows)


def random_weights(shapes: Mapping[str, Shape], generator: torch.Generator) -> Tensors:
    """He initialisation of the weights (He et al. 2015), zero biases, from the shape of each layer's weight."""
    tensors: Tensors = {}
    for name, shape in shapes.items():
        scale = (2 / int(np.prod(shape[1:]))) ** 0.5
        tensors[f"{name}.weight"] = torch.randn(shape, generator=generator) * scale
        tensors[f"{name}.bias"] = torch.zeros(shape[0])
    return tensors


def check_finite(tensors: Mapping[str, torch.Tensor]) -> None:
    """Raises InexactComputation when a weight is NaN or infinite."""
    if not all(tensor.isfinite().all() for tensor in tensors.values()):
        raise descent.diverged()
