"""Codebooks for a pruned network, with trained centres (Zhou et al. 2018, A.1; Han et al. 2016, section 3.3)."""

import torch
from torch.nn import functional

from mdlcodec.weights.k_means import codebook

from .adam import Adam
from .float_network import Architecture, Tensors, batches, forward
from .task import Progress


def quantise(
    net: Architecture,
    tensors: Tensors,
    x: torch.Tensor,
    y: torch.Tensor,
    bits: int,
    steps: int,
    batch: int,
    rate: float,
    generator: torch.Generator,
    progress: Progress,
) -> Tensors:
    """Every tensor with at most ``2**bits`` values: k-means centres trained by Adam, the zero centre left at zero.

    ``x`` and ``y`` as `forward` and the cross-entropy take them. A value keeps its centre throughout; the learning
    rate falls linearly to zero.
    """
    centres: Tensors = {}
    indices: Tensors = {}
    for name, tensor in tensors.items():
        found, index = codebook(tensor.numpy(), bits)
        centres[name], indices[name] = torch.from_numpy(found), torch.from_numpy(index).long()
    free = {name: (found != 0).float() for name, found in centres.items()}
    optimiser, order = Adam(), batches(len(x), batch, generator)
    for done in range(steps):
        chosen = next(order)
        leaves = {name: found.detach().requires_grad_() for name, found in centres.items()}
        shown = {name: (leaf * free[name])[indices[name]] for name, leaf in leaves.items()}
        loss = functional.cross_entropy(forward(net, x[chosen], shown), y[chosen])
        loss.backward()
        with torch.no_grad():
            optimiser.update(leaves, rate * (1 - done / steps))
        centres = {name: leaf.detach() for name, leaf in leaves.items()}
        progress(done + 1, steps, loss.item())
    return {name: (found * free[name])[indices[name]] for name, found in centres.items()}
