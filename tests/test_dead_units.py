"""mdlcodec/sender/dead_units and dropping: what cannot matter goes, outputs stay equal, all else stays."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from network_sets import sparse_network

from mdlcodec.data.tensor import Tensor
from mdlcodec.errors import BadData, MdlcodecError
from mdlcodec.nn import nodes
from mdlcodec.nn.graph import Builder, sequence
from mdlcodec.nn.weights import weights_of
from mdlcodec.nn.zoo import LENET5, RESNET20, architecture_named
from mdlcodec.nn.zoo import LENET_300_100 as LENET300
from mdlcodec.nn.zoo.architecture import Architecture
from mdlcodec.sender import dropping
from mdlcodec.sender.dead_units import live_units, shrunk
from mdlcodec.sender.dropping import drop_dead_units
from mdlcodec.sender.float_network import float_outputs
from mdlcodec.sender.sequential_outputs import STEPS, sequential_outputs

NETS = Path(__file__).parents[2] / "shared/data/nets"
ZHOU = NETS / "zhou_lenet5_quantised.npz"


def shapes(net: str, widths: tuple[int, ...]) -> list[tuple[tuple[int, ...], int]]:
    a, b, *rest = widths
    if net == "lenet-300-100":
        return [((a, 7), a), ((b, a), b), ((rest[0], b), rest[0])]
    # 16 x 16 images of two channels: maps of 6 and 1 place a side
    return [((a, 2, 5, 5), a), ((b, a, 5, 5), b), ((rest[0], b), rest[0]), ((rest[1], rest[0]), rest[1])]


def network(
    net: str, widths: tuple[int, ...], density: float, seed: int = 0, *, tensorflow: bool = False
) -> list[Tensor]:
    rng = np.random.default_rng(seed)
    found = []
    for i, (shape, units) in enumerate(shapes(net, widths)):
        weight = rng.normal(size=shape) * (rng.random(shape) < density)
        weight = np.where(weight == 0, -0.0, weight).astype(np.float32)  # a zero all the same
        bias = (rng.normal(size=units) * (rng.random(units) < 0.3)).astype(np.float32)
        if tensorflow:
            weight = weight.transpose(2, 3, 1, 0) if weight.ndim == 4 else weight.T
        found += [Tensor.of(f"layer {i} weight", weight), Tensor.of(f"layer {i} bias", bias)]
    return found


def outputs(architecture, tensors, x):
    weights = weights_of(architecture, [tensor.array().astype(np.float64) for tensor in tensors])
    return sequential_outputs(architecture, weights, x)


def inputs(net: str, n: int = 20) -> np.ndarray:
    rng = np.random.default_rng(9)
    return rng.normal(size=(n, 7) if net == "lenet-300-100" else (n, 16, 16, 2)).astype(np.float32)


@settings(max_examples=25)
@given(
    net=st.sampled_from(["lenet5", "lenet-300-100"]),
    density=st.sampled_from([0.0, 0.02, 0.1, 0.3, 1.0]),
    seed=st.integers(0, 99),
    tensorflow=st.booleans(),
    bias_first=st.booleans(),
)
def test_outputs_stay_equal(net: str, density: float, seed: int, tensorflow: bool, bias_first: bool) -> None:
    architecture = architecture_named(net)
    tensors = network(net, (6, 5, 8, 3), density, seed, tensorflow=tensorflow)
    order = [1, 0, 3, 2, 5, 4, 7, 6][: len(tensors)] if bias_first else range(len(tensors))
    given_tensors = [tensors[i] for i in order]
    x = inputs(net)
    left, dropped = drop_dead_units(architecture, given_tensors, x)
    assert [(t.name, t.dtype) for t in left] == [(t.name, t.dtype) for t in given_tensors]
    back = [left[i] for i in order]
    assert np.array_equal(outputs(architecture, back, x), outputs(architecture, tensors, x))
    assert (dropped.checked_random, dropped.checked_inputs) == (64, len(x))
    biases = [tensor.shape[0] for tensor in back[1::2]]
    assert biases == dropped.after
    assert dropped.after[-1] == dropped.before[-1]
    assert min(biases) >= 1
    again, twice = drop_dead_units(architecture, left)
    assert twice.after == dropped.after
    assert all(a.patterns.tobytes() == b.patterns.tobytes() for a, b in zip(left, again, strict=True))
    if density == 1.0:
        assert all(
            a.patterns.tobytes() == b.patterns.tobytes() for a, b in zip(left, given_tensors, strict=True)
        )


def linear(w1, b1, w2, b2, w3, b3) -> list[Tensor]:
    arrays = {"w1": w1, "b1": b1, "w2": w2, "b2": b2, "w3": w3, "b3": b3}
    return [Tensor.of(name, np.array(array, np.float32)) for name, array in arrays.items()]


def test_each_reason_to_go_and_to_stay() -> None:
    tensors = linear(
        # fed; not fed, bias 0, -0, negative (0 after ReLU), positive (constant); fed, but not read
        [[1, 2], [0, 0], [0, -0.0], [0, 0], [0, 0], [3, 4]],
        [5, 0, -0.0, -7, 6, 1],
        [[1, 1, 1, 1, 1, 0], [0, 0, 0, 0, 0, 0]],
        [1, -1],
        [[2, 9], [3, 9]],
        [0, 0],
    )
    left, dropped = drop_dead_units(LENET300, tensors)
    assert (dropped.before, dropped.after) == ([6, 2, 2], [2, 1, 2])
    assert [tensor.array().tolist() for tensor in left] == [
        [[1, 2], [0, 0]],
        [5, 6],
        [[1, 1]],
        [1],
        [[2], [3]],
        [0, 0],
    ]


def test_what_dies_goes_on_through_the_layers() -> None:
    # unit 1 of layer 1 feeds only unit 1 of layer 2, which nothing reads
    tensors = linear([[1, 1], [1, 1]], [0, 0], [[1, 0], [0, 1]], [0, 0], [[1, 0]], [0])
    assert drop_dead_units(LENET300, tensors)[1].after == [1, 1, 1]
    # and forwards: unit 1 of layer 1 is 0, so unit 1 of layer 2 is fed nothing
    tensors = linear([[1, 1], [0, 0]], [0, 0], [[1, 0], [0, 1]], [0, 0], [[1, 1]], [0])
    assert drop_dead_units(LENET300, tensors)[1].after == [1, 1, 1]


def test_a_channel_with_a_negative_bias_stays_where_no_relu_follows() -> None:
    tensors = network("lenet5", (2, 2, 3, 2), 1.0)
    arrays = [tensor.array().copy() for tensor in tensors]
    arrays[0][1] = 0
    for bias, expected in ((-1.0, [2, 2, 3, 2]), (0.0, [1, 2, 3, 2]), (-0.0, [1, 2, 3, 2])):
        arrays[1][1] = bias
        given_tensors = [Tensor.of(t.name, a) for t, a in zip(tensors, arrays, strict=True)]
        assert drop_dead_units(LENET5, given_tensors, inputs("lenet5"))[1].after == expected


def test_a_layer_keeps_a_unit() -> None:
    tensors = linear(
        np.zeros((4, 3)), np.zeros(4), np.zeros((2, 4)), np.zeros(2), np.zeros((5, 2)), np.ones(5)
    )
    left, dropped = drop_dead_units(LENET300, tensors)
    assert dropped.after == [1, 1, 5]
    assert left[0].shape == (1, 3)


def test_elements_keep_their_bits_whatever_their_type() -> None:
    rng = np.random.default_rng(4)
    for dtype in ("f8", "f2", "i1"):
        arrays = [
            rng.integers(-3, 4, t.shape).astype(dtype) for t in network("lenet-300-100", (4, 3, 2), 1.0)
        ]
        arrays[0][2] = 0
        arrays[1][2] = 0
        left, dropped = drop_dead_units(LENET300, [Tensor.of(f"{i}", a) for i, a in enumerate(arrays)])
        assert dropped.after[0] <= 3
        if dropped.after == [3, 3, 2]:
            assert left[0].array().tolist() == arrays[0][[0, 1, 3]].tolist()
            assert left[0].array().dtype == dtype


def test_sequential_outputs_are_the_networks() -> None:
    for architecture, net in ((LENET5, "lenet5"), (LENET300, "lenet-300-100")):
        tensors = network(net, (4, 5, 6, 3), 0.8)
        x = inputs(net, 7)
        weights = weights_of(architecture, [tensor.array() for tensor in tensors])
        expected = float_outputs(architecture, weights, x)
        assert np.allclose(outputs(architecture, tensors, x), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        (network("lenet-300-100", (4, 3, 2), 1.0), "lenet5 has 8 tensors"),
        ([Tensor.of("a", np.ones(3))] * 8, "these tensors are not those of lenet5"),
        ([], "lenet5 has 8 tensors"),
    ],
)
def test_other_networks_are_refused(tensors: list[Tensor], message: str) -> None:
    with pytest.raises(BadData, match=message):
        drop_dead_units(LENET5, tensors)


def test_values_that_say_nothing_are_refused() -> None:
    tensors = network("lenet-300-100", (4, 3, 2), 1.0)
    for value in (math.nan, math.inf):
        bad = tensors[0].array().copy()
        bad[0, 0] = value
        with pytest.raises(BadData, match="'layer 0 weight' holds NaN or infinite"):
            drop_dead_units(LENET300, [Tensor.of("layer 0 weight", bad), *tensors[1:]])
    huge = [Tensor.of(t.name, np.full(t.shape, 1e200)) for t in tensors]
    with pytest.raises(BadData, match="not finite"):
        drop_dead_units(LENET300, huge)
    with pytest.raises(BadData, match="is empty"):
        drop_dead_units(
            LENET300, [Tensor.of("e", np.zeros((0, 7))), Tensor.of("b", np.zeros(0)), *tensors[2:]]
        )
    with pytest.raises(BadData, match="does not fit these inputs"):
        drop_dead_units(LENET300, tensors, np.ones((3, 8), np.float32))


def test_a_difference_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def careless(graph, weights):
        alive = live_units(graph, weights)
        alive["fc1"][1] = False
        return alive

    monkeypatch.setattr(dropping, "live_units", careless)
    with pytest.raises(MdlcodecError, match="the outputs changed"):
        drop_dead_units(LENET300, network("lenet-300-100", (4, 3, 2), 1.0))


# --- the analysis, against what it was for layers in a row


def expected_live(relus: tuple[bool, ...], weights: list) -> list[np.ndarray]:
    """Which units of each layer stay, by the definition for (weight, bias) of layers in a row."""

    def connections(i: int) -> np.ndarray:
        weight = weights[i][0]
        units = weight.shape[1] if i == 0 else len(weights[i - 1][1])
        return (weight.reshape(len(weight), units, -1) != 0).any(axis=2)

    alive = [np.ones(len(bias), bool) for _, bias in weights]
    while True:
        before = [mask.copy() for mask in alive]
        for i in range(len(weights) - 1):
            fed = connections(i) if i == 0 else connections(i)[:, alive[i - 1]]
            speaks = weights[i][1] > 0 if relus[i] else weights[i][1] != 0
            read = connections(i + 1)[alive[i + 1]].any(axis=0)
            alive[i] &= read & (fed.any(axis=1) | speaks)
            if not alive[i].any():
                alive[i][0] = True
        if all(np.array_equal(a, b) for a, b in zip(alive, before, strict=True)):
            return alive


@settings(max_examples=60)
@given(
    net=st.sampled_from(["lenet5", "lenet-300-100", "mlp-5-9-6", "mlp-7-4-tanh"]),
    density=st.sampled_from([0.0, 0.01, 0.03, 0.1, 0.3]),
    seed=st.integers(0, 9999),
    in_torch=st.booleans(),
)
def test_rows_of_layers_lose_what_they_lost(net: str, density: float, seed: int, in_torch: bool) -> None:
    widths = {"conv1": 6, "conv2": 7, "fc1": 9} if net == "lenet5" else {"fc1": 8, "fc2": 6}
    if net.startswith("mlp"):
        widths = {}
    shape = (17, 18, 2) if net == "lenet5" else (5,)
    weights = sparse_network(net, shape, 3, widths, density, seed)
    layers = architecture_named(net).layer_names
    relus = {"lenet5": (False, False, True), "mlp-7-4-tanh": (False, False)}.get(net, (True, True, True))
    pairs = [(weights[f"{layer}.weight"], weights[f"{layer}.bias"]) for layer in layers]
    tensors = {name: torch.from_numpy(array) for name, array in weights.items()} if in_torch else weights
    graph = architecture_named(net).graph
    alive = live_units(graph, tensors)
    assert list(alive) == list(layers)
    for mask, wanted in zip(alive.values(), expected_live(relus, pairs), strict=True):
        np.testing.assert_array_equal(mask, wanted)
    left = shrunk(graph, tensors, alive)
    assert all(type(left[name]) is type(tensors[name]) for name in tensors)
    x = np.random.default_rng(1).normal(size=(4, *shape))
    arrays = {name: np.asarray(tensor) for name, tensor in left.items()}
    assert np.array_equal(
        sequential_outputs(architecture_named(net), weights, x),
        sequential_outputs(architecture_named(net), arrays, x),
    )


def test_anything_shaped_like_the_tensors_shrinks() -> None:
    weights = sparse_network("lenet5", (16, 16, 1), 3, {"conv1": 4, "conv2": 3, "fc1": 5}, 1.0)
    weights["conv2.weight"][:, 1] = 0
    weights["fc1.weight"][:, 2] = 0  # a channel of maps of one place
    weights["fc2.weight"][:, 3] = 0
    units = live_units(LENET5.graph, weights)
    assert {name: np.flatnonzero(~mask).tolist() for name, mask in units.items()} == {
        "conv1": [1],
        "conv2": [2],
        "fc1": [3],
        "fc2": [],
    }
    masks = {name: torch.from_numpy(array != 0) for name, array in weights.items() if "weight" in name}
    found = shrunk(LENET5.graph, masks, units)
    shapes = {name: tuple(mask.shape) for name, mask in found.items()}
    assert shapes == {
        "conv1.weight": (3, 1, 5, 5),
        "conv2.weight": (2, 3, 5, 5),
        "fc1.weight": (4, 2),
        "fc2.weight": (3, 4),
    }
    assert all(mask.is_contiguous() and mask.dtype == torch.bool for mask in found.values())
    some = shrunk(LENET5.graph, {"fc2.weight": weights["fc2.weight"]}, {"fc1": units["fc1"]})
    np.testing.assert_array_equal(some["fc2.weight"], weights["fc2.weight"][:, [0, 1, 2, 4]])


# --- and in graphs of every node


def normalised(order: str = "chw", activation: nodes.Rectify | nodes.Tanh | None = None) -> Architecture:
    """A convolution of three channels, normalised; then a linear layer."""
    net = Builder()
    net(nodes.Convolution(3, padding=1, stride=2, bias=False), name="conv")
    net(nodes.Normalisation(), name="bn")
    net(nodes.Rectify() if activation is None else activation)
    net(nodes.AveragePooling(2, 1))
    net(nodes.Flatten(order))
    net(nodes.Linear(), name="fc")
    return Architecture("normalised", 0, net.graph())


def state(conv=1.0, gain=1.0, bias=0.5, mean=0.25, variance=1.0, fc=1.0) -> dict[str, np.ndarray]:
    """Its tensors for images of 4 x 4 x 1 and two outputs, channel 1 being as said."""
    rng = np.random.default_rng(3)
    found = {
        "conv.weight": rng.normal(size=(3, 1, 3, 3)),
        "bn.weight": np.ones(3),
        "bn.bias": np.zeros(3),
        "bn.running_mean": rng.normal(size=3),
        "bn.running_var": np.ones(3),
        "fc.weight": rng.normal(size=(2, 3)),
        "fc.bias": np.zeros(2),
    }
    found["conv.weight"][1] *= conv
    found["fc.weight"][:, 1] *= fc
    for name, value in zip(
        ("weight", "bias", "running_mean", "running_var"), (gain, bias, mean, variance), strict=True
    ):
        found[f"bn.{name}"][1] = value
    return found


@pytest.mark.parametrize(
    ("channel", "goes"),
    [
        ({}, False),
        ({"fc": 0.0}, True),
        ({"conv": 0.0}, False),  # 0.5 - 0.25, a constant
        ({"conv": 0.0, "bias": 0.2}, True),  # 0.2 - 0.25, 0 behind ReLU
        ({"conv": 0.0, "bias": 0.25}, False),  # about 0: its sign is in doubt
        ({"conv": 0.0, "bias": 0.0, "mean": 0.0}, True),
        ({"gain": 0.0}, False),
        ({"gain": 0.0, "bias": -0.1}, True),
        ({"gain": 0.0, "bias": 0.0}, True),
        ({"gain": 0.0, "bias": -0.1, "variance": -1.0}, False),  # its root is NaN
    ],
)
def test_what_normalisation_makes_of_constants(channel: dict[str, float], goes: bool) -> None:
    architecture, weights = normalised(), state(**channel)
    units = live_units(architecture.graph, weights)
    assert units["conv"].tolist() == [True, not goes, True]
    left = shrunk(architecture.graph, weights, units)
    assert {len(array) for name, array in left.items() if "bn" in name} == {3 - goes}
    if channel.get("variance", 1.0) > 0:
        x = np.random.default_rng(1).normal(size=(9, 4, 4, 1))
        outputs = sequential_outputs(architecture, weights, x)
        assert np.array_equal(outputs, sequential_outputs(architecture, left, x))


def test_the_hyperbolic_tangent_keeps_what_is_not_zero() -> None:
    graph = normalised(activation=nodes.Tanh()).graph
    assert live_units(graph, state(gain=0.0, bias=-0.1))["conv"].all()
    assert not live_units(graph, state(gain=0.0, bias=0.0))["conv"].all()


@pytest.mark.parametrize("order", ["chw", "hwc"])
def test_maps_are_flattened_in_either_order(order: str) -> None:
    architecture = normalised(order)
    weights = state(gain=0.0, bias=-0.1)
    columns = np.random.default_rng(1).normal(size=(2, 4, 3))  # places, channels
    weights["fc.weight"] = (columns if order == "hwc" else columns.transpose(0, 2, 1)).reshape(2, 12)
    left = shrunk(architecture.graph, weights, live_units(architecture.graph, weights))
    wanted = columns[:, :, [0, 2]]
    wanted = (wanted if order == "hwc" else wanted.transpose(0, 2, 1)).reshape(2, 8)
    np.testing.assert_array_equal(left["fc.weight"], wanted)
    x = np.random.default_rng(1).normal(size=(9, 6, 6, 1))
    outputs = sequential_outputs(architecture, weights, x)
    assert np.array_equal(outputs, sequential_outputs(architecture, left, x))


def test_units_that_several_layers_read_go_when_none_of_them_needs_them() -> None:
    net = Builder()
    first = net(nodes.Linear(4), name="first")
    net(nodes.Linear(3), (first,), name="left")
    positive = net(nodes.Rectify(), (first,))
    right = net(nodes.Linear(3), (positive,), name="right")
    net(nodes.Addition(), (first + 1, right))
    net(nodes.Linear(2), name="last")
    graph = net.graph()
    weights = {
        "first.weight": np.array([[1.0], [0.0], [0.0], [1.0]]),
        "first.bias": np.array([0.0, -1.0, -1.0, 1.0]),
        "left.weight": np.zeros((3, 4)),
        "right.weight": np.ones((3, 4)),
        "last.weight": np.ones((2, 3)),
    } | {f"{name}.bias": np.zeros(size) for name, size in (("left", 3), ("right", 3), ("last", 2))}
    weights["left.weight"][0, 2] = 1.0  # sees -1, where the other layer sees 0
    units = live_units(graph, weights)
    assert units["first"].tolist() == [True, False, True, True]
    assert all(units[name].all() for name in ("left", "right", "last"))  # they are added, and given out
    left = shrunk(graph, weights, units)
    assert left["left.weight"].shape == left["right.weight"].shape == (3, 3)


def test_residual_networks_lose_units_within_blocks_alone() -> None:
    weights = {k: v.astype(np.float64) for k, v in sparse_network("resnet20", (8, 8, 3), 4, {}, 0.9).items()}
    for layer in ("layer1.0.conv1", "layer2.0.conv2", "conv1"):
        weights[f"{layer}.weight"][3] = 0
        norm = layer.replace("conv", "bn")
        weights[f"{norm}.bias"][3] = weights[f"{norm}.weight"][3] = 0
    weights["layer3.1.conv2.weight"][:, 5] = 0
    units = live_units(RESNET20.graph, weights)
    dead = {name: np.flatnonzero(~mask).tolist() for name, mask in units.items() if not mask.all()}
    assert dead == {"layer1.0.conv1": [3], "layer3.1.conv1": [5]}
    left = shrunk(RESNET20.graph, weights, units)
    x = np.random.default_rng(1).normal(size=(3, 8, 8, 3))
    outputs = sequential_outputs(RESNET20, weights, x)
    assert np.array_equal(outputs, sequential_outputs(RESNET20, left, x))


def test_normalisation_of_flattened_maps_keeps_every_channel() -> None:
    graph = sequence(
        nodes.Convolution(2), nodes.Flatten(), nodes.Normalisation(), nodes.Rectify(), nodes.Linear(2)
    )
    convolution, _, norm, _, linear = (vertex.name for vertex in graph.vertices)
    weights = {
        f"{convolution}.weight": np.zeros((2, 1, 3, 3)),
        f"{convolution}.bias": np.zeros(2),
        f"{norm}.weight": np.ones(8),
        f"{norm}.bias": -np.ones(8),
        f"{norm}.running_mean": np.zeros(8),
        f"{norm}.running_var": np.ones(8),
        f"{linear}.weight": np.ones((2, 8)),
        f"{linear}.bias": np.zeros(2),
    }
    assert live_units(graph, weights)[convolution].all()


EVERY = Builder()
EVERY(nodes.Fold())
EVERY(nodes.Convolution(4, kernel=3, padding=1, bias=False), name="conv1")
EVERY(nodes.Normalisation(), name="bn1")
_SHORT = EVERY(nodes.Rectify())
EVERY(nodes.Convolution(6, kernel=3, stride=2, padding=1), name="conv2")
_LONG = EVERY(nodes.Tanh())
EVERY(nodes.Subsampling(1), (_SHORT,))
EVERY(nodes.Addition(), (_LONG, _LONG + 1))
EVERY(nodes.DepthwiseConvolution(3, 1, padding=1))
EVERY(nodes.MaxPooling(3, 1))
EVERY(nodes.Gelu())
EVERY(nodes.AveragePooling(2, 2))
EVERY(nodes.Flatten("hwc"))
EVERY(nodes.Dropout(60_000))
EVERY(nodes.Linear(), name="fc1")


def test_sequential_outputs_know_every_node() -> None:
    of_examples = set(nodes.NODES) - set(nodes.OVER_SEQUENCES)
    assert set(STEPS) == of_examples
    architecture = Architecture("every", 0, EVERY.graph())
    assert {type(vertex.node) for vertex in architecture.graph.vertices} == of_examples
    rng = np.random.default_rng(2)
    weights = {
        name: abs(rng.normal(size=p.shape)) + 0.5 if "var" in name else rng.normal(size=p.shape)
        for name, p in architecture.tensors((24, 20, 3), 5).items()
    }
    x = rng.normal(size=(4, 24, 20, 3)).astype(np.float32)
    found = sequential_outputs(architecture, weights, x)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, float_outputs(architecture, weights, x), rtol=1e-4, atol=1e-4)


# --- trained networks, and names of PyTorch's


def test_tensors_are_found_by_their_names() -> None:
    weights = sparse_network("resnet20", (8, 8, 3), 4, {}, 0.6)
    weights["layer1.0.conv1.weight"][3] = weights["layer1.0.bn1.weight"][3] = 0
    weights["layer1.0.bn1.bias"][3] = -1
    given_tensors = {f"module.{name}": array for name, array in weights.items()}
    given_tensors["module.bn1.num_batches_tracked"] = np.array(7)
    order = np.random.default_rng(3).permutation(len(given_tensors))
    tensors = [Tensor.of(*list(given_tensors.items())[i]) for i in order]
    left, dropped = drop_dead_units(RESNET20, tensors, np.ones((3, 8, 8, 3), np.float32))
    assert [tensor.name for tensor in left] == [tensor.name for tensor in tensors]
    assert dropped.before[1] - dropped.after[1] == 1
    assert (dropped.checked_random, dropped.checked_inputs) == (64, 3)
    changed = {
        t.name.removeprefix("module.") for t, u in zip(left, tensors, strict=True) if t.shape != u.shape
    }
    norm = {f"layer1.0.bn1.{part}" for part in ("weight", "bias", "running_mean", "running_var")}
    assert changed == {"layer1.0.conv1.weight", "layer1.0.conv2.weight", *norm}


@pytest.mark.skipif(not ZHOU.exists(), reason="the released weights of Zhou et al. are not here")
def test_the_network_of_zhou_et_al() -> None:
    from mdlcodec.data.weights import read_weights

    tensors = read_weights(str(ZHOU), 1 << 30).tensors
    left, dropped = drop_dead_units(LENET5, tensors)
    assert dropped.after == [15, 50, 138, 10]
    nonzeros = {tensor.name: np.count_nonzero(tensor.array()) for tensor in left}
    assert nonzeros["fc1.weights"] == 4727 - 1886
    assert nonzeros["fc2.weights"] == 144


@pytest.mark.skipif(not NETS.exists(), reason="the trained weights are not here")
def test_a_trained_residual_network_keeps_all_its_units() -> None:
    with np.load(NETS / "resnet20_cifar10.npz") as file:
        arrays = dict(file)
    shuffled = np.random.default_rng(1).permutation(list(arrays))
    weights = weights_of(RESNET20, [arrays[name] for name in shuffled], list(shuffled))
    assert list(weights) == list(RESNET20.tensors((32, 32, 3), 10))
    assert all(weights[name] is arrays[name] for name in weights)
    assert all(mask.all() for mask in live_units(RESNET20.graph, weights).values())
