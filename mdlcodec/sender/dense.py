"""Training of a layered network as it is, in torch's float32, for a sender that transmits every weight.

No receiver repeats this. The mean loss of the labels to be coded is minimised, and nothing else: what they
cost under the network is all that its weights, whose length is fixed, can save.
"""

from __future__ import annotations

import math

import numpy as np
import torch

from mdlcodec.exact.random import Stream
from mdlcodec.nn.architectures import Layered, Weights
from mdlcodec.sender.descent import StepProgress, batches, checked_loss
from mdlcodec.sender.float_layered import float_forward

BATCH = 128
_RATE = 1e-3
_INITIAL, _ORDER = 1, 2  # purposes of random streams


def dense_network(
    architecture: Layered,
    x: np.ndarray,
    y: np.ndarray,
    k: int,
    *,
    steps: int,
    seed: int,
    progress: StepProgress,
) -> Weights:
    """The network of nominal widths, float32, after ``steps`` batches of Adam.

    x: float32 (n, h, w, c) or (n, d); y: integers (n,) below k; progress is told steps done, steps in all and
    the loss of a batch (nats a label). Raises BadData for inputs that do not fit, InexactComputation when the
    training diverges.
    """
    shape = architecture.inputs_of(x.shape[1:])
    initial, order = Stream(seed, _INITIAL), Stream(seed, _ORDER)
    parameters = []
    for size in architecture.shapes(x.shape[1:], k):
        gain = np.float32(np.sqrt(2.0 / math.prod(size[1:])))  # He et al. 2015
        weight = torch.from_numpy(initial.normals(size) * gain)
        parameters += [weight.requires_grad_(), torch.zeros(size[0], requires_grad=True)]
    pairs = list(zip(parameters[::2], parameters[1::2], strict=True))
    optimiser = torch.optim.Adam(parameters, lr=_RATE)
    batch_rows = batches(min(BATCH, len(x)), lambda: order.permutation(len(x)))
    for done in range(1, steps + 1):
        rows = next(batch_rows)
        batch = torch.from_numpy(np.ascontiguousarray(x[rows]).reshape(-1, *shape))
        targets = torch.from_numpy(y[rows].astype(np.int64))
        loss = torch.nn.functional.cross_entropy(float_forward(architecture, pairs, batch), targets)
        optimiser.param_groups[0]["lr"] = _RATE * (1.0 - (done - 1) / steps)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        progress(done, steps, checked_loss(loss.item()))
    return [(weight.detach().numpy(), bias.detach().numpy()) for weight, bias in pairs]
