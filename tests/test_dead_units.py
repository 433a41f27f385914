"""mdlcodec/sender/dead_units: what cannot matter goes, the outputs stay equal, and all else stays as it was."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mdlcodec.data.tensor import Tensor
from mdlcodec.errors import BadData, MdlcodecError
from mdlcodec.nn.architectures import architecture_named, weights_of
from mdlcodec.sender import dead_units
from mdlcodec.sender.dead_units import drop_dead_units
from mdlcodec.sender.float_layered import float_outputs
from mdlcodec.sender.sequential_outputs import sequential_outputs

LENET5, LENET300 = architecture_named("lenet5"), architecture_named("lenet-300-100")
ZHOU = Path(__file__).parents[2] / "shared/data/nets/zhou_lenet5_quantised.npz"


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
    def careless(architecture, weights):
        alive = [np.ones(bias.shape[0], bool) for _, bias in weights]
        alive[0][1] = False
        return alive

    monkeypatch.setattr(dead_units, "live_units", careless)
    with pytest.raises(MdlcodecError, match="the outputs changed"):
        drop_dead_units(LENET300, network("lenet-300-100", (4, 3, 2), 1.0))


@pytest.mark.skipif(not ZHOU.exists(), reason="the released weights of Zhou et al. are not here")
def test_the_network_of_zhou_et_al() -> None:
    from mdlcodec.data.weights import read_weights

    tensors = read_weights(str(ZHOU), 1 << 30).tensors
    left, dropped = drop_dead_units(LENET5, tensors)
    assert dropped.after == [15, 50, 138, 10]
    nonzeros = {tensor.name: np.count_nonzero(tensor.array()) for tensor in left}
    assert nonzeros["fc1.weights"] == 4727 - 1886
    assert nonzeros["fc2.weights"] == 144
