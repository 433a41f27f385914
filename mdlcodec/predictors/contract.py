"""What a predictor offers to the prequential code, whatever it learns with."""

from collections.abc import Callable
from typing import Protocol

import numpy as np

from mdlcodec.data.dataset import Inputs
from mdlcodec.errors import BadData
from mdlcodec.exact.threads import Chain
from mdlcodec.limits import Cost
from mdlcodec.saved import Saved

Enter = Callable[[np.ndarray], np.ndarray]
"""What a predictor makes of the features of other examples, (m, ...), in the way of its own."""


class Predictor(Protocol):
    """A prediction strategy p(y_k | x_1..k, y_1..k-1) (Blier & Ollivier 2018, equation 3.5)."""

    sets: int  # score sets per example

    def retire(self, start: int) -> list[int] | None:
        """Asked before example ``start`` is predicted: the numbers of the score sets that stay, of those until
        now; None if all do, as for every predictor but several at once."""
        return None

    def block_end(self, start: int) -> int:
        """Where the block that begins at ``start`` ends: labels within a block do not inform its scores."""

    def predict(self, start: int, stop: int) -> np.ndarray:
        """Scores float64 (stop - start, sets, k) of examples start..stop-1 from labels 0..start-1."""

    def learn(self, start: int, stop: int, labels: np.ndarray) -> None:
        """Labels int32 (stop - start,) of examples start..stop-1 are known now."""

    def lessons(self, start: int, stop: int, labels: np.ndarray) -> list[Chain]:
        """``learn``, but for what may run beside the lessons of other predictors, which is yet to be run."""
        self.learn(start, stop, labels)
        return []

    def complete(self) -> None:
        """After the last example: learns from the last block too, from which nothing is predicted otherwise."""
        return

    def answers(self, features: np.ndarray) -> np.ndarray:
        """Scores float64 (m, sets, k) of other examples from all labels; nothing is coded with them.

        features: float32 (m, ...), made as those of the examples are (mdlcodec.data.unseen). Predictors of real
        numbers have none.
        """
        raise BadData("real numbers have no probabilities of classes")

    def states(self) -> dict[str, np.ndarray]:
        """Everything learned so far, by name: the arrays that must be the same on every machine."""

    def saved(self) -> dict[str, np.ndarray]:
        """What ``restore`` needs besides the labels, between blocks; may share memory."""

    def restore(self, saved: Saved, labels: np.ndarray) -> None:
        """Of a predictor that has seen no label, but retired what is not for the next: goes on after labels
        (m,), where ``saved`` was given. Raises CorruptFile for a state that it cannot have."""


class PredictorFamily(Protocol):
    """A named predictor (`--net`); ``number`` is its id in the file."""

    name: str
    number: int

    def cost(self, inputs: Inputs, k: int, preset: int) -> Cost:
        """What a run will take, before anything is allocated; raises Unsupported for an unknown preset,
        BadData for inputs that do not fit."""

    def start(self, inputs: Inputs, k: int, preset: int, seed: int) -> Predictor:
        """A predictor that has seen no label yet."""


class ImageFamily(PredictorFamily, Protocol):
    """What the switching code runs of a family of networks of images: each network on its own, with a stopping time
    of its own (formats/switching.md)."""

    def alone(self, inputs: Inputs, k: int, preset: int, seed: int) -> list[Predictor]:
        """A predictor for each network, before any label. Raises as ``cost`` does."""

    def costs_alone(self, inputs: Inputs, k: int, preset: int) -> list[Cost]:
        """What each will take, but for the images; raises as ``cost`` does."""


class RealFamily(Protocol):
    """What predicts real numbers (formats/reals.md)."""

    def cost(self, inputs: Inputs, preset: int) -> Cost:
        """What a run will take. Raises Unsupported, BadData, LimitExceeded."""

    def start(self, inputs: Inputs, preset: int, seed: int) -> Predictor:
        """What predicts, before any value."""
