"""Training a small sparse network for the two-part code. Adding a sparsifier is one new file and one line here."""

from collections.abc import Callable
from dataclasses import dataclass

from mdlcodec.errors import BadData
from mdlcodec.nn.zoo import Architecture
from mdlcodec.sender.float_network import Tensors
from mdlcodec.sender.loop import Trainer, check_finite
from mdlcodec.sender.sparsify import dns, entropy

__all__ = ["SPARSIFIERS", "sparse_network", "steps_of"]


@dataclass(frozen=True)
class Sparsifier:
    """A way to train a sparse network whose tensors have at most 2^bits values each."""

    train: Callable[[Trainer, int], Tensors]
    steps: Callable[[Architecture, float, int], int]  # of an architecture, an effort and so many examples


SPARSIFIERS = {
    "dns": Sparsifier(dns.sparsify, dns.number_of_steps),
    "entropy": Sparsifier(entropy.sparsify, entropy.number_of_steps),
}


def steps_of(architecture: Architecture, sparsify: str, effort: float, n: int) -> int:
    """The number of steps that `sparse_network` takes for n examples; raises BadData for an unknown sparsifier."""
    return _named(sparsify).steps(architecture, effort, n)


def sparse_network(trainer: Trainer, *, sparsify: str | Sparsifier, bits: int) -> Tensors:
    """Trains the task's network sparse, with at most ``2**bits`` values in every tensor of weights.

    ``sparsify``: the name of a way in SPARSIFIERS, or one of one's own.

    Returns float32 tensors by the network's names and in its order, finite, without the units that cannot influence
    the output. Ordinary float32: the result differs between machines. Raises BadData for a sparsifier that does not
    exist and for codebooks of another size, InexactComputation when the training diverges.
    """
    train = _named(sparsify).train if isinstance(sparsify, str) else sparsify.train
    if not 2 <= bits <= 8:
        raise BadData(f"no codebooks of {bits} bits; choose 2 to 8")
    tensors = train(trainer, bits)
    check_finite(tensors)
    return {name: tensors[name] for name in trainer.task.graph.tensors(trainer.task.inputs)}


def _named(sparsify: str) -> Sparsifier:
    if sparsify not in SPARSIFIERS:
        raise BadData(f"no way to sparsify named {sparsify!r}; choose one of {', '.join(SPARSIFIERS)}")
    return SPARSIFIERS[sparsify]
