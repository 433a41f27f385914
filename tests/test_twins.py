"""Every node has a file of its own and a float twin, which computes what the exact one does, but for rounding."""

from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch
from node_cases import CASES, channels_first, channels_last, entering

from mdlcodec.exact.engines import ENGINES
from mdlcodec.exact.integers import Digits
from mdlcodec.exact.linear import Arithmetic
from mdlcodec.exact.random import Stream
from mdlcodec.nn import nodes
from mdlcodec.nn.node import Pass
from mdlcodec.nn.nodes import NODES, Convolution, Linear, Normalisation
from mdlcodec.sender import twins

ARITHMETIC = Arithmetic(ENGINES["float64"])
NAMES = [node.__module__.rpartition(".")[2] for node in NODES]
# files of the folder that hold no node
_HELPERS = {"__init__", "places", "windows"}


def test_one_file_a_node():
    assert len(set(NAMES)) == len(NODES)
    for module in (nodes, twins):
        there = {path.stem for path in Path(module.__file__).parent.glob("*.py")}
        assert there - _HELPERS == set(NAMES)
    assert {node.__name__ for node in NODES} <= set(nodes.__all__)


@pytest.mark.parametrize("name", NAMES)
def test_a_twin_for_every_node(name):
    assert callable(import_module(f"mdlcodec.sender.twins.{name}").forward)


@pytest.mark.parametrize("node", [Linear, Convolution], ids=lambda node: node.__name__)
def test_nodes_with_weights_can_be_sampled(node):
    assert callable(twins.twin_of(node(3)).sampled)


def _tensors(node, shapes):
    """Random parameters by their own names, and running statistics."""
    found = {
        name: Stream(0, 10 + i).normals(parameter.shape)
        for i, (name, parameter) in enumerate(node.parameters(*shapes).items())
    }
    for i, (name, shape) in enumerate(node.statistics(*shapes).items()):
        found[name] = Stream(0, 20 + i).normals(shape) ** (2 if name.endswith("var") else 1)
    return found


def _both(node, shapes, *, training):
    """Values of a node, exact and float, as (N, c, h, w) or (N, d); and their running statistics."""
    if hasattr(node, "digits"):
        node = type(node)(**(vars(node) | {"digits": Digits(2, 2, 2)}))
    x = [entering(node, shape, 6, i) for i, shape in enumerate(shapes)]
    tensors = _tensors(node, shapes)
    held = [p.to_held(tensors[name]) for name, p in node.parameters(*shapes).items()]
    moved = [tensors[name].copy() for name in node.statistics(*shapes)]
    statistics = np.concatenate(moved) if moved else None
    # enough batches for the rate to be the node's
    run = Pass(ARITHMETIC, training=training, batches=1000, noise=Stream(0, 2))
    exact, _ = node.forward(run, held, statistics, *(channels_last(array) for array in x))
    own = {name: torch.from_numpy(array.copy()) for name, array in tensors.items()}
    value = twins.forward(node, own, [torch.from_numpy(array) for array in x], training)
    after = [own[name].numpy() for name in node.statistics(*shapes)]
    return channels_first(exact), value.numpy(), statistics, np.concatenate(after) if after else None


@pytest.mark.parametrize(("node", "shapes"), CASES.values())
def test_a_twin_computes_what_the_node_does(node, shapes):
    exact, value, before, after = _both(node, shapes, training=False)
    assert exact.shape == value.shape
    assert exact.dtype == value.dtype == np.float32
    assert np.abs(exact - value).max() <= 1e-3 * np.abs(value).max()
    assert before is None or (before == after).all()  # predictions move nothing


@pytest.mark.parametrize("node", [Normalisation(), Normalisation(0.3)])
@pytest.mark.parametrize("shape", [(3, 5, 4), (7,)])
def test_normalisation_in_training(node, shape):
    exact, value, ours, theirs = _both(node, [shape], training=True)
    assert np.abs(exact - value).max() <= 1e-5 * np.abs(value).max()
    assert np.abs(ours - theirs).max() <= 1e-5
    before = _both(node, [shape], training=False)[2]
    assert np.abs(ours - before).max() > 0.01  # they did move


def _drawn(node, shapes, draws):
    """Values of one example under weights that are drawn, (draws, ..); and means and deviations of the weights."""
    generator = torch.Generator().manual_seed(0)
    parameters = node.parameters(*shapes)
    means = {name: torch.randn(p.shape, generator=generator) for name, p in parameters.items()}
    deviations = {name: torch.rand(p.shape, generator=generator) for name, p in parameters.items()}
    x = torch.randn(1, *shapes[0], generator=generator)
    values = [twins.sampled(node, means, deviations, [x], generator) for _ in range(draws)]
    return torch.cat(values), means, deviations, x


@pytest.mark.parametrize(
    ("node", "shapes"),
    [
        (Linear(3), [(5,)]),
        (Convolution(3, 3, padding=1), [(2, 4, 3)]),
        (Convolution(2, 2, 2, bias=False), [(2, 4, 4)]),
    ],
)
def test_sampled_values_have_the_mean_and_the_variance_of_their_weights(node, shapes):
    draws = 4000
    values, means, deviations, x = _drawn(node, shapes, draws)
    mean = twins.forward(node, means, [x])[0]
    variance = twins.forward(node, {name: d**2 for name, d in deviations.items()}, [x**2])[0]
    error = (values.mean(0) - mean).abs() / (variance / draws).sqrt()
    assert error.max() < 5  # standard deviations of the mean
    assert ((values.var(0) / variance) - 1).abs().max() < 5 * (2 / draws) ** 0.5


def test_filters_are_drawn_once_for_all_examples_and_outputs_for_each():
    generator = torch.Generator().manual_seed(0)
    for node, shape in ((Convolution(3), (1, 4, 4)), (Linear(3), (5,))):
        tensors = {name: torch.ones(p.shape) for name, p in node.parameters(shape).items()}
        x = torch.randn(1, *shape, generator=generator).expand(2, *shape)
        first, second = twins.sampled(node, tensors, tensors, [x], generator)
        assert torch.allclose(first, second, atol=1e-5) == isinstance(node, Convolution)
