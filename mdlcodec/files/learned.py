"""What a file's labels taught, asked about examples that are not coded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mdlcodec.exact.processor_state import entry
from mdlcodec.files.runs import Plan, Watch, announced
from mdlcodec.limits import DEFAULT_LIMITS, Limits

if TYPE_CHECKING:
    from mdlcodec.codes import Learned
    from mdlcodec.data import AnyLabels, Inputs
    from mdlcodec.files.label_file import LabelFile


class Answers:
    """What was learned, on the device where it was."""

    def __init__(self, learned: Learned, device: str = "auto") -> None:
        """``device``: see `mdlcodec.exact.choice`."""
        self._learned, self._device = learned, device

    @entry
    def probabilities(self, features: np.ndarray) -> np.ndarray:
        """Of each class, float64 (m, k), for features float32 (m, ...) made as the coded examples' are."""
        from mdlcodec.exact.choice import computing_on

        with computing_on(self._device):
            return self._learned.probabilities(features)

    def accuracy(self, features: np.ndarray, classes: np.ndarray) -> float:
        """Share of the examples whose most likely class is theirs; classes: int (m,)."""
        right = np.count_nonzero(np.argmax(self.probabilities(features), 1) == classes)
        return right / len(features)

    def bits(self, features: np.ndarray, classes: np.ndarray) -> float:
        """-sum log2 p of the examples' classes, int (m,)."""
        chosen = self.probabilities(features)[np.arange(classes.size), classes]
        return -float(np.log2(chosen).sum())  # reported only


@entry
def learn_again(
    file: LabelFile,
    inputs: Inputs,
    labels: AnyLabels,
    *,
    device: str = "auto",
    limits: Limits = DEFAULT_LIMITS,
    watch: Watch | None = None,
) -> Answers:
    """What the file's labels, which were decoded or encoded with these inputs, taught.

    Takes as long as decoding where both sides learn; a network that the file transmits is only read. Raises BadData
    for real numbers, LimitExceeded.
    """
    from mdlcodec.exact.choice import computing_on

    with computing_on(device):
        prepared = file.code.prepare(inputs, file.target, file.settings)
        cost = prepared.cost
        plan = Plan(file.code.name, file.net, file.settings, file.n, file.target, cost, cost)
        held = inputs.features.nbytes  # integers
        progress, _ = announced(plan, held, limits, watch)
        return Answers(prepared.learned(file.payload, labels.coded, progress), device)
