"""scikit-learn's manners: a scorer that gives codelengths, for ``cross_validate`` and its like."""

from __future__ import annotations

from typing import Any

import mdlcodec
from mdlcodec.errors import BadData


class CodelengthScorer:
    """The codelength of labels given what an estimator makes of the inputs: minus the file's bits a label.

    ``scorer(estimator, x, y)``: where the fitted estimator transforms (a ``transform``, or a pipeline's steps
    before a last one that predicts), y is coded given what it makes of x, else given x itself. Greater is
    better, as always in scikit-learn. Options are those of `mdlcodec.encode`.
    """

    def __init__(self, **options: Any) -> None:
        self.options = options

    def __call__(self, estimator: Any, x: object, y: object = None) -> float:
        """Raises BadData without labels, and as `mdlcodec.encode` does."""
        if y is None:
            raise BadData("a codelength is of labels; give y")
        blob = mdlcodec.encode(_transformed(estimator, x), y, **self.options)
        return -8.0 * len(blob) / int(mdlcodec.inspect(blob)["labels"])  # type: ignore[call-overload]

    def __repr__(self) -> str:
        """As it is called."""
        options = ", ".join(f"{name}={value!r}" for name, value in self.options.items())
        return f"CodelengthScorer({options})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CodelengthScorer) and self.options == other.options

    def __hash__(self) -> int:
        return hash(repr(self))


def _transformed(estimator: Any, x: object) -> object:
    """What a fitted estimator makes of x (n, ...)."""
    steps = getattr(estimator, "steps", None)
    if steps and not hasattr(estimator, "transform"):
        estimator = estimator[:-1]
    return estimator.transform(x) if hasattr(estimator, "transform") else x
