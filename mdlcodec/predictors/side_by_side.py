"""Several predictors of one data set side by side: the calibration weighs each one's scores by its record."""

from collections.abc import Sequence

import numpy as np
from typing_extensions import override

from mdlcodec.exact.choice import chosen_arithmetic
from mdlcodec.exact.threads import Chain
from mdlcodec.mixing.pools import mean_log_probabilities
from mdlcodec.predictors.contract import Enter, Predictor
from mdlcodec.saved import Saved, joined, part_of


class SideBySide(Predictor):
    """The score sets of all members in their order, then for each group of members the logarithms of the mean
    probabilities of their last score sets."""

    def __init__(
        self,
        members: Sequence[Predictor],
        groups: Sequence[Sequence[int]] | None = None,
        enter: Enter = np.asarray,
    ) -> None:
        """``groups``: numbers of members; one of all by default. ``enter``: what features of other examples become
        before members are asked."""
        self._members, self._enter, self._arithmetic = members, enter, chosen_arithmetic()
        self._groups = [range(len(members))] if groups is None else groups
        self.sets = sum(member.sets for member in members) + len(self._groups)  # integers

    def block_end(self, start: int) -> int:
        """The first member's blocks serve all."""
        return self._members[0].block_end(start)

    @override
    def predict(self, start: int, stop: int) -> np.ndarray:
        return self._pooled([member.predict(start, stop) for member in self._members])

    @override
    def answers(self, features: np.ndarray) -> np.ndarray:
        entered = self._enter(features)
        return self._pooled([member.answers(entered) for member in self._members])

    def _pooled(self, scores: list[np.ndarray]) -> np.ndarray:
        """All score sets, of the members' own."""
        pools = np.empty((len(self._groups), *scores[0].shape[::2]))
        for group, pool in zip(self._groups, pools, strict=True):
            mean_log_probabilities(np.stack([scores[member][:, -1] for member in group]), pool)
        return np.concatenate([*scores, pools.transpose(1, 0, 2)], axis=1)

    @override
    def learn(self, start: int, stop: int, labels: np.ndarray) -> None:
        self._arithmetic.run(self.lessons(start, stop, labels))

    @override
    def lessons(self, start: int, stop: int, labels: np.ndarray) -> list[Chain]:
        return [chain for member in self._members for chain in member.lessons(start, stop, labels)]

    @override
    def complete(self) -> None:
        for member in self._members:
            member.complete()

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
