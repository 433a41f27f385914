"""Networks named by indices made of integers alone, and the files that the variational code makes with them.

Training in float32 gives other indices on other machines; given these, a file is the same everywhere.
Interpreters without pytest import this too (portability_worker.py).
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from label_sets import blobs, images, oblong

from mdlcodec import data
from mdlcodec.codes import CODES
from mdlcodec.codes.variational import VariationalPayload, encode_labels
from mdlcodec.container import write_label_file
from mdlcodec.descriptions.sampled_network import Sent, sampled_weights
from mdlcodec.exact.random import Stream
from mdlcodec.files import label_file, labels
from mdlcodec.nn.exact_prediction import exact_outputs
from mdlcodec.nn.zoo import ARCHITECTURES

GOLDEN = Path(__file__).parent / "golden" / "good" / "variational"


@dataclass(frozen=True)
class Case:
    """Inputs, a network that is named, and labels that it mostly predicts."""

    net: str
    seed: int
    x: np.ndarray
    sent: Sent
    y: np.ndarray


def case(net, x, outputs, bits, count, prior, seed):
    """A case whose labels are what the network predicts, but for every seventh."""
    inputs = data.from_arrays(x, None).inputs
    indices = Stream(seed, 7).below(1 << bits, count).tolist()
    sent = Sent.of(bits, indices, prior)
    scores = exact_outputs(
        ARCHITECTURES[net],
        sampled_weights(sent, ARCHITECTURES[net], inputs.features.shape[1:], outputs, seed),
        inputs.features,
    )
    y = np.where(np.arange(len(x)) % 7 == 3, np.arange(len(x)) % outputs, np.argmax(scores, 1))
    y[:outputs] = np.arange(outputs)
    return Case(net, seed, x, sent, y)


CASES = {
    "narrow-lenet": case(
        "narrow-lenet", images(40, 16)[0], 4, 18, 40, bytes([170, 1, 169, 150, 170, 150]), 0
    ),
    "narrow-lenet in colour": case(
        "narrow-lenet", oblong(24), 3, 5, 90, bytes([170, 0, 169, 0, 172, 160]), 2**63
    ),
    "narrow-convolution": case("narrow-convolution", images(40, 8)[0], 4, 24, 12, bytes([168, 0, 168, 0]), 7),
    "narrow-mlp": case("narrow-mlp", blobs(60, 3)[0], 3, 11, 30, bytes([168, 150, 168, 0]), 1),
    "one variance": case("narrow-mlp", blobs(60, 3)[0], 3, 1, 200, 0.75, 1),
    "one block": case("narrow-mlp", blobs(40, 4)[0], 4, 12, 1, bytes([168, 255, 170, 1]), 3),
}


def encoded(given):
    """The file of a case's labels, its network given instead of trained."""
    dataset, code = data.from_arrays(given.x, given.y), CODES["variational"]
    inputs, target = dataset.inputs, dataset.labels.target
    settings = code.settings(given.net, 5, given.seed, inputs, target)
    architecture, classes = ARCHITECTURES[given.net], dataset.labels.classes
    found = encode_labels(architecture, given.sent, classes, target.k, inputs, given.seed, lambda *_: None)
    return labels.written(inputs, dataset.labels, code.number, settings, found.payload)


def recoded(given, blob):
    """A case's file again: its labels coded anew under the network that it names."""
    file, dataset = label_file.parse(blob), data.from_arrays(given.x, given.y)
    again = encode_labels(
        ARCHITECTURES[given.net],
        VariationalPayload.read(file.payload).sent,
        dataset.labels.classes,
        file.k,
        dataset.inputs,
        given.seed,
        lambda *_: None,
    )
    return write_label_file(file.header, again.payload)
