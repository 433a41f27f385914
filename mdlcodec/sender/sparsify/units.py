"""Dead units: those that nothing reaches, or that reach nothing. They leave, and the tensors shrink."""

import itertools
from collections.abc import Mapping

import torch

from mdlcodec.nn.architectures import Layered
from mdlcodec.sender.sparsify.float_network import Tensors

Units = dict[str, torch.Tensor]
"""For each hidden layer by its name, which units: bool (units,)."""


def live_units(architecture: Layered, tensors: Mapping[str, torch.Tensor]) -> Units:
    """The units with both an input (or a bias) and a live reader; every hidden layer keeps at least one."""
    names = architecture.layer_names
    weights = [tensors[f"{name}.weight"] != 0 for name in names]
    biases = [tensors[f"{name}.bias"] != 0 for name in names]
    alive = [torch.ones(len(weight), dtype=torch.bool) for weight in weights]
    changed = True
    while changed:
        changed = False
        for i in range(len(weights) - 1):
            inputs = weights[i] if i == 0 else weights[i] & _read_units(weights[i], alive[i - 1])
            reached = inputs.flatten(1).any(1) | biases[i]
            readers = weights[i + 1].reshape(len(alive[i + 1]), len(alive[i]), -1)
            read = readers[alive[i + 1]].any(2).any(0)
            now = alive[i] & reached & read
            changed |= not torch.equal(now, alive[i])
            alive[i] = now
    for mask in alive[:-1]:
        mask[0] |= ~mask.any()
    return dict(zip(names[:-1], alive[:-1], strict=True))


def shrunk(architecture: Layered, tensors: Mapping[str, torch.Tensor], units: Units) -> Tensors:
    """Any tensors shaped like the network's (weights, masks, optimiser state), with only ``units`` left.

    Tensors may be missing.
    """
    out = dict(tensors)
    for name, following in itertools.pairwise(architecture.layer_names):
        keep = units[name]
        for key in (f"{name}.weight", f"{name}.bias"):
            if key in out:
                out[key] = out[key][keep].contiguous()
        key = f"{following}.weight"
        if key in out:
            reader = out[key]
            grouped = reader.reshape(len(reader), len(keep), -1)[:, keep]
            out[key] = grouped.reshape(len(reader), -1, *reader.shape[2:]).contiguous()
    return out


def _read_units(weight: torch.Tensor, alive: torch.Tensor) -> torch.Tensor:
    """Which entries of a weight (out, in, ...) read a live unit of the layer before: bool (1, in, ...)."""
    each = weight.shape[1] // len(alive)  # places of a map that is flattened; 1 otherwise
    return alive.repeat_interleave(each).reshape(1, -1, *[1] * (weight.dim() - 2))
