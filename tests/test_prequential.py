"""The prequential code: round trips, causality, cost, the guard over whole encodes, golden payloads."""

import hashlib
import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from label_sets import CASES, blobs, coloured, images

from mdlcodec import data
from mdlcodec.codes import CODES
from mdlcodec.container.ids import NetId
from mdlcodec.data.dataset import Inputs
from mdlcodec.data.targets import Classes
from mdlcodec.errors import BadData, InexactComputation, Unsupported
from mdlcodec.exact.guard import Guard
from mdlcodec.mixing.pools import mean_log_probabilities
from mdlcodec.mixing.switch_distribution import Calibration
from mdlcodec.predictors import PREDICTORS, RegisteredNetwork, auto_name, predictor_for, predictor_numbered
from mdlcodec.predictors.encoding import encoded
from mdlcodec.predictors.network_predictor import integer_root
from mdlcodec.predictors.presets import CNN, HIGHEST_PRESET, LOWEST_PRESET, MLP

CODE = CODES["prequential"]
GOLDEN = Path(__file__).parent / "golden" / "good" / "prequential" / "payloads.json"


def _quiet(done, bits, stage="", mistakes=None, /):
    pass


def prepared(inputs, k, chosen, code=CODE):
    return code.prepare(inputs, Classes(k), chosen)


def _encode(x, y, net, preset=1, seed=0):
    dataset = data.from_arrays(x, y)
    k = len(dataset.labels.values)
    chosen = CODE.settings(net, preset, seed, dataset.inputs, Classes(k))
    encoded_labels = prepared(dataset.inputs, k, chosen).encode(dataset.labels.classes, _quiet)
    return dataset, k, chosen, encoded_labels


def _decode(dataset, k, chosen, payload):
    return prepared(dataset.inputs, k, chosen).decode(payload, _quiet).values


@pytest.mark.parametrize("name", CASES)
def test_round_trip_and_golden_bytes(name):
    """The frozen bytes: a missing golden fails, a changed one needs a new version of the format."""
    x, y, net, preset = CASES[name]
    dataset, k, chosen, result = _encode(x, y, net, preset)
    assert (_decode(dataset, k, chosen, result.payload) == dataset.labels.classes).all()
    assert len(result.payload) * 8 - result.ideal_bits < 18
    assert result.ideal_bits < 0.8 * y.size * np.log2(k)
    assert result.payload.hex() == json.loads(GOLDEN.read_text())[name]


@pytest.mark.parametrize("name", CASES)
def test_golden_scores(name):
    """Every bit of every score: a file of a few bytes hides small differences."""
    x, y, net, preset = CASES[name]
    dataset, digest, start = data.from_arrays(x, y), hashlib.sha256(), 0
    inputs, labels = dataset.inputs, dataset.labels
    predictor = predictor_for(net, inputs, preset).load().start(inputs, len(labels.values), preset, 0)
    while start < inputs.n:
        stop = min(inputs.n, predictor.block_end(start))
        digest.update(predictor.predict(start, stop).tobytes())
        predictor.learn(start, stop, labels.classes[start:stop])
        start = stop
    assert digest.hexdigest() == json.loads((GOLDEN.parent / "scores.json").read_text())[name]


@pytest.mark.parametrize(
    "name", ["mlp", "cnn", "cnn large", "cnn large, selective", "large images in colour"]
)
def test_the_guard_sees_nothing_inexact(name):
    x, y, net, preset = CASES[name]
    plain = _encode(x, y, net, preset)[3].payload
    with Guard():
        assert _encode(x, y, net, preset)[3].payload == plain


@pytest.mark.parametrize("net", ["mlp", "kernel"])
def test_other_seeds_and_presets_round_trip(net):
    x, y = blobs(40, 4)
    for preset, seed in [(1, 7), (2, 0)]:
        dataset, k, chosen, result = _encode(x, y, net, preset, seed)
        assert (_decode(dataset, k, chosen, result.payload) == dataset.labels.classes).all()


@pytest.mark.parametrize("net", ["mlp", "kernel"])
@pytest.mark.parametrize(("n", "k"), [(1, 1), (1, 2), (2, 2), (9, 1), (30, 30), (60, 60)])
def test_tiny_and_many_classes(net, n, k):
    x, _ = blobs(n, 3)
    classes = (np.arange(n) % k).astype(np.int32)
    inputs = data.from_arrays(x, None).inputs
    chosen = CODE.settings(net, 1, 0, inputs, Classes(k))
    payload = prepared(inputs, k, chosen).encode(classes, _quiet).payload
    assert (prepared(inputs, k, chosen).decode(payload, _quiet).values == classes).all()
    if k == 1:
        assert payload == b""


@settings(max_examples=15)
@given(st.integers(1, 25), st.integers(1, 5), st.randoms(use_true_random=False))
def test_any_labels_round_trip(n, k, random):
    x, _ = blobs(n, 3)
    classes = np.array([random.randrange(k) for _ in range(n)], np.int32)
    inputs = data.from_arrays(x, None).inputs
    chosen = CODE.settings("kernel", 1, 0, inputs, Classes(k))
    payload = prepared(inputs, k, chosen).encode(classes, _quiet).payload
    assert (prepared(inputs, k, chosen).decode(payload, _quiet).values == classes).all()


@given(st.binary(max_size=40))
@settings(max_examples=15)
def test_any_payload_decodes_to_some_labels(payload):
    inputs = data.from_arrays(blobs(20, 3)[0], None).inputs
    chosen = CODE.settings("kernel", 1, 0, inputs, Classes(3))
    classes = prepared(inputs, 3, chosen).decode(payload, _quiet).values
    assert ((classes >= 0) & (classes < 3)).all()


@pytest.mark.parametrize("net", ["mlp", "kernel"])
def test_scores_do_not_see_later_labels(net):
    x, y = blobs(60, 3)
    inputs = data.from_arrays(x, None).inputs
    family, seen = CODE.settings(net, 1, 0, inputs, Classes(3)), []
    for last in (0, 2):
        predictor, start, scores = predictor_numbered(family.net).load().start(inputs, 3, 1, 0), 0, []
        labels = y.astype(np.int32).copy()
        labels[40:] = last
        while start < 60:
            stop = min(60, predictor.block_end(start))
            scores.append(predictor.predict(start, stop))
            predictor.learn(start, stop, labels[start:stop])
            start = stop
        seen.append(np.concatenate(scores))
    assert (seen[0][:41] == seen[1][:41]).all()
    assert (seen[0][41:] != seen[1][41:]).any()


def test_random_labels_cost_next_to_nothing_above_uniform():
    x, _ = blobs(400, 3)
    y = np.array([(i * i * 7919 + i // 3) % 13 % 4 for i in range(400)])
    y = y[np.random.Generator(np.random.Philox(1)).permutation(400)]
    result = _encode(x, y, "mlp")[3]
    assert result.ideal_bits < 1.005 * 400 * 2 + 16


def test_calibration_learns_on_both_sides_alike():
    scores = np.random.Generator(np.random.Philox(1)).normal(size=(50, 2, 4)) * 3
    labels = (np.arange(50) % 4).astype(np.int32)
    sender, receiver = Calibration(4, 2), Calibration(4, 2)
    frequencies, probability = sender.frequencies(scores, labels)
    row = np.empty(4, np.uint32)
    for i, label in enumerate(labels):
        receiver.predict(scores[i], row)
        assert (row == frequencies[i]).all()
        assert receiver.update(int(label)) == probability[i]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_score_that_is_not_finite_is_never_coded_with(bad):
    scores = np.zeros((3, 1, 2))
    scores[1, 0, 1] = bad
    with pytest.raises(InexactComputation):
        Calibration(2, 1).frequencies(scores, np.zeros(3, np.int32))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_network_score_that_is_not_finite_stays_visible(bad):
    scores = np.zeros((2, 1, 3), np.float32)
    scores[1, 0, 2] = bad
    out = np.empty((1, 3))
    mean_log_probabilities(scores, out)
    assert np.isnan(out).any()


@given(st.integers(0, 10**30), st.integers(1, 7))
def test_integer_root(x, degree):
    root = integer_root(x, degree)
    assert root**degree <= x < (root + 1) ** degree


def test_encoding_of_number_columns():
    x = np.array([[0.0, 1.0], [0.0, 2.0], [1.0, 3.0], [1.0, 9.0]], np.float32)
    out = encoded(x)
    # two values: no bins; four values: three steps; every column centred
    assert out.shape == (4, 5)
    assert np.abs(out.sum(0)).max() < 1e-6
    assert (np.diff(out[:, 2:], axis=0) >= 0).all()


def test_auto_looks_at_shape_and_number_alone():
    def inputs(*shape: int) -> Inputs:
        return Inputs(np.zeros(shape, np.float32), b"")

    assert auto_name(inputs(100, 5)) == "kernel"
    assert auto_name(inputs(100, 8, 8, 1)) == "kernel"
    assert auto_name(inputs(5000, 5)) == "mlp"
    assert auto_name(inputs(5000, 8, 8, 1)) == "cnn"


@pytest.mark.parametrize("entry", PREDICTORS, ids=lambda entry: entry.name)
def test_every_preset_has_a_cost_that_grows(entry):
    x, lowest = {NetId.COLOUR_CNN: (coloured(60)[0], 4), NetId.GREY_CNN: (images(60, 20)[0], 5)}.get(
        entry.number, (images(60, 32 if isinstance(entry, RegisteredNetwork) else 8)[0], LOWEST_PRESET)
    )
    inputs = data.from_arrays(x, None).inputs
    family, presets = entry.load(), range(lowest, HIGHEST_PRESET + 1)
    assert (family.name, family.number) == (entry.name, entry.number)
    costs = [family.cost(inputs, 4, preset) for preset in presets]
    assert all(a.work <= b.work and a.memory <= 1.5 * b.memory for a, b in pairwise(costs))
    with pytest.raises(Unsupported, match="preset 12"):
        family.cost(inputs, 4, 12)


def test_presets_are_all_there():
    assert set(MLP) == set(CNN) == set(range(LOWEST_PRESET, HIGHEST_PRESET + 1))


def test_networks_that_do_not_fit():
    inputs = data.from_arrays(blobs(20, 3)[0], None).inputs
    with pytest.raises(BadData, match="needs images"):
        assert prepared(inputs, 3, CODE.settings("cnn", 1, 0, inputs, Classes(3))).cost
    with pytest.raises(BadData, match="no network named 'vgg'"):
        CODE.settings("vgg", 1, 0, inputs, Classes(3))
    with pytest.raises(Unsupported, match="network number 99"):
        predictor_numbered(99)
