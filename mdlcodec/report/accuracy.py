"""Examples beside the coded ones, and how many of them a transmitted network gets right."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mdlcodec import data
from mdlcodec.data import Dataset
from mdlcodec.data.bounded import list_bounded
from mdlcodec.data.features import are_pixels
from mdlcodec.errors import BadData

if TYPE_CHECKING:
    from mdlcodec.nn.weights import Weights
    from mdlcodec.nn.zoo import Architecture

_IDX = re.compile(r"train(-images[-.]idx3-ubyte)(\.gz)?")
_CIFAR = {"data_batch_1.bin": "test_batch.bin", "train.bin": "test.bin"}
_EXAMPLES_AT_ONCE = 4096


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


def read_examples(source: str, target: str | None, trained: Dataset) -> Dataset:
    """Test examples whose features are made as those of ``trained``.

    Raises BadData for what cannot be read, or where the features are made in another way: preprocessing
    depends on all examples of a data set, but for images of 8-bit pixels that reach from 0 to 255.
    """
    examples = data.read(source, target=target)
    assert examples.labels is not None
    assert trained.labels is not None
    ours, theirs = trained.inputs, examples.inputs
    if not ours.is_images or ours.features.shape[1:] != theirs.features.shape[1:]:
        raise BadData("test examples are measured only for images, of the same size as those that are coded")
    if not all(are_pixels(inputs.features) for inputs in (ours, theirs)):
        raise BadData(
            "test examples are measured only for images of 8-bit pixels whose smallest value is 0 and largest 255; "
            "scale the pixels of both sets, or leave --test out"
        )
    if (examples.class_labels.values.dtype.kind == "U") != (trained.class_labels.values.dtype.kind == "U"):
        raise BadData("the labels of the test examples are of another type than those that are coded")
    if not np.isin(examples.class_labels.values, trained.class_labels.values).all():
        raise BadData("the test examples have labels that none of the coded examples has; leave --test out")
    return examples


def accuracy(network: tuple[Architecture, Weights], values: np.ndarray, examples: Dataset) -> float:
    """Share of the examples to which the network's exact prediction gives their label.

    values: (k,) the label of each of the network's outputs.
    """
    from mdlcodec.nn.exact_prediction import ExactNetwork

    assert examples.labels is not None
    architecture, weights = network
    features, truth = examples.inputs.features, examples.labels.array()
    exact = ExactNetwork(architecture, weights, features.shape[1:])
    right = 0
    for start in range(0, len(features), _EXAMPLES_AT_ONCE):
        rows = slice(start, start + _EXAMPLES_AT_ONCE)
        scores = exact.scores(features[rows])
        right += int(np.count_nonzero(values[scores.argmax(1)] == truth[rows]))
    return right / len(features)
