"""Codebooks for a pruned network, with trained centres (Zhou et al. 2018, A.1; Han et al. 2016, section 3.3)."""

from collections.abc import Callable

import torch
from torch.nn import functional

from mdlcodec.sender.descent import checked_loss
from mdlcodec.sender.k_means import codebook
from mdlcodec.sender.sparsify.adam import Adam
from mdlcodec.sender.sparsify.float_network import Tensors, batches, check_finite, forward
from mdlcodec.sender.sparsify.task import Task


def quantise(
    task: Task,
    tensors: Tensors,
    steps: int,
    batch: int,
    rate: float,
    generator: torch.Generator,
    progress: Callable[[float], None],
) -> Tensors:
    """Every tensor with at most ``2**task.bits`` values: k-means centres trained by Adam, the zero centre left at
    zero.

    A weight keeps its centre throughout; the learning rate falls linearly from ``rate`` to zero. ``progress`` is
    told the loss of each batch. Raises InexactComputation when the training diverges.
    """
    check_finite(tensors)
    centres: Tensors = {}
    indices: Tensors = {}
    for name, tensor in tensors.items():
        found, index = codebook(tensor.numpy(), task.bits)
        centres[name], indices[name] = torch.from_numpy(found), torch.from_numpy(index).long()
    free = {name: (found != 0).float() for name, found in centres.items()}
    optimiser, order = Adam(), batches(len(task.x), batch, generator)
    for done in range(steps):
        chosen = next(order)
        leaves = {name: found.detach().requires_grad_() for name, found in centres.items()}
        shown = {name: (leaf * free[name])[indices[name]] for name, leaf in leaves.items()}
        loss = functional.cross_entropy(forward(task.architecture, task.x[chosen], shown), task.y[chosen])
        loss.backward()
        with torch.no_grad():
            optimiser.update(leaves, rate * (1 - done / steps))
        centres = {name: leaf.detach() for name, leaf in leaves.items()}
        progress(checked_loss(loss.item()))
    return {name: found[indices[name]] for name, found in centres.items()}
