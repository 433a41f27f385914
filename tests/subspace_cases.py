"""Points of random subspaces made of integers alone, and the files that the subspace code makes with them.

Training in float32 gives other points on other machines; given the point, a file is the same everywhere.
Interpreters without pytest import this too (portability_worker.py).
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from label_sets import blobs, images, oblong

from mdlcodec import data
from mdlcodec.codes import CODES
from mdlcodec.codes.subspace import SubspacePayload, encode_labels
from mdlcodec.container import write_label_file
from mdlcodec.descriptions.subspace.affine import STEPS, AffineSubspace
from mdlcodec.descriptions.subspace.coordinates import decode_coordinates
from mdlcodec.exact.random import Stream
from mdlcodec.files import label_file, labels
from mdlcodec.nn.exact_prediction import exact_outputs
from mdlcodec.nn.zoo import ARCHITECTURES

GOLDEN = Path(__file__).parent / "golden" / "good" / "subspace"


@dataclass(frozen=True)
class Case:
    """Inputs, a point of a subspace for them, and labels that its network mostly predicts."""

    net: str
    seed: int
    x: np.ndarray
    coordinates: np.ndarray
    step: int
    y: np.ndarray


def case(net, x, outputs, dimension, step, seed):
    """A case whose labels are what the network predicts, but for every seventh."""
    features = data.from_arrays(x, None).inputs.features
    coordinates = np.rint(2 * Stream(seed, 7).normals((dimension,))).astype(np.int64)
    architecture = ARCHITECTURES[net]
    subspace = AffineSubspace(architecture, features.shape[1:], outputs, seed, dimension)
    scores = exact_outputs(architecture, subspace.weights(coordinates, float(STEPS[step])), features)
    y = np.where(np.arange(len(x)) % 7 == 3, np.arange(len(x)) % outputs, np.argmax(scores, 1))
    y[:outputs] = np.arange(outputs)
    return Case(net, seed, x, coordinates, step, y)


CASES = {
    "lenet5": case("lenet5", images(60, 16)[0], 4, 30, 190, 0),
    "lenet5 in colour": case("lenet5", oblong(40), 3, 100, 176, 2**63),
    "lenet-300-100": case("lenet-300-100", blobs(60, 3)[0], 3, 50, 150, 7),
    "one dimension": case("lenet-300-100", blobs(40, 4)[0], 4, 1, 200, 1),
}


def encoded(given):
    """The file of a case's labels, its point given instead of trained."""
    dataset, code = data.from_arrays(given.x, given.y), CODES["subspace"]
    inputs, target = dataset.inputs, dataset.labels.target
    settings = code.settings(given.net, 5, given.seed, inputs, target)
    point, quiet = (given.coordinates, given.step), lambda *_: None
    architecture, classes = ARCHITECTURES[given.net], dataset.labels.classes
    found = encode_labels(architecture, *point, classes, target.k, inputs, settings, quiet)
    return labels.written(inputs, dataset.labels, code.number, settings, found.payload)


def recoded(given, blob):
    """A case's file again: its labels coded anew under the point that it holds."""
    file, dataset = label_file.parse(blob), data.from_arrays(given.x, given.y)
    parts = SubspacePayload.read(file.payload)
    again = encode_labels(
        ARCHITECTURES[given.net],
        decode_coordinates(parts.coordinates, parts.dimension),
        parts.step,
        dataset.labels.classes,
        file.k,
        dataset.inputs,
        file.settings,
        lambda *_: None,
    )
    return write_label_file(file.header, again.payload)
