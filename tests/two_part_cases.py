"""Networks made of integers alone, and the files that the two-part codes make with them.

Training in float32 gives other networks on other machines; given the network, a file is the same everywhere.
Interpreters without pytest import this too (portability_worker.py).
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from label_sets import blobs, images, oblong

from mdlcodec import data
from mdlcodec.codes import CODES
from mdlcodec.codes.sent_weights import tensors_of
from mdlcodec.codes.two_part import encode_labels
from mdlcodec.container import write_label_file
from mdlcodec.descriptions.tensors.network_section import encode_network
from mdlcodec.exact.random import Stream
from mdlcodec.files import label_file, labels
from mdlcodec.nn.exact_prediction import exact_outputs
from mdlcodec.nn.zoo import ARCHITECTURES, architecture_named

GOLDEN = Path(__file__).parent / "golden" / "good" / "two_part"


@dataclass(frozen=True)
class Case:
    """Inputs, a network for them, and labels that it mostly predicts."""

    code: str
    net: str
    x: np.ndarray
    weights: dict
    y: np.ndarray


def network(net, shape, outputs, widths, seed=0):
    """Tensors by name for examples of that shape: multiples of 1/16, many of them 0."""
    architecture, stream, weights = architecture_named(net), Stream(seed, 7), {}
    names = architecture.layer_names
    graph, entering = architecture.for_targets(shape, outputs)
    fitted = graph.fitted(
        {f"{name}.weight": (width,) for name, width in zip(names, (*widths, outputs), strict=True)}
    )
    for name, parameter in fitted.tensors(entering).items():
        if name.endswith("bias"):
            bias = np.rint(4 * stream.normals(parameter.shape))
            weights[name] = bias.astype(np.float32) / np.float32(16)
            continue
        normals = stream.normals(parameter.shape)
        normals[abs(normals) < 0.7] = 0.0
        gain = np.float32(24.0 / np.sqrt(max(1, normals[:1].size)))
        weights[name] = np.rint(normals * gain) / np.float32(16)
    return weights


def case(code, net, x, outputs, widths):
    """A case whose labels are what the network predicts, but for every seventh."""
    features = data.from_arrays(x, None).inputs.features
    weights = network(net, features.shape[1:], outputs, widths)
    scores = exact_outputs(ARCHITECTURES[net], weights, features)
    y = np.where(np.arange(len(x)) % 7 == 3, np.arange(len(x)) % outputs, np.argmax(scores, 1))
    y[:outputs] = np.arange(outputs)
    return Case(code, net, x, weights, y)


CASES = {
    "lenet5": case("two-part", "lenet5", images(60, 16)[0], 4, (3, 4, 6)),
    "lenet5 in colour": case("two-part", "lenet5", oblong(30), 3, (2, 3, 5)),
    "lenet-300-100": case("two-part", "lenet-300-100", blobs(60, 3)[0], 3, (5, 4)),
    "lenet-300-100 of images": case("two-part", "lenet-300-100", oblong(20)[:, :5, :4], 5, (4, 3)),
    "raw": case("two-part-raw", "lenet-300-100", blobs(40, 4)[0], 4, (6, 5)),
}


def encoded(given):
    """The file of a case's labels, its network given instead of trained."""
    dataset, code = data.from_arrays(given.x, given.y), CODES[given.code]
    inputs, target = dataset.inputs, dataset.labels.target
    settings = code.settings(given.net, 5, 0, inputs, target)
    section = encode_network(
        tensors_of(given.weights), values="raw" if given.code == "two-part-raw" else None
    )
    architecture, classes = ARCHITECTURES[given.net], dataset.labels.classes
    found = encode_labels(architecture, section, classes, target.k, inputs, lambda *_: None)
    return labels.written(inputs, dataset.labels, code.number, settings, found.payload)


def recoded(given, blob):
    """A case's file again: its labels coded anew under the network that it holds."""
    file, dataset = label_file.parse(blob), data.from_arrays(given.x, given.y)
    section, classes = label_file.network_section(blob), dataset.labels.classes
    again = encode_labels(ARCHITECTURES[given.net], section, classes, file.k, dataset.inputs, lambda *_: None)
    return write_label_file(file.header, again.payload)
