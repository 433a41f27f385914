"""Networks made of integers, and files that hold networks, for several tests."""

import numpy as np

from mdlcodec.codes.two_part import TwoPartCode, TwoPartPayload
from mdlcodec.container import LabelHeader, write_label_file
from mdlcodec.nn.zoo import ARCHITECTURES, architecture_named


def sparse_network(net, shape, outputs, widths, density=0.5, seed=0):
    """Tensors by name for examples (h, w, c) or (d,): multiples of 1/16, of which that share is not 0.

    ``widths``: units by layer, where they are not nominal. Gains and running variances are above 0.
    """
    rng, architecture = np.random.default_rng(seed), architecture_named(net)
    graph, entering = architecture.for_targets(shape, outputs)
    graph = graph.fitted({f"{layer}.weight": (units,) for layer, units in widths.items()})
    found = {}
    for name, parameter in graph.tensors(entering).items():
        values = rng.integers(-24, 25, parameter.shape) * (rng.random(parameter.shape) < density)
        if name.endswith("running_var") or (len(parameter.shape) == 1 and name.endswith("weight")):
            values = abs(values) + 1
        found[name] = values.astype(np.float32) / np.float32(16)
    return found


def label_file(section: bytes) -> bytes:
    """A label file of a two-part code with that network, and labels that nobody decodes."""
    header = LabelHeader(
        code=TwoPartCode.number,
        net=ARCHITECTURES["lenet-300-100"].number,
        preset=5,
        seed=0,
        n=9,
        values=np.arange(3),
        form="npy",
        column=None,
        input_digest=bytes(4),
        label_digest=bytes(4),
    )
    return write_label_file(header, TwoPartPayload(section, 0, b"labels").written())
