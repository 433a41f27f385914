"""Networks as samples of a posterior in files of their own: golden/good/sampled."""

from pathlib import Path

from variational_cases import CASES as NAMED

from mdlcodec.container.ids import NetId
from mdlcodec.descriptions.sampled_network import NO_WEIGHTS, SampledNetwork, Sent
from mdlcodec.nn.zoo import architecture_named

GOLDEN = Path(__file__).parent / "golden" / "good" / "sampled"


def _named(name):
    """The network of a golden file of labels."""
    case = NAMED[name]
    net = architecture_named(case.net).number
    return SampledNetwork(net, None, case.seed, case.x.shape[1:], int(case.y.max()) + 1, case.sent)


def _images(name):
    network = _named(name)
    shape = network.shape if len(network.shape) == 3 else (*network.shape, 1)
    return SampledNetwork(network.net, None, network.seed, shape, network.k, network.sent)


def _own():
    sent = Sent.of(3, [5, 0, 7], 0.25)
    return SampledNetwork(NetId.NAMED, ("mlp-5-tanh", 1), 12345678901234567890, (4,), 2, sent)


CASES = {
    "narrow-lenet": lambda: _images("narrow-lenet"),
    "narrow-lenet in colour": lambda: _images("narrow-lenet in colour"),
    "narrow-convolution": lambda: _images("narrow-convolution"),
    "narrow-mlp": lambda: _named("narrow-mlp"),
    "one variance": lambda: _named("one variance"),
    "one output": lambda: SampledNetwork(NetId.NARROW_MLP, None, 0, (3,), 1, Sent.of(4, [9], 1.0)),
    "own": _own,
    "no weights": lambda: SampledNetwork(NetId.NARROW_MLP, None, 0, (300,), 65536, NO_WEIGHTS),
}
