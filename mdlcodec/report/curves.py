"""Codelength and accuracy as labels are coded one after the other (Blier & Ollivier 2018, Figures 2 and 3)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mdlcodec.errors import BadData
from mdlcodec.limits import SENDER_LIMITS, Limits, check_limits

if TYPE_CHECKING:
    from mdlcodec.data import Dataset

Say = Callable[[int, float], None]
"""Is told labels done, and ideal bits of them."""


@dataclass(frozen=True)
class Curve:
    """After so many ``samples``: ideal ``bits`` of them together, and how many of them were predicted ``right``.

    Arrays of one length, ascending.
    """

    samples: np.ndarray
    bits: np.ndarray
    right: np.ndarray

    def in_packs(self, growth: float = 1.25, smallest: int = 8) -> Curve:
        """Fewer points: ``growth`` times the samples of the one before, and at least ``smallest`` more."""
        kept, last = [], 0
        for i, samples in enumerate(self.samples.tolist()):
            if samples >= max(last + smallest, growth * last) or i == len(self.samples) - 1:
                kept.append(i)
                last = samples
        return Curve(self.samples[kept], self.bits[kept], self.right[kept])

    def bits_per_sample(self) -> np.ndarray:
        """Bits a sample, of the samples between each point and the one before."""
        return np.diff(self.bits, prepend=0.0) / np.diff(self.samples, prepend=0)

    def accuracy(self) -> np.ndarray:
        """Accuracy of the predictions of the samples between each point and the one before."""
        return np.diff(self.right, prepend=0) / np.diff(self.samples, prepend=0)


def prequential_curve(
    dataset: Dataset,
    *,
    code: str = "prequential",
    net: str = "auto",
    preset: int,
    seed: int = 0,
    limits: Limits = SENDER_LIMITS,
    say: Say | None = None,
) -> Curve:
    """A point for every label, as the prequential or the switching code predicts it.

    Raises BadData for a network that is not there, or does not fit, LimitExceeded.
    """
    from mdlcodec.codes import code_named

    chosen = code_named(code)
    assert dataset.labels is not None
    inputs, target = dataset.inputs, dataset.labels.target
    prepared = chosen.prepare(inputs, target, chosen.settings(net, preset, seed, inputs, target))
    check_limits(prepared.sending_cost, limits)
    predicted = prepared.predicted(dataset.class_labels.classes)
    if predicted is None:
        raise BadData(
            f"--code {code} does not learn from the labels already coded; choose prequential or switching"
        )
    bits, right = np.zeros(inputs.n), np.ones(inputs.n, bool)
    for some in predicted:
        part = slice(some.stop - some.labels.size, some.stop)
        bits[part] = -np.log2(some.probability)
        right[part] = some.frequencies.argmax(1) == some.labels
        if say is not None:
            say(some.stop, float(bits[: some.stop].sum()))
    return Curve(np.arange(1, inputs.n + 1), np.cumsum(bits), np.cumsum(right))
