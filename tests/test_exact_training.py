"""Training that both sides repeat: every node's gradient, order of sums at branches, repeatability."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from node_cases import CASES, channels_first, channels_last, entering, nodes

from mdlcodec.errors import InexactComputation
from mdlcodec.exact.engines import ENGINES
from mdlcodec.exact.functions import ON_CPU
from mdlcodec.exact.integers import Digits
from mdlcodec.exact.linear import Arithmetic
from mdlcodec.exact.optimisers import Adam
from mdlcodec.exact.random import Stream
from mdlcodec.nn.exact_training import Network
from mdlcodec.nn.graph import Builder, sequence
from mdlcodec.nn.node import Pass
from mdlcodec.nn.nodes import (
    NODES,
    Addition,
    Convolution,
    Dropout,
    Embedding,
    Flatten,
    Fold,
    Linear,
    MaxPooling,
    Normalisation,
    Rectify,
)
from mdlcodec.sender import twins

OF_INPUTS = (Embedding, Fold)  # whose inputs have no gradient
ARITHMETIC = Arithmetic(ENGINES["float64"])
# products of two digits everywhere: what is left of float64's differences is the float32 of sums
PRECISE = Digits(2, 2, 2)
GRAPH = sequence(
    Fold(),
    Convolution(6, padding=1),
    Normalisation(),
    Rectify(),
    MaxPooling(),
    Convolution(4, kernel=5, padding=2),
    Rectify(),
    Dropout(60000),
    Flatten(),
    Linear(3),
)


def _network(graph=GRAPH, shape=(1, 8, 8), arithmetic=ARITHMETIC) -> Network:
    return Network(graph, shape, arithmetic, Stream(1, 1), Stream(1, 2))


def _trained(steps: int = 5) -> tuple[Network, np.ndarray]:
    network, x = _network(), Stream(1, 3).normals((20, 8, 8, 1))
    rule = Adam(network.weights)
    for _ in range(steps):
        rule.step(network.trained, network.gradient(x, np.arange(20) % 3, 0.1)[1], 0.01, 0.0)
    return network, x


# Nodes


def test_every_node_has_a_case():
    assert {type(node) for node in nodes()} == set(NODES)


def _precise(node):
    return node if getattr(node, "digits", None) is None else type(node)(**(vars(node) | {"digits": PRECISE}))


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(("node", "shapes"), CASES.values())
def test_a_node_gives_the_shapes_it_states(node, shapes, training):
    weights = node.initial(Stream(0, 1), *shapes)
    statistics = np.zeros(sum(shape[0] for shape in node.statistics(*shapes).values()), np.float32)
    run = Pass(ARITHMETIC, training=training, noise=Stream(0, 2))
    x = [channels_last(entering(node, shape, 3, i)) for i, shape in enumerate(shapes)]
    before = [array.copy() for array in x]
    y, saved = node.forward(run, weights, statistics, *x)
    assert y.dtype == np.float32
    assert channels_first(y).shape == (3, *node.outputs(*shapes))
    if training:
        wanted = [not isinstance(node, OF_INPUTS)] * len(x)
        slopes, gradients = node.backward(saved, np.ones_like(y), wanted)
        assert [g.shape for g in gradients] == [w.shape for w in weights]
        assert [g is not None and g.shape for g in slopes] == [
            w and a.shape for w, a in zip(wanted, x, strict=True)
        ]
        into = [np.full_like(w, np.nan) for w in weights]
        again = node.backward(saved, np.ones_like(y), wanted, into)[1]
        assert all((a == b).all() for a, b in zip(again, gradients, strict=True))
    assert all((a == b).all() for a, b in zip(x, before, strict=True))  # inputs are not written to


@pytest.mark.parametrize(
    ("node", "shapes"), [c for c in CASES.values() if not isinstance(c.values[0], (Dropout, *OF_INPUTS))]
)
def test_gradients_are_those_of_float64(node, shapes):
    """Of a random combination of a node's values, by torch's autograd over its float twin."""
    node = _precise(node)
    x = [Stream(i, 3).normals((4, *shape)) for i, shape in enumerate(shapes)]
    tensors = {
        name: Stream(0, 10 + i).normals(parameter.shape)
        for i, (name, parameter) in enumerate(node.parameters(*shapes).items())
    }
    held = [p.to_held(tensors[name]) for name, p in node.parameters(*shapes).items()]
    statistics = np.zeros(sum(shape[0] for shape in node.statistics(*shapes).values()), np.float32)
    run = Pass(ARITHMETIC, training=True, batches=1000)
    y, saved = node.forward(run, held, statistics, *(channels_last(array) for array in x))
    g = Stream(0, 5).normals(y.shape)
    slopes, gradients = node.backward(saved, g, [True] * len(x))

    leaves = [torch.from_numpy(array).double().requires_grad_() for array in (*x, *tensors.values())]
    own = dict(zip(tensors, leaves[len(x) :], strict=True))
    own |= {name: torch.zeros(shape).double() for name, shape in node.statistics(*shapes).items()}
    value = twins.forward(node, own, leaves[: len(x)], training=True)
    wanted = torch.autograd.grad(value, leaves, torch.from_numpy(channels_first(g)).double())
    parameters = node.parameters(*shapes).values()
    found = [channels_first(slope) for slope in slopes]
    found += [p.from_held(gradient) for p, gradient in zip(parameters, gradients, strict=True)]
    for ours, theirs in zip(found, wanted, strict=True):
        assert np.abs(ours - theirs.numpy()).max() <= 2e-3 * max(1e-6, np.abs(theirs.numpy()).max())


def test_dropout_scales_what_it_keeps():
    x = Stream(0, 3).normals((50, 40))
    y, saved = Dropout(40000).forward(Pass(ARITHMETIC, training=True, noise=Stream(0, 2)), [], None, x)
    kept = y != 0
    assert 0.55 < kept.mean() < 0.67
    assert (y[kept] == x[kept] * np.float32(65536 / 40000)).all()
    (slope,), _ = Dropout(40000).backward(saved, np.ones_like(x), [True])
    assert (slope == kept * np.float32(65536 / 40000)).all()
    assert Dropout(40000).forward(Pass(ARITHMETIC, training=False), [], None, x)[0] is x


def test_fold_keeps_every_value():
    x = np.arange(2 * 4 * 6 * 3, dtype=np.float32).reshape(2, 4, 6, 3)
    y, _ = Fold().forward(Pass(ARITHMETIC, training=False), [], None, x)
    assert (y[0, 1, 2] == np.concatenate([x[0, 2, 4], x[0, 2, 5], x[0, 3, 4], x[0, 3, 5]])).all()


def test_the_first_batches_are_averaged_plainly():
    node, statistics, seen = Normalisation(), np.zeros(4, np.float32), []
    for batches in range(14):
        x = Stream(batches, 3).normals((9, 2)) + np.float32(batches)
        seen.append(x.mean(0))
        run = Pass(ARITHMETIC, training=True, batches=batches)
        node.forward(run, node.initial(Stream(0, 1), (2,)), statistics, x)
        if batches < 10:
            assert np.abs(statistics[:2] - np.mean(seen, 0)).max() < 1e-5
            mean = statistics[:2].copy()
    for value in seen[10:]:  # then by the rate
        mean += 0.1 * (value - mean)
    assert np.abs(statistics[:2] - mean).max() < 1e-5


# Networks


def test_counts():
    network = _network()
    parameters = GRAPH.parameters((1, 8, 8)).values()
    assert network.weights.size == sum(int(np.prod(p.shape)) for p in parameters)
    assert network.state.size == network.weights.size + 12 == GRAPH.size((1, 8, 8))


def test_training_lowers_the_loss_and_repeats():
    network, x = _trained(30)
    first = _network().gradient(x, np.arange(20) % 3, 0.0)[0]
    assert network.gradient(x, np.arange(20) % 3, 0.0)[0] < 0.7 * first
    again, _ = _trained(30)
    again.gradient(x, np.arange(20) % 3, 0.0)  # moves the running statistics alike
    assert again.state.tobytes() == network.state.tobytes()


def test_a_prediction_does_not_depend_on_the_batch():
    network, x = _trained()
    together = network.predict(x, network.vector)
    alone = np.concatenate([network.predict(row[None].copy(), network.vector) for row in x])
    assert together.tobytes() == alone.tobytes()


def test_training_that_diverges_is_an_error():
    network, x = _trained()
    network.trained[:] = np.float32(1e38)
    with pytest.raises(InexactComputation, match="NaN or infinite"):
        network.predict(x, network.vector)


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode, lambda: torch.device("meta")])
def test_the_callers_mode_of_torch_changes_nothing(mode):
    network, _ = _trained()
    with mode():
        other, _ = _trained()
    assert network.state.tobytes() == other.state.tobytes()


def test_the_gradient_of_a_network_is_a_slope():
    """The loss along the gradient, by differences; two digits leave three decimal places."""
    graph = sequence(
        Convolution(4, padding=1, digits=PRECISE),
        Normalisation(),
        Rectify(),
        MaxPooling(),
        Flatten("hwc"),
        Linear(3, digits=PRECISE),
    )
    network = _network(graph)
    x, y = Stream(1, 3).normals((16, 8, 8, 1)), np.arange(16) % 3
    start = network.trained.copy()
    gradient = network.gradient(x, y, 0.1)[1].copy()
    size, losses = 0.05 / float(np.sqrt((gradient.astype(np.float64) ** 2).sum())), []
    for sign in (1, -1):
        network.trained[:] = start + np.float32(sign * size) * gradient
        losses.append(network.gradient(x, y, 0.1)[0])
    slope = (losses[0] - losses[1]) / (2 * size)
    assert slope == pytest.approx((gradient.astype(np.float64) ** 2).sum(), rel=0.02)


# Branches


def _branched():
    """One value that three vertices read, two of them through a second layer."""
    net = Builder()
    x = net(Linear(6, digits=PRECISE), name="first")
    a = net(Linear(6, digits=PRECISE), (x,), name="a")
    b = net(Rectify(), (x,))
    c = net(Addition(), (a, b))
    net(Addition(), (c, x))
    net(Linear(3, digits=PRECISE), name="out")
    return net.graph()


def test_gradients_of_branches_are_those_of_float64():
    graph = _branched()
    network = _network(graph, (5,))
    x, y = Stream(1, 3).normals((10, 5)), np.arange(10) % 3
    found = network.gradient(x, y, 0.0)[1]
    leaves, start = {}, 0
    for name, parameter in graph.parameters((5,)).items():
        stop = start + int(np.prod(parameter.shape))
        leaves[name] = torch.from_numpy(network.weights[start:stop].reshape(parameter.shape)).double()
        leaves[name].requires_grad_()
        start = stop
    h = torch.nn.functional.linear(torch.from_numpy(x).double(), leaves["first.weight"], leaves["first.bias"])
    a = torch.nn.functional.linear(h, leaves["a.weight"], leaves["a.bias"])
    scores = torch.nn.functional.linear(a + h.relu() + h, leaves["out.weight"], leaves["out.bias"])
    loss = torch.nn.functional.cross_entropy(scores, torch.from_numpy(y))
    wanted = torch.cat([g.reshape(-1) for g in torch.autograd.grad(loss, list(leaves.values()))]).numpy()
    assert np.abs(found - wanted).max() < 2e-3 * np.abs(wanted).max()


class _Weighted:
    """A node that multiplies gradients by a number, and notes when it is asked."""

    def __init__(self, factor):
        self.factor = np.float32(factor)

    def __getattr__(self, name):
        return getattr(Rectify(), name)

    def forward(self, run, weights, statistics, *x):
        return x[0].copy(), None

    def backward(self, saved, g, wanted, into=()):
        return (g * self.factor,), ()


def _sums(pairs):
    """What a network added, each time two arrays."""

    def forward(a, b):
        pairs.append((float(a.reshape(-1)[0]), float(b.reshape(-1)[0])))
        return a + b, None

    return SimpleNamespace(forward=forward)


def test_gradients_are_added_from_the_last_vertex_to_the_first():
    """formats/arithmetic.md, section 6: sums of float32 depend on their order."""
    pairs = []
    functions = SimpleNamespace(**(vars(ON_CPU) | {"add": _sums(pairs)}))
    net = Builder()
    x = net(Linear(2, digits=PRECISE), name="first")
    branches = [net(_Weighted(factor), (x,)) for factor in (1.0, 1e8, -1e8)]
    pair = net(Addition(), branches[:2])
    net(Addition(), (pair, branches[2]))
    network = _network(net.graph(), (3,), Arithmetic(ENGINES["float64"], functions=functions))
    x, y = Stream(1, 3).normals((4, 3)), np.arange(4) % 2
    forward_sums = 2
    network.gradient(x, y, 0.0)
    g = pairs[forward_sums:]  # of the value that three read: -1e8 first, then 1e8, then 1
    assert len(g) == 2
    unit = g[1][1]
    assert g[0] == (np.float32(unit) * np.float32(-1e8), np.float32(unit) * np.float32(1e8))
    assert g[1] == (0.0, unit)  # in another order, the small one would be lost


def test_a_value_added_to_itself():
    net = Builder()
    x = net(Linear(2, digits=PRECISE), name="out")
    net(Addition(), (x, x))
    double, single = _network(net.graph(), (3,)), _network(sequence(Linear(2, digits=PRECISE)), (3,))
    x, y = Stream(1, 3).normals((4, 3)), np.arange(4) % 2
    scores = single.predict(x, single.vector)
    assert (double.predict(x, double.vector) == 2 * scores).all()
    single.trained[:] *= 2
    assert (double.gradient(x, y, 0.0)[1] == 2 * single.gradient(x, y, 0.0)[1]).all()
