"""Examples beside the coded ones, on which what was learned is tested."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mdlcodec import data
from mdlcodec.data import Dataset
from mdlcodec.data.bounded import list_bounded
from mdlcodec.data.unseen import features_beside
from mdlcodec.errors import BadData

_IDX = re.compile(r"train(-images[-.]idx3-ubyte)(\.gz)?")
_CIFAR = {"data_batch_1.bin": "test_batch.bin", "train.bin": "test.bin"}


def beside(source: str) -> str | None:
    """The file of test examples that MNIST and CIFAR have beside the training files; None where there is none."""
    path = Path(source)
    folder, names = (path, list_bounded(path)) if path.is_dir() else (path.parent, [path.name])
    for name in names:
        match = _IDX.fullmatch(name)
        others = [_CIFAR.get(name)] if match is None else [f"t10k{match[1]}", f"t10k{match[1]}.gz"]
        for other in others:
            if other is not None and (folder / other).is_file():
                return str(folder / other)
    return None


@dataclass(frozen=True)
class Examples:
    """Examples that are not coded: ``features`` float32 (m, ...) made as the coded ones' are, ``classes`` int64
    (m,) as these number them, and the data set they came as."""

    features: np.ndarray
    classes: np.ndarray
    dataset: Dataset


def read_examples(source: str, target: str | None, trained: Dataset) -> Examples:
    """Test examples beside those of ``trained``, which has its content. Raises BadData for what cannot be read, for
    examples of another shape, and for labels that no coded example has."""
    return examples_of(data.read(source, target=target, keep=True), trained)


def examples_of(others: Dataset, trained: Dataset) -> Examples:
    """As read_examples, of what was read."""
    assert trained.content is not None
    assert others.content is not None
    theirs, values = others.class_labels, trained.class_labels.values
    if (theirs.values.dtype.kind == "U") != (values.dtype.kind == "U"):
        raise BadData("the labels of the test examples are of another type than those that are coded")
    if not np.isin(theirs.values, values).all():
        raise BadData("the test examples have labels that none of the coded examples has; leave --test out")
    classes = np.searchsorted(values, theirs.values)[theirs.classes]
    return Examples(features_beside(trained.content, others.content), classes, others)
