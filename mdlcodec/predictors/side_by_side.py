"""Several predictors of one data set side by side: the calibration weighs each one's scores by its record."""

from collections.abc import Sequence

import numpy as np
from typing_extensions import override

from mdlcodec.exact.choice import chosen_arithmetic
from mdlcodec.exact.threads import Chain
from mdlcodec.mixing.pools import mean_log_probabilities
from mdlcodec.predictors.contract import Predictor
from mdlcodec.saved import Saved, joined, part_of


class SideBySide(Predictor):
    """The score sets of all members in their order, then the logarithms of the mean probabilities of the last score
    set of each."""

    def __init__(self, members: Sequence[Predictor]) -> None:
        self._members, self._arithmetic = members, chosen_arithmetic()
        self.sets = sum(member.sets for member in members) + 1  # integers

    def block_end(self, start: int) -> int:
        """The first member's blocks serve all."""
        return self._members[0].block_end(start)

    @override
    def predict(self, start: int, stop: int) -> np.ndarray:
        scores = [member.predict(start, stop) for member in self._members]
        pools = self.pools(np.stack([own[:, -1] for own in scores]))
        return np.concatenate([*scores, np.stack(pools, axis=1)], axis=1)

    def pools(self, scores: np.ndarray) -> list[np.ndarray]:
        """What comes behind the members' score sets, float64 (m, k) each, from the last one of each member, float64
        (members, m, k)."""
        return [self.pool(scores)]

    @staticmethod
    def pool(scores: np.ndarray) -> np.ndarray:
        """Logarithms of mean probabilities, float64 (score sets, m, k) -> (m, k)."""
        mean = np.empty(scores.shape[1:])
        mean_log_probabilities(scores, mean)
        return mean

    @override
    def learn(self, start: int, stop: int, labels: np.ndarray) -> None:
        self._arithmetic.run(self.lessons(start, stop, labels))

    @override
    def lessons(self, start: int, stop: int, labels: np.ndarray) -> list[Chain]:
        return [chain for member in self._members for chain in member.lessons(start, stop, labels)]

    @override
    def states(self) -> dict[str, np.ndarray]:
        return {
            f"member {number} {name}": array
            for number, member in enumerate(self._members)
            for name, array in member.states().items()
        }

    @override
    def saved(self) -> dict[str, np.ndarray]:
        return joined({str(number): member.saved() for number, member in enumerate(self._members)})

    @override
    def restore(self, saved: Saved, labels: np.ndarray) -> None:
        for number, member in enumerate(self._members):
            member.restore(part_of(saved, str(number)), labels)
