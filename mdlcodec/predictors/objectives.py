"""What a network learns: classes by cross-entropy, or real numbers by squared error."""

from typing import Any, Protocol

import numpy as np
from typing_extensions import override

from mdlcodec.mixing.pools import mean_log_probabilities
from mdlcodec.nn.losses import Loss, cross_entropy, squared_error

REAL_SCORES = 2  # a mean, and a deviation


class Objective(Protocol):
    """What the network predictor leaves to its target."""

    outputs: int  # of a network
    scores: int  # of an example's score set
    targets: np.dtype[Any]

    @property
    def loss(self) -> Loss:
        """What its outputs are judged by."""

    def pool(self, outputs: np.ndarray, out: np.ndarray) -> None:
        """outputs float32 (members, m, outputs) -> scores float64 (m, scores)."""


class ClassObjective(Objective):
    """Cross-entropy of k classes; scores are logarithms of the members' mean probability."""

    targets = np.dtype(np.int64)

    def __init__(self, k: int) -> None:
        self.outputs = self.scores = k

    @property
    @override
    def loss(self) -> Loss:
        return cross_entropy

    @override
    def pool(self, outputs: np.ndarray, out: np.ndarray) -> None:
        mean_log_probabilities(outputs, out)


class RealObjective(Objective):
    """Squared error of one output; scores are the members' mean, and a deviation of 1 that the mixture scales."""

    outputs = 1
    scores = REAL_SCORES
    targets = np.dtype(np.float64)

    @property
    @override
    def loss(self) -> Loss:
        return squared_error

    @override
    def pool(self, outputs: np.ndarray, out: np.ndarray) -> None:
        total = np.zeros(outputs.shape[1])
        for member in outputs:
            total = total + member[:, 0].astype(np.float64)
        out[:, 0] = total / np.float64(len(outputs))
        out[:, 1] = 1.0
