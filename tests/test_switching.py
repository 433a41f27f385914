"""The switching code: round trips, golden payloads, predictors that retire, pools, neighbours, cost."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from label_sets import SWITCHED, blobs, coloured, first_examples, images

import mdlcodec
from mdlcodec import data
from mdlcodec.codes import CODES, Settings, auto_code, prequential
from mdlcodec.container.ids import NetId
from mdlcodec.data.dataset import Inputs
from mdlcodec.data.targets import Classes
from mdlcodec.errors import BadData, InexactComputation, Unsupported
from mdlcodec.exact.cholesky import row_starts, squared_distances
from mdlcodec.exact.guard import Guard
from mdlcodec.mixing.pools import fill_pools
from mdlcodec.mixing.switch_distribution import INVERSE_TEMPERATURES, Calibration
from mdlcodec.predictors import number_of_images, portfolio, switched
from mdlcodec.predictors.contract import Predictor
from mdlcodec.predictors.neighbours import COUNTS, NeighboursPredictor
from mdlcodec.predictors.portfolio import Held, Portfolio

CODE = CODES["switching"]
GOLDEN = Path(__file__).parent / "golden" / "good" / "switching" / "payloads.json"


def _quiet(done, bits, stage="", mistakes=None, /):
    pass


def prepared(inputs, k, chosen, code=CODE):
    return code.prepare(inputs, Classes(k), chosen)


def _encode(x, y, preset=1, seed=0):
    dataset = data.from_arrays(x, y)
    k = len(dataset.labels.values)
    chosen = CODE.settings("auto", preset, seed, dataset.inputs, Classes(k))
    result = prepared(dataset.inputs, k, chosen).encode(dataset.labels.classes, _quiet)
    return dataset, k, chosen, result


def _decode(dataset, k, chosen, payload):
    return prepared(dataset.inputs, k, chosen).decode(payload, _quiet).values


@pytest.mark.parametrize("name", SWITCHED)
def test_round_trip_and_golden_bytes(name):
    x, y, preset, few = SWITCHED[name]
    with first_examples(few):
        dataset, k, chosen, result = _encode(x, y, preset)
        assert (_decode(dataset, k, chosen, result.payload) == dataset.labels.classes).all()
    assert len(result.payload) * 8 - result.ideal_bits < 18
    assert result.ideal_bits < 0.8 * y.size * np.log2(k)
    assert result.payload.hex() == json.loads(GOLDEN.read_text())[name]


def _family(inputs, preset):
    number = number_of_images(inputs, preset)
    return switched.SwitchedFamily(NetId.NONE if number == NetId.CNN else number)


@pytest.mark.parametrize("name", SWITCHED)
def test_golden_scores_and_frequencies(name):
    """Every bit of every score and frequency: a payload of two bytes hides small differences."""
    x, y, preset, few = SWITCHED[name]
    dataset = data.from_arrays(x, y)
    n, k = dataset.inputs.n, len(dataset.labels.values)
    with first_examples(few):
        learner = _family(dataset.inputs, preset).start(dataset.inputs, k, preset, 0)
    calibration, retired = Calibration(k, learner.sets), []
    scores_digest, frequencies_digest, start = hashlib.sha256(), hashlib.sha256(), 0
    while start < n:
        kept = learner.retire(start)
        if kept is not None:
            calibration.keep(kept)
            retired.append(start)
        stop, labels = learner.block_end(start), dataset.labels.classes
        scores = learner.predict(start, stop)
        scores_digest.update(scores.tobytes())
        frequencies_digest.update(calibration.frequencies(scores, labels[start:stop])[0].tobytes())
        learner.learn(start, stop, labels[start:stop])
        start = stop
    assert retired == ([] if few is None else [few])
    for digest, file in ((scores_digest, "scores.json"), (frequencies_digest, "frequencies.json")):
        assert digest.hexdigest() == json.loads((GOLDEN.parent / file).read_text())[name], file


def test_kept_experts_share_the_weight_of_the_others_in_proportion():
    """formats/switching.md, "When a predictor has predicted its last example", one expert after another."""
    calibration, betas = Calibration(3, 4), INVERSE_TEMPERATURES.size
    scores = np.random.Generator(np.random.Philox(3)).normal(size=(7, 4, 3))
    calibration.frequencies(scores, np.array([0, 1, 2, 2, 1, 0, 0], np.int32))
    prior, weights = calibration._prior.tolist(), calibration._weights.tolist()
    calibration.keep([0, 3])
    stay = [*range(betas), *range(3 * betas, 4 * betas), 4 * betas, 4 * betas + 1]
    for before, after in ((prior, calibration._prior), (weights, calibration._weights)):
        total = 0.0
        for j in stay:
            total += before[j]
        assert [before[j] / total for j in stay] == after.tolist()


def test_the_guard_sees_nothing_inexact():
    x, y, preset, _ = SWITCHED["images"]
    with Guard():
        payload = _encode(x, y, preset)[3].payload
    assert payload.hex() == json.loads(GOLDEN.read_text())["images"]


@pytest.mark.parametrize(("n", "k"), [(1, 1), (1, 2), (2, 2), (9, 1), (30, 30)])
def test_tiny_and_many_classes(n, k):
    x, _ = blobs(n, 3)
    classes = (np.arange(n) % k).astype(np.int32)
    inputs = data.from_arrays(x, None).inputs
    chosen = CODE.settings("auto", 1, 0, inputs, Classes(k))
    payload = prepared(inputs, k, chosen).encode(classes, _quiet).payload
    assert (prepared(inputs, k, chosen).decode(payload, _quiet).values == classes).all()


@pytest.mark.parametrize("make", [lambda: blobs(90, 3), lambda: images(60, 8)], ids=["columns", "images"])
def test_predictors_of_the_first_examples_retire(make, monkeypatch):
    monkeypatch.setattr(switched, "KERNEL_LIMIT", 0)
    monkeypatch.setattr(switched, "SWITCHING", {1: 25})
    dataset, k, chosen, result = _encode(*make())
    assert (_decode(dataset, k, chosen, result.payload) == dataset.labels.classes).all()
    assert result.ideal_bits < 0.8 * dataset.inputs.n * np.log2(k)


def test_slices_for_memory_end_no_block(monkeypatch):
    wanted = _encode(*blobs(90, 3))[3].payload
    monkeypatch.setattr(portfolio, "_ENTRIES_AT_ONCE", 30)
    monkeypatch.setattr(prequential, "_ENTRIES_AT_ONCE", 12)
    dataset, k, chosen, result = _encode(*blobs(90, 3))
    assert result.payload == wanted
    assert (_decode(dataset, k, chosen, wanted) == dataset.labels.classes).all()


def test_labels_without_information_cost_next_to_nothing():
    x, _ = blobs(400, 3)
    y = np.random.Generator(np.random.Philox(1)).integers(0, 4, 400)
    assert _encode(x, y)[3].ideal_bits < 1.005 * 400 * 2 + 16


def test_it_is_no_worse_than_its_predictors_by_more_than_the_switches():
    x, y = blobs(200, 3)
    dataset, k, _, result = _encode(x, y)
    for net in ("kernel", "mlp"):
        alone = CODES["prequential"]
        chosen = alone.settings(net, 1, 0, dataset.inputs, Classes(k))
        bits = prepared(dataset.inputs, k, chosen, alone).encode(dataset.labels.classes, _quiet).ideal_bits
        assert result.ideal_bits < bits + 12


class _Fixed(Predictor):
    """A predictor of given scores with blocks of a given length, which checks how it is called."""

    def __init__(self, n, k, sets, block, number):
        self.sets, self._block, self._known = sets, block, 0
        self._scores = np.random.default_rng(number).normal(size=(n, sets, k))
        self.learned = []

    def block_end(self, start):
        return start + self._block

    def predict(self, start, stop):
        assert self._known + self._block >= stop > start >= self._known
        return self._scores[start:stop]

    def learn(self, start, stop, labels):
        assert start == self._known
        self._known = stop
        self.learned += [int(label) for label in labels]

    def states(self):
        return {}


def test_a_portfolio_gives_each_predictor_its_own_blocks():
    n, k = 50, 3
    predictors = [_Fixed(n, k, 2, 7, 0), _Fixed(n, k, 1, 1, 1), _Fixed(n, k, 3, 4, 2)]
    entries = [Held(predictors[0], n, 1), Held(predictors[1], 30, 1), Held(predictors[2], 20, 0)]
    portfolio = Portfolio(entries, k)
    start, sizes, kept = 0, {}, {}
    labels = np.arange(n, dtype=np.int32) % k
    while start < n:
        kept[start] = portfolio.retire(start)
        stop = portfolio.block_end(start)
        scores = portfolio.predict(start, stop)
        assert scores.shape == (stop - start, portfolio.sets, k)
        assert (scores[:, :2] == predictors[0]._scores[start:stop]).all()
        sizes[start] = portfolio.sets
        portfolio.learn(start, stop, labels[start:stop])
        start = stop
    # 6 sets of predictors and 4 pools; then 3 and 4; then 2
    assert (sizes[0], sizes[19], sizes[20], sizes[29], sizes[30]) == (10, 10, 7, 7, 2)
    assert {start: found for start, found in kept.items() if found is not None} == {
        20: [0, 1, 2, 6, 7, 8, 9],
        30: [0, 1],
    }
    for predictor, count in zip(predictors, (n, 30, 20), strict=True):
        assert predictor.learned == list(labels[:count])


def test_pools_are_those_of_the_specification():
    scores = np.random.default_rng(0).normal(size=(5, 3, 4)) * 3
    out = np.empty((5, 4, 4))
    fill_pools(scores, np.array([2, 1]), out)
    p = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
    first, second = p[:, :2].mean(1), p[:, 2]
    expected = [
        np.log((first + second) / 2),
        np.log(first * second) / 2,
        np.log(first**2 * second) / 3,
        np.log(first * second**2) / 3,
    ]
    np.testing.assert_allclose(out, np.stack(expected, 1), rtol=1e-12)


def test_pools_hide_no_nan_and_survive_certainty():
    scores = np.zeros((2, 2, 3))
    scores[0, :, 0] = 5000.0
    scores[1, 1, 2] = np.nan
    out = np.empty((2, 4, 3))
    fill_pools(scores, np.array([1, 1]), out)
    assert np.isfinite(out[0]).all()
    assert np.isnan(out[1]).all(0).any()
    with pytest.raises(InexactComputation):
        Calibration(3, 4).frequencies(out, np.zeros(2, np.int32))


def test_sets_that_go_leave_their_weight_to_the_others():
    scores = np.zeros((40, 3, 2))
    scores[:, 1, 1] = 4.0
    calibration = Calibration(2, 3)
    calibration.frequencies(scores, np.ones(40, np.int32))
    calibration.keep([0, 1])
    weights = calibration._weights
    assert weights.size == 2 * INVERSE_TEMPERATURES.size + 2
    assert weights.sum() == pytest.approx(1.0)
    assert weights[INVERSE_TEMPERATURES.size : -2].sum() > 5 * weights[: INVERSE_TEMPERATURES.size].sum()
    _, probability = calibration.frequencies(scores[:, :2], np.ones(40, np.int32))
    assert probability[0] > 0.7
    assert probability[-1] > 0.95


def test_nearest_neighbours_vote():
    random = np.random.default_rng(3)
    x = random.integers(0, 6, (40, 2)).astype(np.float64)  # many equal distances
    labels = random.integers(0, 3, 40).astype(np.int32)
    distances, starts = squared_distances(np.ascontiguousarray(x.T)), row_starts(40)
    predictor = NeighboursPredictor(40, 3, distances)
    for i in range(40):
        found = predictor.predict(i, i + 1)[0]
        order = sorted(range(i), key=lambda j: (distances[starts[j] + i], j))
        for s, count in enumerate(COUNTS):
            nearest = order[:count]
            votes = np.bincount(labels[nearest], minlength=3) + 0.1
            np.testing.assert_allclose(found[s], np.log(votes / votes.sum()), rtol=1e-12)
        predictor.learn(i, i + 1, labels[i : i + 1])


def test_it_chooses_its_predictors_itself():
    inputs = data.from_arrays(blobs(20, 3)[0], None).inputs
    with pytest.raises(BadData, match="leave it out"):
        CODE.settings("cnn", 1, 0, inputs, Classes(3))
    with pytest.raises(Unsupported, match="network number 3"):
        CODE.net_name(CODE.settings("auto", 1, 0, inputs, Classes(3)).__class__(3, 1, 0))


@pytest.mark.parametrize(
    "make",
    [lambda: blobs(60, 3), lambda: images(60, 20), lambda: coloured(60)],
    ids=["columns", "images", "in colour"],
)
def test_every_preset_has_a_cost(make):
    inputs = data.from_arrays(make()[0], None).inputs
    settings = [CODE.settings("auto", preset, 0, inputs, Classes(4)) for preset in range(1, 10)]
    costs = [prepared(inputs, 4, chosen).cost for chosen in settings]
    assert costs[0].work < costs[4].work < costs[8].work
    assert costs[0].memory < costs[4].memory < costs[8].memory
    for preset in (1, 2, 4, 6):
        cost = _family(inputs, preset).cost(inputs, 4, preset)
        assert prepared(inputs, 4, settings[preset - 1]).learner().sets == cost.sets
    with pytest.raises(Unsupported, match="preset 12"):
        assert prepared(inputs, 4, Settings(0, 12, 0)).cost


def test_networks_of_large_images_are_named_in_the_file():
    colour, grey = NetId.COLOUR_CNN, NetId.GREY_CNN
    for x, numbers in (
        (coloured(9)[0], {4: colour, 5: colour, 9: colour}),
        (images(9, 20)[0], {5: grey, 9: grey}),
        (np.stack([images(9, 20)[0]] * 2, -1), {}),
        (coloured(9)[0][:, :19], {}),
        (images(9, 19)[0], {}),
    ):
        inputs = data.from_arrays(x, None).inputs
        for preset in (1, 3, 4, 5, 9):
            chosen = CODE.settings("auto", preset, 0, inputs, Classes(4))
            assert chosen.net == numbers.get(preset, NetId.NONE)
            for other in {colour, grey} - {chosen.net}:
                with pytest.raises(Unsupported, match=f"network number {other}"):
                    assert prepared(inputs, 4, Settings(other, preset, 0)).cost
            if chosen.net == colour:
                with pytest.raises(Unsupported, match=r"early mdlcodec 0\.1"):
                    assert prepared(inputs, 4, Settings(NetId.NONE, preset, 0)).cost


def test_auto_takes_switching_for_few_examples_and_no_network_by_name():
    def inputs(n: int) -> Inputs:
        return Inputs(np.zeros((n, 5), np.float32), b"")

    assert auto_code("auto", inputs(4000)) == "switching"
    assert auto_code("auto", inputs(4001)) == "prequential"
    assert auto_code("kernel", inputs(100)) == "prequential"
    x, y = blobs(60, 3)
    assert mdlcodec.inspect(mdlcodec.encode(x, y, preset=1))["code"] == "switching"
    assert mdlcodec.inspect(mdlcodec.encode(x, y, net="kernel", preset=1))["code"] == "prequential"
