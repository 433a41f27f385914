"""Training a small sparse network for the two-part code. Adding a sparsifier is one new file and one line here."""

from collections.abc import Callable

import numpy as np

from . import dns, entropy
from .float_network import Architecture, Tensors
from .task import Progress, Task, task

__all__ = ["SPARSIFIERS", "sparse_network"]

SPARSIFIERS: dict[str, Callable[[Task], tuple[Architecture, Tensors]]] = {
    "dns": dns.sparsify,
    "entropy": entropy.sparsify,
}


def sparse_network(
    x: np.ndarray,
    y: np.ndarray,
    k: int,
    net: str,
    bits: int = 4,
    seed: int = 0,
    sparsify: str = "entropy",
    progress: Progress | None = None,
    *,
    steps: float = 1.0,
) -> dict[str, np.ndarray]:
    """Trains ``net`` on labelled examples and returns it sparse, with at most ``2**bits`` values in every tensor.

    ``x``: float32 (n, h, w, c) or (n, d); ``y``: int32 (n,), below ``k``. ``steps`` scales the number of training
    steps. Returns float32 tensors ``conv1.weight`` (out, in, 5, 5), ``conv1.bias`` (out,), ..., ``fc1.weight``
    (out, in), ... in the order of the layers, without the units that cannot influence the output. Ordinary float32
    arithmetic: the result may differ between machines, so it is sent. Raises ValueError for names that do not exist
    and data that do not fit.
    """
    if sparsify not in SPARSIFIERS:
        raise ValueError(f"no sparsifier named {sparsify!r}; choose one of {', '.join(SPARSIFIERS)}")
    found, tensors = SPARSIFIERS[sparsify](
        task(x, y, k, net, bits, seed, steps, progress or (lambda *_: None))
    )
    names = [f"{layer}.{part}" for layer in found.layers for part in ("weight", "bias")]
    return {name: tensors[name].detach().numpy().astype(np.float32, copy=True) for name in names}
