"""Training a small sparse network for the two-part code. Adding a sparsifier is one new file and one line here."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mdlcodec.errors import BadData
from mdlcodec.nn.architectures import Layered
from mdlcodec.sender.descent import StepProgress
from mdlcodec.sender.sparsify import dns, entropy
from mdlcodec.sender.sparsify.float_network import Tensors, check_finite
from mdlcodec.sender.sparsify.task import Task, checked_task

__all__ = ["SPARSIFIERS", "sparse_network", "steps_of"]


@dataclass(frozen=True)
class Sparsifier:
    """A way to train a sparse network."""

    train: Callable[[Task], Tensors]
    steps: Callable[[Layered, float, int], int]  # of an architecture, an effort and so many examples


SPARSIFIERS = {
    "dns": Sparsifier(dns.sparsify, dns.number_of_steps),
    "entropy": Sparsifier(entropy.sparsify, entropy.number_of_steps),
}


def steps_of(architecture: Layered, sparsify: str, effort: float, n: int) -> int:
    """The number of steps that `sparse_network` takes for n examples; raises BadData for an unknown sparsifier."""
    return _named(sparsify).steps(architecture, effort, n)


def sparse_network(
    x: np.ndarray,
    y: np.ndarray,
    k: int,
    architecture: Layered,
    *,
    bits: int,
    seed: int,
    sparsify: str,
    progress: StepProgress,
    effort: float = 1.0,
) -> dict[str, np.ndarray]:
    """Trains a network on labelled examples and returns it sparse, with at most ``2**bits`` values in every tensor.

    x: float32 (n, h, w, c) or (n, d); y: integers (n,) below k; effort: scales the number of training steps.
    Returns float32 tensors by the architecture's names and in its order, weights (out, in, 5, 5) or (out, in) and
    biases (out,), finite, without the units that cannot influence the output. Ordinary float32: the result differs
    between machines. Raises BadData for a sparsifier that does not exist and for data that do not fit,
    InexactComputation when the training diverges.
    """
    train = _named(sparsify).train
    tensors = train(checked_task(x, y, k, architecture, bits, seed, effort, progress))
    check_finite(tensors)
    return {name: tensors[name].numpy() for name in architecture.tensor_names}


def _named(sparsify: str) -> Sparsifier:
    if sparsify not in SPARSIFIERS:
        raise BadData(f"no way to sparsify named {sparsify!r}; choose one of {', '.join(SPARSIFIERS)}")
    return SPARSIFIERS[sparsify]
