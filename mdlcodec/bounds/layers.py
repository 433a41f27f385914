"""What each layer takes and what noise saves on it: Zhou et al. 2018, Table 3."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mdlcodec.bounds.robustness import LayerPrior
from mdlcodec.bounds.subject import Coded, Subject
from mdlcodec.nn.weights import Weights

ALL_ELSE = "all else"


@dataclass(frozen=True)
class LayerRow:
    """The weight of a linear layer or a convolution, of each channel too.

    ``shape``, ``elements``: before units were pruned; ``bits``: ideal, within the section of the file;
    ``equal_length_bits``: the same in the code in which all values are equally probable; ``smoothing_bits``: what
    the noise of Theorem 5.1 takes off these, once the layer's prior is paid (below 0 where that cost more). The
    last row is of biases, normalisation, names and shapes.
    """

    name: str
    shape: tuple[int, ...] | None
    elements: int
    nonzeros: int
    bits: float
    equal_length_bits: float
    smoothing_bits: float

    @property
    def share(self) -> float:
        """Non-zeros among the elements."""
        return self.nonzeros / self.elements if self.elements else 0.0


def layer_rows(subject: Subject, priors: Sequence[LayerPrior]) -> tuple[LayerRow, ...]:
    """One of each layer, in the network's order, and one of all else; ``priors``: of the layers."""
    nominal = subject.architecture.tensors(subject.x.shape[1:], subject.k)
    noisy = dict(zip(subject.architecture.layer_names, priors, strict=True))
    rows, layers = [], set()
    for name, parameter in nominal.items():
        layer, shape = name.rpartition(".")[0], parameter.shape
        if len(shape) < 2:
            continue
        layers.add(name)
        nats = noisy[layer].nats if layer in noisy else 0.0
        rows.append(
            LayerRow(
                layer,
                shape,
                math.prod(shape),
                int(np.count_nonzero(subject.weights[name])),
                subject.coded[name].bits,
                subject.coded[name].equal_length_bits,
                0.0 if nats == 0 else -nats / math.log(2.0),
            )
        )
    others = [name for name in nominal if name not in layers]
    rest = Coded(
        math.fsum(subject.coded[name].bits for name in others) + subject.names_bits,
        math.fsum(subject.coded[name].equal_length_bits for name in others) + subject.names_bits,
    )
    elements = sum(math.prod(nominal[name].shape) for name in others)
    rows.append(
        LayerRow(
            ALL_ELSE,
            None,
            elements,
            _nonzeros(subject.weights, others),
            rest.bits,
            rest.equal_length_bits,
            0.0,
        )
    )
    return tuple(rows)


def _nonzeros(weights: Weights, names: Sequence[str]) -> int:
    return sum(int(np.count_nonzero(weights[name])) for name in names)
