"""Graphs: what the builder refuses, shapes, names, widths, who reads what, cost."""

import pytest
from node_cases import CASES, MAPS

from mdlcodec.errors import BadData
from mdlcodec.nn.graph import Builder, channels_first, sequence
from mdlcodec.nn.nodes import (
    Addition,
    AveragePooling,
    Convolution,
    Flatten,
    Fold,
    Linear,
    MaxPooling,
    Normalisation,
    Rectify,
    Subsampling,
)
from mdlcodec.nn.zoo import ARCHITECTURES, LENET5, LENET_300_100, RESNET20


def _branches():
    """Of the module's docstring: one value read by three vertices."""
    net = Builder()
    x = net(Convolution(4, padding=1), name="first")
    a = net(Convolution(4, padding=1, bias=False), (x,), name="second")
    b = net(Rectify(), (x,))
    net(Addition(), (a, b))
    c = net(Addition(), (4, x))
    net(AveragePooling())
    net(Linear(), name="out")
    assert (x, a, b, c) == (1, 2, 3, 5)
    return net.graph()


def test_the_builder_names_and_connects():
    graph = _branches()
    assert [vertex.name for vertex in graph.vertices] == [
        "first",
        "second",
        "rectify3",
        "addition4",
        "addition5",
        "averagepooling6",
        "out",
    ]
    assert [vertex.inputs for vertex in graph.vertices] == [(0,), (1,), (1,), (2, 3), (4, 1), (5,), (6,)]
    assert graph.readers() == [[0], [1, 2, 4], [3], [3], [4], [5], [6], []]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "a"}, "has a node named 'a' already; names are for one node each"),
        ({"name": "rectify2"}, "has a node named 'rectify2' already"),
        ({"name": ""}, "at least one letter"),
        ({"inputs": (3,)}, r"rectify3: its inputs \(3,\) are not all there yet"),
        ({"inputs": (0, -1)}, "are not all there yet"),
        ({"inputs": ()}, "rectify3 needs an input"),
    ],
)
def test_what_the_builder_refuses(arguments, message):
    net = Builder()
    net(Rectify(), name="a")
    net(Rectify())
    with pytest.raises(BadData, match=message):
        net(Rectify(), **arguments)
    assert len(net.graph().vertices) == 2  # and nothing was added


def test_a_network_needs_a_node():
    with pytest.raises(BadData, match="needs a node"):
        Builder().graph()


def test_shapes_and_outputs():
    graph = _branches().for_outputs(5)
    assert graph.shapes((2, 6, 7)) == [(2, 6, 7), *[(4, 6, 7)] * 5, (4,), (5,)]
    assert graph.values((2, 6, 7)) == 84 + 5 * 168 + 4 + 5
    fixed = sequence(Linear(7), Linear())
    assert fixed.for_outputs(3).shapes((2,)) == [(2,), (7,), (3,)]
    assert fixed.for_outputs(3).for_outputs(4).shapes((2,))[-1] == (3,)  # it is open no more


@pytest.mark.parametrize(
    ("node", "shapes", "message"),
    [
        (Addition(), [(3,), (4,)], r"two values of one shape, not \(3,\) and \(4,\)"),
        (Addition(), [(3,)], r"two values of one shape, not \(3,\)"),
        (AveragePooling(), [(3,)], r"pooling takes maps \(c, h, w\), not values of shape \(3,\)"),
        (AveragePooling(3), [(1, 2, 5)], r"pooling of 3x3 places does not fit a map of \(2, 5\)"),
        (MaxPooling(), [(3,)], "pooling takes maps"),
        (MaxPooling(), [(1, 1, 5)], "pooling of 2x2 places does not fit"),
        (Convolution(2), [(3,)], "a convolution takes maps"),
        (Convolution(2, 5), [(1, 4, 9)], r"a convolution of 5x5 places does not fit a map of \(4, 9\)"),
        (Fold(), [(1, 4, 5)], "folding takes maps with even sides"),
        (Linear(2), [(1, 4, 5)], "a linear layer takes columns, not maps of shape .* flatten them first"),
        (Subsampling(1), [(4,)], "subsampling takes maps"),
    ],
)
def test_inputs_that_do_not_fit_are_named(node, shapes, message):
    with pytest.raises(BadData, match=message):
        node.outputs(*shapes)
    if node.entering == 1:
        with pytest.raises(BadData, match=f"^here: .*{message}"):
            net = Builder()
            net(node, name="here")
            net.graph().shapes(shapes[0])


def test_a_node_with_fewer_inputs_than_it_takes():
    with pytest.raises(BadData, match=r"^here takes 2 inputs, not 1"):
        Builder()(Addition(), name="here")


def test_an_order_that_there_is_not():
    with pytest.raises(BadData, match="no order 'whc' to flatten maps in; choose chw or hwc"):
        Flatten("whc")


@pytest.mark.parametrize(
    ("node", "shapes", "expected"),
    [
        (Convolution(5, 3, 2, padding=1), [MAPS], (5, 4, 3)),
        (Convolution(5, 4, 3), [(1, 11, 10)], (5, 3, 3)),
        (MaxPooling(3, 2), [(2, 8, 7)], (2, 3, 3)),
        (AveragePooling(2, 2), [(2, 5, 4)], (2, 2, 2)),
        (AveragePooling(), [MAPS], (2,)),
        (Subsampling(3), [(2, 7, 6)], (8, 4, 3)),
        (Subsampling(0, 3), [(2, 7, 6)], (2, 3, 2)),
        (Fold(), [MAPS], (8, 4, 3)),
        (Flatten(), [MAPS], (96,)),
        (Normalisation(), [MAPS], MAPS),
        (Addition(), [MAPS, MAPS], MAPS),
    ],
)
def test_shapes_of_nodes(node, shapes, expected):
    assert node.outputs(*shapes) == expected


@pytest.mark.parametrize("name", CASES)
def test_initial_tensors_have_the_shapes_that_engines_hold(name):
    from mdlcodec.exact.random import Stream

    node, shapes = CASES[name].values
    parameters = list(node.parameters(*shapes).values())
    initial = node.initial(Stream(0, 1), *shapes)
    assert [array.shape for array in initial] == [parameter.held for parameter in parameters]
    for parameter, array in zip(parameters, initial, strict=True):
        assert array.dtype.name == "float32"
        there = parameter.from_held(array)
        assert there.shape == parameter.shape
        assert (parameter.to_held(there) == array).all()


def test_tensors_in_their_order():
    net = Builder()
    net(Convolution(3, bias=False), name="a.b")
    net(Normalisation(), name="bn")
    net(Flatten())
    net(Linear(2), name="out")
    graph = net.graph()
    assert {name: p.shape for name, p in graph.tensors((1, 3, 3)).items()} == {
        "a.b.weight": (3, 1, 3, 3),
        "bn.weight": (3,),
        "bn.bias": (3,),
        "bn.running_mean": (3,),
        "bn.running_var": (3,),
        "out.weight": (2, 3),
        "out.bias": (2,),
    }
    assert set(graph.tensors((1, 3, 3))) - set(graph.parameters((1, 3, 3))) == {
        "bn.running_mean",
        "bn.running_var",
    }
    assert graph.size((1, 3, 3)) == 27 + 4 * 3 + 6 + 2


def test_widths_of_tensors():
    graph = _branches().for_outputs(5)
    narrow = graph.fitted({"first.weight": (3,), "second.weight": (3,), "out.weight": (2, 3)})
    assert narrow.shapes((2, 6, 7))[1:] == [(3, 6, 7)] * 5 + [(3,), (2,)]
    assert graph.shapes((2, 6, 7))[1] == (4, 6, 7)  # itself is as it was
    with pytest.raises(BadData, match=r"addition4: an addition takes two values"):
        graph.fitted({"second.weight": (3,)}).shapes((2, 6, 7))
    for architecture in ARCHITECTURES.values():
        side = architecture.smallest_side()
        made, entering = architecture.for_targets((side, side, 1), 4)
        assert made.fitted({name: p.shape for name, p in made.tensors(entering).items()}) == made


def test_operations():
    """Multiply-adds of one example, counted by hand."""

    def operations(architecture, *shape):
        graph, entering = architecture.for_targets(shape, 10)
        return graph.operations(entering)

    lenet5 = 24 * 24 * 20 * 25 + 8 * 8 * 50 * 20 * 25 + 800 * 500 + 500 * 10
    assert operations(LENET5, 28, 28, 1) == lenet5
    assert operations(LENET_300_100, 784) == 784 * 300 + 300 * 100 + 100 * 10
    # three convolutions of each width are of stride 2 where it grows; 41 million (He et al. 2016)
    stage = [6 * 32 * 32 * 9 * 16 * 16, 16 * 16 * 9 * 32 * (16 + 5 * 32), 8 * 8 * 9 * 64 * (32 + 5 * 64)]
    assert operations(RESNET20, 32, 32, 3) == 32 * 32 * 9 * 3 * 16 + sum(stage) + 640
    assert 40e6 < operations(RESNET20, 32, 32, 3) < 41e6


def test_the_border():
    assert channels_first((28, 20, 3)) == (3, 28, 20)
    assert channels_first((5,)) == (5,)
