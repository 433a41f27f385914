"""What is trained on, tested on and measured, plainly and in the control with random labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mdlcodec import data
from mdlcodec.data.array_likes import as_array
from mdlcodec.data.unseen import features_beside
from mdlcodec.errors import BadData
from mdlcodec.exact.random import Stream
from mdlcodec.studies.information_plane.activations import sample_of
from mdlcodec.studies.information_plane.bottleneck import curve, joint_of
from mdlcodec.studies.information_plane.symmetric import symmetric
from mdlcodec.studies.information_plane.training import Examples
from mdlcodec.studies.trained_files import Sets

PLAIN, RANDOM_LABELS, FULL_BATCH = "", "random-labels", "full-batch"
CONTROLS = (RANDOM_LABELS, FULL_BATCH)
SYMMETRIC = "symmetric"
MEASURED = 10_000  # test examples, at most, on which layers are measured
_ORDER, _LABELS = 0x6F72646572, 0x6C6162656C  # purposes of streams
_TRAINED_SHARE = (4, 5)  # of the symmetric set, as its authors have it


@dataclass(frozen=True)
class Problem:
    """Features float32 (n, ...) and classes int (n,); ``known``: whether the training and test examples are
    all that there are, each as likely as another."""

    x: np.ndarray
    y: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    classes: int
    known: bool

    @classmethod
    def of(cls, x: object, y: object, x_test: object, y_test: object) -> Problem:
        """Of the arguments of `study.plane`. Raises BadData for what nothing can be learned of."""
        if isinstance(x, str):
            if x != SYMMETRIC or y is not None:
                raise BadData(f"no data set named {x[:40]!r}; give {SYMMETRIC!r} alone, or arrays x and y")
            return cls._symmetric()
        if y is None:
            raise BadData("there are no labels y; give one for each example of x")
        arrays: list[Any] = [as_array(x, "x"), as_array(y, "y")]
        arrays += [
            None if one is None else as_array(one, name) for one, name in ((x_test, "x"), (y_test, "y"))
        ]
        if arrays[0].dtype.kind == "f" and not np.isfinite(arrays[0]).all():
            raise BadData("x has values that are NaN or infinite; leave those examples out")
        sets = Sets.of(*arrays)
        content = data.content_of(sets.x)
        values = sets.labels.values
        return cls(
            content.inputs().features,
            sets.labels.classes.astype(np.int64),
            features_beside(content, data.content_of(sets.x_test)),
            np.searchsorted(values, sets.y_test),
            len(values),
            known=False,
        )

    @classmethod
    def _symmetric(cls) -> Problem:
        x, y = symmetric()
        order = Stream(0, _ORDER).permutation(len(x))
        n = len(x) * _TRAINED_SHARE[0] // _TRAINED_SHARE[1]
        features, classes = x[order].astype(np.float32), y[order].astype(np.int64)
        return cls(features[:n], classes[:n], features[n:], classes[n:], 2, known=True)

    def curve(self) -> list[tuple[float, float]]:
        """The information-bottleneck limit, empty where p(x, y) is not known."""
        if not self.known:
            return []
        rows = np.concatenate([self.x, self.x_test]).reshape(len(self.x) + len(self.x_test), -1)
        return curve(joint_of(rows, np.concatenate([self.y, self.y_test])))


def examples_of(problem: Problem, control: str) -> Examples:
    """Layers are measured on all examples where these are all that there are, else on test examples.

    With random labels, those of the training and those of the test examples are each in an order that has
    nothing to do with the inputs. Raises BadData where the sample is too small.
    """
    y, y_test = problem.y, problem.y_test
    if control == RANDOM_LABELS:
        y = y[Stream(0, _LABELS, 0).permutation(len(y))]
        y_test = y_test[Stream(0, _LABELS, 1).permutation(len(y_test))]
    if problem.known:
        x_measured, y_measured = np.concatenate([problem.x, problem.x_test]), np.concatenate([y, y_test])
        unseen = np.arange(len(x_measured)) >= len(y)
    else:
        x_measured, y_measured = problem.x_test[:MEASURED], y_test[:MEASURED]
        unseen = np.ones(len(x_measured), bool)
    sample = sample_of(unseen, y_measured)
    return Examples(problem.x, y, problem.x_test, y_test, x_measured, y_measured, sample)
