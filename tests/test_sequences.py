"""Networks over sequences: place by place as all at once, in every engine and on every number of threads."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from vectors import vectors
from vectors_of_sequences_by_package import CHECKS

from mdlcodec.errors import BadData, InexactComputation
from mdlcodec.exact.attention import Attention as Heads
from mdlcodec.exact.device.engine import DeviceEngine
from mdlcodec.exact.device.functions import arithmetic_of
from mdlcodec.exact.device.products import Float64Products, Int8Products
from mdlcodec.exact.elementary import exp
from mdlcodec.exact.engines import ENGINES
from mdlcodec.exact.linear import Arithmetic
from mdlcodec.exact.optimisers import Adam
from mdlcodec.exact.random import Stream
from mdlcodec.exact.rotation import TURN, Rotation, cosines, steps_of_pairs
from mdlcodec.nn.exact_training import Network
from mdlcodec.nn.graph import Builder
from mdlcodec.nn.losses import cross_entropy_at_places
from mdlcodec.nn.node import Pass
from mdlcodec.nn.nodes import (
    Attention,
    Dropout,
    Embedding,
    LayerNormalisation,
    Linear,
    Lstm,
    Positions,
)
from mdlcodec.nn.steps import Steps
from mdlcodec.nn.zoo.sequences import (
    SEQUENCE_ARCHITECTURES,
    lstm,
    sequence_architecture_named,
    transformer,
)

PLACES = 21


def placed():
    """Attention to all before, with a table of places."""
    net = Builder()
    net(Embedding(18))
    net(Positions(PLACES))
    net(Linear(54))
    net(Attention(2))
    net(Linear(256))
    return net.graph()


# heads of an odd number of features, an odd number of places and of cells; more places than two windows
GRAPHS = {"transformer": transformer(18, 2, 2, 5), "placed": placed(), "lstm": lstm(7, 2)}
SYMBOLS = Stream(4, 1).below(256, 3 * PLACES).astype(np.uint8).reshape(3, PLACES)


@pytest.fixture
def threads():
    """As many threads as asked for; work is shared out however small it is."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def _network(name, engine="float64", places=PLACES):
    return Network(GRAPHS[name], (places,), Arithmetic(ENGINES[engine]), Stream(1, 1), Stream(1, 2))


def _steps(name, engine="float64", places=PLACES):
    arithmetic, network = Arithmetic(ENGINES[engine]), _network(name, engine)
    return Steps(GRAPHS[name], places, network.views(network.vector), arithmetic)


@pytest.fixture(scope="module")
def expected():
    """Scores of all places together, by the plainest engine."""
    return {name: _steps(name).scores(SYMBOLS) for name in GRAPHS}


def _place_by_place(steps, symbols, seen=0):
    """Scores from place ``seen`` - 1 or 0 on, what came before given at once."""
    state, scores = steps.begin(len(symbols)), []
    if seen:
        scores.append(steps.resume(state, symbols[:, :seen]))
    scores += [steps.step(state, symbols[:, place]) for place in range(seen, symbols.shape[1])]
    return np.stack(scores, 1)


# Place by place


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", GRAPHS)
def test_place_by_place_is_all_at_once(name, engine, count, expected, threads, monkeypatch):
    monkeypatch.setattr("mdlcodec.exact.threads.WORTH_A_THREAD", 1)
    threads(count)
    steps = _steps(name, engine)
    assert steps.scores(SYMBOLS).tobytes() == expected[name].tobytes()
    assert _place_by_place(steps, SYMBOLS).tobytes() == expected[name].tobytes()


@pytest.mark.parametrize("seen", [1, 2, 20, PLACES])
@pytest.mark.parametrize("name", GRAPHS)
def test_what_was_seen_may_be_given_at_once(name, seen, expected):
    found = _place_by_place(_steps(name), SYMBOLS, seen)
    assert found.tobytes() == np.ascontiguousarray(expected[name][:, seen - 1 :]).tobytes()


@pytest.mark.parametrize("name", GRAPHS)
def test_a_stream_does_not_depend_on_the_others(name, expected):
    alone = [_place_by_place(_steps(name), SYMBOLS[i : i + 1]) for i in range(3)]
    assert np.concatenate(alone).tobytes() == expected[name].tobytes()


@pytest.mark.parametrize("name", GRAPHS)
def test_scores_depend_on_nothing_that_follows(name, expected):
    changed = SYMBOLS.copy()
    changed[:, 11:] ^= 77
    found = _steps(name).scores(changed)
    assert found[:, :11].tobytes() == expected[name][:, :11].tobytes()
    assert (found[:, 11:] != expected[name][:, 11:]).any(-1).all()  # and on all before
    shorter = _steps(name).scores(SYMBOLS[:, :4])
    assert shorter.tobytes() == np.ascontiguousarray(expected[name][:, :4]).tobytes()


def test_heads_computed_a_few_at_a_time(expected, monkeypatch):
    monkeypatch.setattr("mdlcodec.exact.attention._AT_ONCE", 1)
    assert _steps("transformer").scores(SYMBOLS).tobytes() == expected["transformer"].tobytes()


def test_what_steps_refuse():
    steps = _steps("placed", places=3)
    state = steps.begin(2)
    with pytest.raises(ValueError, match="2 streams were begun, and symbols of 1 are given"):
        steps.step(state, np.zeros(1, np.uint8))
    with pytest.raises(ValueError, match="the network has 3 places, and 4 are asked for"):
        steps.resume(state, np.zeros((2, 4), np.uint8))
    for _ in range(3):
        steps.step(state, np.zeros(2, np.uint8))
    with pytest.raises(ValueError, match="the network has 3 places, and 4 are asked for"):
        steps.step(state, np.zeros(2, np.uint8))
    with pytest.raises(ValueError, match="only where none was seen before"):
        steps.resume(state, np.zeros((2, 1), np.uint8))


# Training


@pytest.mark.parametrize("name", GRAPHS)
def test_every_engine_and_number_of_threads_trains_alike(name, threads, monkeypatch):
    found = set()
    for engine, count in [("float64", 1), *((engine, 2) for engine in ENGINES)]:
        monkeypatch.setattr("mdlcodec.exact.threads.WORTH_A_THREAD", (1 << 21) if count == 1 else 1)
        threads(count)
        network = _network(name, engine)
        rule = Adam(network.weights)
        for _ in range(2):
            loss, gradient, _ = network.gradient(
                SYMBOLS[:, :-1], SYMBOLS[:, 1:], 0.0, cross_entropy_at_places
            )
            rule.step(network.trained, gradient, 0.01, 0.0)
        found.add((loss, gradient.tobytes(), network.state.tobytes()))
    assert len(found) == 1


@pytest.mark.parametrize("name", GRAPHS)
def test_a_network_learns_its_symbols(name):
    network = _network(name, "int16")
    rule, losses = Adam(network.weights), []
    for _ in range(40):
        loss, gradient, true = network.gradient(SYMBOLS[:, :-1], SYMBOLS[:, 1:], 0.0, cross_entropy_at_places)
        losses.append(loss)
        rule.step(network.trained, gradient, 0.05, 0.0)
    assert 5.0 < losses[0] < 7.5
    assert losses[-1] < 0.7 * losses[0]
    assert true.shape == ((PLACES - 1) * 3,)


# Nodes

ENGINES_OF_VECTORS = [v for v in vectors("sequences") if v.primitive in ("attention", "LSTM cells", "scores")]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("vector", ENGINES_OF_VECTORS, ids=lambda v: f"{v.primitive}: {v.name}")
def test_vectors_by_every_engine(vector, engine):
    from test_format_vectors import _check

    _check(vector, CHECKS["sequences"][vector.primitive], engine=ENGINES[engine])


ALL = {
    **{name: lambda name=name: ENGINES[name] for name in ENGINES},
    "device float64": lambda: DeviceEngine(torch.device("cpu"), Float64Products()),
    "device int8": lambda: DeviceEngine(torch.device("cpu"), Int8Products(worth_digits=0)),
}


@pytest.mark.parametrize("engine", ALL)
@pytest.mark.parametrize(
    "shape", [(1, 1, 2, 1), (3, 5, 6, 7), (2, 8, 4, 16), (2, 17, 32, 33), (1, 3, 4200, 20)]
)
def test_products_of_matrices(shape, engine):
    batch, rows, length, columns = shape
    a = (Stream(1, 1).below(2 * 8127 + 1, batch * rows * length) - 8127).astype(np.int16)
    b = (Stream(1, 2).below(2 * 8127 + 1, batch * length * columns) - 8127).astype(np.int16)
    a, b = a.reshape(batch, rows, length), b.reshape(batch, length, columns)
    b[0, :, 0] = 0
    scales = np.ldexp(1.0, Stream(1, 3).below(60, batch * rows) - 40).reshape(batch, rows)
    sums = a.astype(np.int64) @ b.astype(np.int64)
    wanted = (sums * scales[:, :, None] + 0.0).astype(np.float32)
    made = ALL[engine]()
    assert made.multiply(a, made.columns(b), scales).tobytes() == wanted.tobytes()


def test_equal_keys_are_looked_at_alike():
    """Shares by hand: scores of 0 but for one."""
    x = np.zeros((1, 4, 6), np.float32)
    x[0, :, 4:] = [[1, 0], [2, 0], [3, 0], [4, 1]]
    x[0, 3, 0], x[0, 1, 2] = 1.0, 1.0  # the last place's query meets the second's key
    y, saved = Heads.forward(x, 1, ENGINES["float64"])
    assert np.allclose(y[0, :3, 0], [1, 1.5, 2], atol=1e-3)
    e = exp(1 / np.sqrt(2))
    shares = np.array([1, e, 1, 1]) / (3 + e)
    assert np.allclose(saved.shares[0, 3], shares)
    assert np.allclose(y[0, 3], [shares @ [1, 2, 3, 4], shares[3]], atol=1e-3)


def test_a_window_ends_what_is_looked_at():
    x = Stream(3, 1).normals((2, 9, 24))
    far = x.copy()
    far[:, 2] += 1.0
    y, changed = (Heads.forward(one, 2, ENGINES["float64"], 3)[0] for one in (x, far))
    assert (y[:, 5:] == changed[:, 5:]).all()
    assert (y[:, 2:5] != changed[:, 2:5]).any(-1).all()
    whole = Heads.forward(x, 2, ENGINES["float64"])[0]
    assert (y[:, :3] == whole[:, :3]).all()
    assert Heads.forward(x, 2, ENGINES["float64"], 9)[0].tobytes() == whole.tobytes()
    for i in range(3, 9):  # as if the sequence began there
        alone = Heads.forward(x[:, i - 2 : i + 1].copy(), 2, ENGINES["float64"])[0]
        assert (alone[:, 2] == y[:, i]).all()


def test_cosines_are_the_nearest_numbers():
    k = np.arange(TURN)
    assert np.abs(cosines() - np.cos(2 * np.pi * k / TURN)).max() < 1e-15
    assert (cosines()[[0, TURN // 4, TURN // 2, 3 * TURN // 4]] == [1, 0, -1, 0]).all()
    assert (cosines()[1:] == cosines()[:0:-1]).all()
    assert cosines()[TURN // 8] == np.sqrt(0.5)
    assert steps_of_pairs(16).tolist() == [652, 441, 298, 202, 137, 92, 62, 42, 28, 19, 13, 8, 6, 4, 2, 1]
    assert steps_of_pairs(1).tolist() == [652]
    assert len(steps_of_pairs(0)) == 0


def test_products_of_what_is_turned_depend_on_distances_alone():
    x = np.repeat(Stream(3, 1).normals((1, 1, 24)), 9000, 1)
    y, _ = Rotation.forward(x, 2)
    assert (y[:, :, 16:] == x[:, :, 16:]).all()
    queries, keys = (y[0, :, at : at + 4].astype(np.float64) for at in (4, 12))
    for apart in (0, 1, 77):
        products = (queries[apart:] * keys[: 9000 - apart]).sum(1)
        assert np.ptp(products) < 1e-5
    assert (y[0, :4096] == y[0, 4096:8192]).all()
    assert Rotation.forward(x[:, :5], 2, (1 << 40) - 4096 * 3)[0].tobytes() == y[:, :5].tobytes()


def test_every_embedded_symbol_has_its_sum():
    symbols = np.array([[3, 3, 0], [3, 1, 0]])
    run, node = Pass(Arithmetic(ENGINES["float64"]), training=True), Embedding(2, 4)
    table = Stream(0, 1).normals((4, 2))
    y, saved = node.forward(run, [table], None, symbols)
    assert (y == table[symbols]).all()
    g = Stream(0, 2).normals(y.shape)
    (slope,), (gradient,) = node.backward(saved, g, [False])
    assert slope is None
    wanted = np.stack([g[symbols == symbol].astype(np.float64).sum(0) for symbol in range(4)])
    assert np.abs(gradient - wanted).max() < 1e-6
    assert (gradient[2] == 0).all()


@pytest.mark.parametrize("symbol", [-1, 4])
def test_a_symbol_without_a_row(symbol):
    run = Pass(Arithmetic(ENGINES["float64"]), training=False)
    with pytest.raises(IndexError, match="none of the 4 that the table has rows for"):
        Embedding(2, 4).forward(run, [np.zeros((4, 2), np.float32)], None, np.array([[symbol]]))


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("feature", range(3))
def test_attention_to_what_is_not_finite_is_an_error(value, feature):
    x = np.ones((1, 3, 3), np.float32)
    x[0, 1, feature] = value
    with pytest.raises(InexactComputation, match="NaN or infinite"):
        Heads.forward(x, 1, ENGINES["float64"])


def test_scores_beyond_float32_are_an_error_together_and_place_by_place():
    x = np.ones((1, 2, 3), np.float32)
    x[0, 1, :2] = 1e38
    with pytest.raises(InexactComputation, match="NaN or infinite"):
        Heads.forward(x, 1, ENGINES["float64"])
    run, node = Pass(Arithmetic(ENGINES["float64"]), training=False), Attention(1)
    kept = node.begin(run, [], 1, (2, 3))
    node.step(run, kept, x[:, :1])
    with pytest.raises(InexactComputation, match="NaN or infinite"):
        node.step(run, kept, x[:, 1:])
    x[0, 1, :2] = 1e30, 1.0
    assert np.isfinite(Heads.forward(x, 1, ENGINES["float64"])[0]).all()


@pytest.mark.parametrize(
    ("node", "shape", "message"),
    [
        (Embedding(3), (4, 5), r"an embedding takes symbols at places, \(t,\), not values of shape \(4, 5\)"),
        (Positions(3), (4, 5), "a table of 3 places does not fit a sequence of 4"),
        (
            Positions(3),
            (4,),
            r"a table of places takes values at places, \(t, d\), not values of shape \(4,\)",
        ),
        (LayerNormalisation(), (4,), "layer normalisation takes values at places"),
        (Attention(2), (4,), "attention takes values at places"),
        (Attention(2), (4, 9), "attention of 2 heads .* a multiple of 6 features, not 9"),
        (Lstm(2), (1, 4, 4), "a layer of LSTM cells takes values at places"),
        (Linear(2), (1, 4, 4), "a linear layer takes columns, not maps"),
    ],
)
def test_inputs_that_do_not_fit_are_named(node, shape, message):
    with pytest.raises(BadData, match=message):
        node.outputs(shape)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Embedding(-1), "width is -1; give an integer of 0 or more"),
        (lambda: Embedding(1, 0), "symbols is 0"),
        (lambda: Positions(0), "places is 0"),
        (lambda: Attention(0), "heads is 0"),
        (lambda: Lstm(0), "width is 0"),
    ],
)
def test_what_is_no_node(make, message):
    with pytest.raises(BadData, match=message):
        make()


def test_a_devices_arrays_are_refused():
    run = Pass(arithmetic_of(DeviceEngine(torch.device("cpu"), Float64Products())), training=False)
    with pytest.raises(BadData, match="compute on the CPU alone; leave out --device"):
        LayerNormalisation().forward(run, [], None, torch.zeros(1, 2, 3))


def test_widths_of_tensors():
    graph = transformer(6, 1, 1, 5)
    shapes = {name: p.shape for name, p in graph.tensors((5,)).items()}
    assert graph.fitted(shapes) == graph
    assert replace(Lstm(3)).fitted({"weight_hh": (8, 2)}) == Lstm(2)


def test_operations_of_a_sequence():
    """Multiply-adds by hand: of linear layers for every place, of attention for every place looked at."""
    graph = transformer(6, 1, 1, 5)
    assert graph.operations((5,)) == 5 * (12 * 36 + 6 * 256) + 5 * 6 * 6
    assert lstm(4, 1).operations((5,)) == 5 * (4 * 4 * 8 + 4 * 256)


def test_dropout_rests_place_by_place():
    net = Builder()
    net(Embedding(4, 8))
    net(Dropout(30000))
    net(Linear(8))
    graph, arithmetic = net.graph(), Arithmetic(ENGINES["float64"])
    network = Network(graph, (6,), arithmetic, Stream(1, 1), Stream(1, 2))
    steps = Steps(graph, 6, network.views(network.vector), arithmetic)
    symbols = SYMBOLS[:, :6] % 8
    assert _place_by_place(steps, symbols).tobytes() == steps.scores(symbols).tobytes()


# Networks by name


def test_networks_by_name_have_the_weights_that_the_page_says():
    page = (
        (Path(__file__).parents[1] / "formats" / "sequences.md").read_text().split("## Networks by name")[1]
    )
    rows = re.findall(r"^\| `([a-z-]+)` \| .* (\d+) places \| ([0-9,]+) \|$", page, re.MULTILINE)
    found = {name: (int(places), int(weights.replace(",", ""))) for name, places, weights in rows}
    assert found == {n: (a.places, a.size) for n, a in SEQUENCE_ARCHITECTURES.items()}
    for architecture in SEQUENCE_ARCHITECTURES.values():
        assert architecture.graph.shapes((architecture.places,))[-1] == (architecture.places, 256)


def test_no_network_of_that_name():
    with pytest.raises(BadData, match="no network over bytes named 'gru'; choose one of transformer-small, "):
        sequence_architecture_named("gru")
