"""Real numbers: grids, the normal tail, the mixture, round trips, golden files, damage, and the commands."""

import json
import os
import subprocess
import sys
import zlib
from dataclasses import replace

import mpmath
import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from real_cases import CASES, GOLDEN, encoded, numbers

import mdlcodec
from mdlcodec import data
from mdlcodec.cli import main
from mdlcodec.codes import CODES
from mdlcodec.container import index_digest, label_file, read_label_file, write_label_file
from mdlcodec.container.grid import Grid, encode_grid, grid_bytes
from mdlcodec.data.dataset import Choice
from mdlcodec.data.label_choice import labels_as, words_as
from mdlcodec.data.reals import RealLabels, reals_of_array, reals_of_words
from mdlcodec.data.targets import Reals
from mdlcodec.errors import BadData, CorruptFile, InexactComputation, MdlcodecError, Unsupported
from mdlcodec.exact.loss import SquaredError
from mdlcodec.exact.normal import normal_tail
from mdlcodec.mixing.halving import UniformIndices
from mdlcodec.mixing.real_mixture import RealMixture

REALS = Choice("reals")


def _coded(labels: RealLabels, scores: np.ndarray | None = None) -> bytes:
    """The payload of labels under a mixture, after it decoded to them."""
    grid, cells = labels.target.grid, labels.target.cells()
    scores = np.zeros((labels.n, 0, 2)) if scores is None else scores
    sender = RealMixture(scores.shape[1], grid.low, grid.high, *cells)
    targets = sender.encode(scores, labels.indices)
    payload, found = sender.finish(), np.empty(labels.n, np.int64)
    receiver = RealMixture(scores.shape[1], grid.low, grid.high, *cells, payload)
    assert receiver.decode(scores, found).tobytes() == targets.tobytes()
    assert (found == labels.indices).all()
    assert receiver.ideal_bits == sender.ideal_bits
    assert len(payload) * 8 - sender.ideal_bits < 18
    return payload


# --- grids


@pytest.mark.parametrize(
    ("values", "decimals", "step"),
    [
        ([1.5, 2.25], 2, 75),
        ([0.1, 0.2, 0.7], 1, 1),
        ([100.0, 300.0, 250.0], 0, 50),
        ([1e22], 0, None),
        ([0.1 + 0.2, 0.5], None, 1),
        ([np.inf, 1.0], None, 1),
        (np.array([0.1, 7.3], np.float32), 1, 1),
        (np.array([5, -7, 3], np.int8), 0, 1),
    ],
)
def test_the_grid_has_the_fewest_decimals(values, decimals, step):
    values = np.asarray(values)
    labels = reals_of_array(values, "npy")
    if step is not None:
        assert (labels.target.grid.decimals, labels.target.grid.step) == (decimals, step)
    assert labels.array().tobytes() == values.tobytes()


_FLOATS = st.floats(allow_nan=False, width=32) | st.floats(allow_nan=False)
_PRICES = st.integers(-(10**6), 10**6).map(lambda cents: cents / 100)


@settings(max_examples=120, deadline=None)
@given(st.lists(_FLOATS | _PRICES, min_size=1, max_size=30) | st.lists(_PRICES | st.just(-0.0), min_size=1))
def test_any_floats_come_back(values):
    array = np.array(values)
    labels = reals_of_array(array, "npy")
    assert labels.array().tobytes() == array.tobytes()
    _coded(labels)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["f2", ">f2", "f4", ">f4", "f8", ">f8"]).flatmap(
        lambda dtype: st.binary(min_size=8, max_size=160).map(
            lambda raw: np.frombuffer(raw[: len(raw) // 8 * 8], dtype)
        )
    )
)
def test_any_bits_but_nan_come_back(array):
    array = array[~np.isnan(array)]
    if array.size:
        labels = reals_of_array(array, "npy")
        assert labels.array().dtype == array.dtype
        assert labels.array().tobytes() == array.tobytes()
        _coded(labels)


def test_nan_is_refused():
    with pytest.raises(BadData, match="NaN among them"):
        mdlcodec.encode(np.zeros((3, 1)), np.array([1.0, np.nan, 2.0]), target="reals")


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20), st.sampled_from(["0.01", "0.25", "5", "300"]))
@settings(deadline=None)
def test_precision_goes_to_the_nearest_multiple(values, precision):
    array = np.array(values)
    labels = reals_of_array(array, "npy", precision=precision)
    change = np.abs(labels.array() - array).max()
    assert change <= float(precision) / 2 * (1 + 1e-9) + 1e-9
    assert labels.change == pytest.approx(change, abs=1e-12)


@pytest.mark.parametrize("precision", [1e-7, "0.0000001", np.float64(1e-7), np.float32(1e-7), 5e-5, 2])
def test_precision_is_text_or_a_number(precision):
    x, y = np.zeros((30, 1)), np.arange(30) / 7
    blob = mdlcodec.encode(x, y, code="uniform", precision=precision)
    assert np.abs(mdlcodec.decode(blob, x) - y).max() <= float(precision) / 2 * (1 + 1e-6)
    for none in (np.nan, np.inf, -1.0, 0.0, True, object()):
        with pytest.raises(BadData, match="no precision"):
            mdlcodec.encode(x, y, precision=none)


def test_precisions_that_do_not_exist():
    for text in ("0", "-1", "1e-3", "x", "0.0"):
        with pytest.raises(BadData, match="no precision"):
            reals_of_array(np.array([1.0]), "npy", precision=text)


@pytest.mark.parametrize(
    ("values", "precision", "told"),
    [
        (np.array([-(2**63)] + [0] * 29), None, r"above 2\^53"),
        (np.array([2**63 - 1] + [0] * 29), None, r"above 2\^53"),
        (np.array([2**64 - 1] + [0] * 29, np.uint64), None, r"above 2\^53"),
        (np.array([-(2**63)] + [0] * 29), "3", "too large"),
        (np.array([255] * 29 + [0], np.uint8), "100", "uint8 can hold"),
        (np.array([-128, 0], np.int8), "100", None),
        (np.array([-128, 0], np.int8), "150", "int8 can hold"),
        (np.array([65504.0, 0.0], np.float16), "10000", "float16 can hold"),
        (np.zeros(2), "99999999999999.9", None),
        (np.zeros(2), "999999999999999.999", "too many digits"),
    ],
)
def test_whatever_is_encoded_decodes(values, precision, told):
    x = np.zeros((values.size, 1))
    if told is not None:
        with pytest.raises(BadData, match=told):
            mdlcodec.encode(x, values, code="uniform", target="reals", precision=precision)
        return
    blob = mdlcodec.encode(x, values, code="uniform", target="reals", precision=precision)
    assert mdlcodec.decode(blob, x).dtype == values.dtype


@pytest.mark.parametrize(
    ("words", "ends"),
    [
        (["1.50", "-2.25", "10.00"], "1.50"),
        (["1.5", "-2.25", "10"], "1.5"),
        (["1.5", "-2.25", "10.0"], "1.5"),
        (["-0.0", "0.5", "2.0"], "-0.0"),
        (["1e-07", "0.5"], "1e-07"),
    ],
)
def test_cells_come_back_as_they_were_written(words, ends):
    labels = reals_of_words(words, np.arange(len(words)), None)
    assert labels is not None
    assert labels.cells() == words
    assert labels.cells()[0] == ends


@pytest.mark.parametrize("words", [["1.5", "1.50"], ["1.5", "x"], ["1.5", "nan"], ["+1.5", "2.5"], ["1_0.5"]])
def test_cells_that_would_not_come_back_are_no_reals(words):
    assert reals_of_words(words, np.arange(len(words)), None) is None
    many = [f"{i}.5" for i in range(30)] + words
    kind = words_as(Choice("auto"), many, np.arange(len(many)), None)
    assert not isinstance(kind, RealLabels)
    with pytest.raises(BadData, match="not all numbers"):
        words_as(REALS, words, np.arange(len(words)), None)


def test_what_is_real_of_its_own_accord():
    auto = Choice("auto")
    assert isinstance(labels_as(auto, np.arange(30) / 7, 30), RealLabels)
    assert not isinstance(labels_as(auto, np.arange(20) / 7, 20), RealLabels)
    assert not isinstance(labels_as(auto, np.arange(30), 30), RealLabels)
    assert not isinstance(labels_as(auto, np.repeat(np.arange(25) / 7, 4), 100), RealLabels)
    assert not isinstance(labels_as(Choice("classes"), np.arange(30) / 7, 30), RealLabels)
    assert isinstance(labels_as(REALS, np.arange(30), 30), RealLabels)
    for bad in (np.array(["a"]), np.array([True])):
        with pytest.raises(BadData, match="no real numbers"):
            labels_as(REALS, bad, 1)


# --- functions


def test_the_normal_tail():
    mpmath.mp.dps = 30
    for z in np.concatenate([np.linspace(0.0, 30.0, 601), 10.0 ** np.linspace(-9, 1.4, 60)]):
        exact = mpmath.erfc(mpmath.mpf(float(z)) / mpmath.sqrt(2)) / 2
        assert abs(normal_tail(float(z)) / exact - 1) < 1e-12
    assert normal_tail(40.0) == normal_tail(1e300) == 0.0


def test_squared_error_by_hand():
    loss, saved = SquaredError.forward(np.array([[1.0], [3.0]], np.float32), np.array([0.5, 5.0]))
    assert loss == (0.25 + 4.0) / 2
    assert SquaredError.backward(saved)[0].tolist() == [[0.5], [-2.0]]


# --- the mixture


def test_the_mixture_is_near_the_entropy_of_a_normal():
    values = np.rint(np.random.default_rng(1).normal(50, 7, 2000) * 10) / 10
    bits = 8 * len(_coded(reals_of_array(values, "npy"))) / 2000
    entropy = 0.5 * np.log2(2 * np.pi * np.e * (7 / 0.1) ** 2)
    assert bits < entropy + 0.06


def test_an_outlier_costs_its_own_bits():
    values = np.rint(np.random.default_rng(2).normal(0, 3, 500) * 100) / 100
    without = len(_coded(reals_of_array(values, "npy")))
    for outlier in (1e4, 1e8, 1e12):
        values[300] = outlier
        own = np.log2(outlier * 100)
        assert 8 * (len(_coded(reals_of_array(values, "npy"))) - without) < 1.5 * own + 24


def test_a_good_prediction_is_worth_its_bits():
    _, y = numbers(400)
    labels = reals_of_array(y, "npy")
    t = (y - labels.target.cells()[1][2]) / labels.target.cells()[1][3]
    noise = np.random.default_rng(0).normal(0, 0.05, 400)
    scores = np.stack([np.stack([t + noise, np.ones(400)], 1)], 1)
    assert len(_coded(labels, scores)) < len(_coded(labels)) - 400 * 3 / 8
    with pytest.raises(InexactComputation):
        _coded(labels, scores * np.nan)


@given(st.integers(-(2**62), 2**62), st.integers(1, 2**62), st.lists(st.integers(0, 2**64), max_size=20))
@settings(max_examples=50, deadline=None)
def test_uniform_indices(low, size, offsets):
    indices = np.array([low + offset % (size + 1) for offset in offsets], np.int64)
    sender = UniformIndices(low, low + size)
    sender.encode(indices)
    found = np.empty(indices.size, np.int64)
    UniformIndices(low, low + size, sender.finish()).decode(found)
    assert (found == indices).all()
    assert 8 * len(sender.finish()) <= sender.ideal_bits + 16


# --- files


@pytest.mark.parametrize("name", CASES)
def test_golden_files(name):
    """The frozen bytes; MDLCODEC_WRITE_GOLDEN=1 writes them anew, which needs a new version of the format."""
    case, path = CASES[name], GOLDEN / f"{name}.mdl"
    blob = encoded(case)
    if os.environ.get("MDLCODEC_WRITE_GOLDEN") == "1":
        GOLDEN.mkdir(exist_ok=True)
        path.write_bytes(blob)
    assert blob == path.read_bytes()
    found = mdlcodec.decode(blob, case.x)
    assert found.dtype == case.y.dtype
    assert found.tobytes() == case.y.tobytes()
    facts = mdlcodec.inspect(blob)
    assert facts["as"] == "reals"
    assert sum(section["bytes"] for section in facts["sections"]) == len(blob)


@pytest.mark.parametrize("name", ["kernel", "mlp"])
def test_engines_threads_and_processes(name, tmp_path):
    (tmp_path / "x.npy").write_bytes(b"")
    np.save(tmp_path / "x.npy", CASES[name].x)
    np.save(tmp_path / "y.npy", CASES[name].y)
    code = (
        "import sys, numpy as np, mdlcodec\n"
        "folder, golden, net = sys.argv[1:]\n"
        "x, y = np.load(folder + '/x.npy'), np.load(folder + '/y.npy')\n"
        "blob = open(golden, 'rb').read()\n"
        "assert mdlcodec.decode(blob, x).tobytes() == y.tobytes()\n"
        "assert mdlcodec.encode(x, y, code='prequential', net=net, preset=1, target='reals') == blob\n"
    )
    environment = os.environ | {
        "MDLCODEC_ENGINE": "float64",
        "OMP_NUM_THREADS": "1",
        "NUMBA_NUM_THREADS": "1",
    }
    arguments = [str(tmp_path), str(GOLDEN / f"{name}.mdl"), name]
    subprocess.run([sys.executable, "-c", code, *arguments], env=environment, check=True)


def test_inputs_make_it_shorter():
    case = CASES["kernel"]
    labels = reals_of_array(case.y, "npy")
    facts = mdlcodec.inspect(encoded(case))
    assert facts["sections"][-2]["bytes"] < 0.85 * len(_coded(labels))


@pytest.mark.parametrize("net", ["kernel", "mlp"])
def test_predictions_do_not_see_later_values(net):
    x, y = numbers(60)
    inputs, seen = data.from_arrays(x, None).inputs, []
    from mdlcodec.predictors.reals import real_family

    for last in (0.0, 1.0):
        t = np.where(np.arange(60) < 40, (y - 20) / 8, last)
        learner, start, scores = real_family(net).start(inputs, 1, 0), 0, []
        while start < 60:
            stop = min(60, learner.block_end(start))
            scores.append(learner.predict(start, stop))
            learner.learn(start, stop, t[start:stop])
            start = stop
        seen.append(np.concatenate(scores))
    assert (seen[0][:41] == seen[1][:41]).all()
    assert (seen[0][41:] != seen[1][41:]).any()


@pytest.mark.parametrize("code", [name for name, code in CODES.items() if not code.takes_reals])
def test_codes_that_have_no_reals_say_which_do(code):
    with pytest.raises(BadData, match="two-part-raw or uniform"):
        mdlcodec.encode(*numbers(30), code=code, target="reals")


def test_networks_that_have_no_reals():
    header, payload = read_label_file((GOLDEN / "kernel.mdl").read_bytes())
    for grid in (header.grid, Grid(0, 1, False, 5, 5)):
        blob = write_label_file(replace(header, net=2, grid=grid), payload)
        for read in (mdlcodec.inspect, lambda blob: mdlcodec.decode(blob, CASES["kernel"].x)):
            with pytest.raises(Unsupported, match="predicts reals with cnn"):
                read(blob)
    for y in (np.arange(5) / 7, np.ones(5)):
        with pytest.raises(BadData, match="--net cnn predicts classes, not reals"):
            mdlcodec.encode(np.zeros((5, 8, 8)), y, code="prequential", net="cnn", target="reals")


def test_old_readers_refuse_politely():
    """What a program does that knows kinds 0 and 1 alone; here with the next kind."""
    blob = bytearray(encoded(CASES["uniform"]))
    blob[3] = 0x15
    blob[-4:] = zlib.crc32(bytes(blob[:-4])).to_bytes(4, "little")
    with pytest.raises(Unsupported, match="kind 5"):
        mdlcodec.inspect(bytes(blob))


# --- damage


def _framed(body: bytes) -> bytes:
    return body + zlib.crc32(body).to_bytes(4, "little")


@settings(max_examples=250, deadline=None)
@given(st.integers(0, 40), st.integers(0, 255), st.sampled_from(["uniform", "kernel", "raw", "outlier"]))
def test_damage_with_a_right_checksum_is_an_error_or_other_numbers(place, byte, name):
    case = CASES[name]
    body = bytearray((GOLDEN / f"{name}.mdl").read_bytes()[:-4])
    body[4 + place % (len(body) - 4)] = byte
    try:
        found = mdlcodec.decode(_framed(bytes(body)), case.x, max_work=10**12, max_memory=2**30)
    except MdlcodecError:
        return
    assert len(found) == len(case.y)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=60))
def test_any_payload_decodes_to_numbers_in_range(payload):
    case = CASES["kernel"]
    header, _ = read_label_file((GOLDEN / "kernel.mdl").read_bytes())
    target = Reals(header.grid, header.values.dtype)
    inputs = data.from_arrays(case.x, None).inputs
    prepared = CODES["prequential"].prepare(
        inputs, target, CODES["prequential"].settings("kernel", 1, 0, inputs, target)
    )
    found = prepared.decode(payload, lambda *progress: None).values
    assert ((found >= header.grid.low) & (found <= header.grid.high)).all()


@pytest.mark.parametrize(
    "grid",
    [
        Grid(2, 1, False, -(2**62), 2**62),
        Grid(None, 1, False, -(2**63), 0),
        Grid(None, 1, True, 0, 5),
        Grid(0, 2**60, False, 0, 5),
        Grid(2, 1, False, 0, 5, (0, 5000)),
        Grid(2, 1, False, 0, 5, (2**60, 0)),
        Grid(2, 1, False, 0, 5, (2**53, 1000)),
        Grid(2, 1, False, 0, 5, (-(2**24), 1000)),
    ],
)
def test_grids_that_cannot_be(grid, monkeypatch):
    header, payload = read_label_file((GOLDEN / "uniform.mdl").read_bytes())
    with pytest.raises(BadData, match="cannot be coded"):
        encode_grid(grid, header.values.dtype)
    monkeypatch.setattr(label_file, "encode_grid", lambda grid, dtype: grid_bytes(grid))
    with pytest.raises(CorruptFile):
        read_label_file(write_label_file(replace(header, grid=grid), payload))


def test_the_largest_centres_of_a_scale_are_finite():
    for scale in ((2**24 - 1, 1000), (-(2**24) + 1, 1000), (2**53, 970), (2**53, -1000), (0, 1000)):
        grid = Grid(2, 1, False, 0, 5, scale)
        encode_grid(grid, np.dtype(np.float64))
        assert np.isfinite(Reals(grid, np.dtype(np.float64)).cells()[1]).all()


def test_integers_outside_their_dtype(monkeypatch):
    monkeypatch.setattr(label_file, "encode_grid", lambda grid, dtype: grid_bytes(grid))
    header, payload = read_label_file((GOLDEN / "integers.mdl").read_bytes())
    for grid in (Grid(0, 1, False, 0, 2**20), Grid(1, 1, False, 0, 5), Grid(0, 1, True, -2, 5)):
        with pytest.raises(CorruptFile):
            read_label_file(write_label_file(replace(header, grid=grid), payload))


@pytest.mark.parametrize(("dtype", "largest"), [("float16", 65519), ("float32", 2**53)])
def test_reals_that_would_be_infinite(dtype, largest):
    encode_grid(Grid(0, 1, False, 0, largest), np.dtype(dtype))
    assert np.isfinite(np.float64(largest).astype(dtype))
    if dtype == "float16":
        for grid in (Grid(0, 1, False, 0, largest + 1), Grid(1, 1, False, -10 * largest - 10, 0)):
            with pytest.raises(BadData, match="outside what float16 can hold"):
                encode_grid(grid, np.dtype(dtype))


def test_the_digest_is_of_the_indices():
    header, _ = read_label_file((GOLDEN / "uniform.mdl").read_bytes())
    assert header.label_digest == index_digest(reals_of_array(CASES["uniform"].y, "npy").indices)


# --- commands


def _run(*arguments, status=0):
    told = CliRunner().invoke(main, arguments)
    assert told.exit_code == status, told.output
    return told


def test_a_table_of_prices(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    x, y = numbers(60)
    lines = [f"{a:.3f},{b:.3f},{price:.2f}" for (a, b, _), price in zip(x, y, strict=True)]
    (tmp_path / "t.csv").write_text("a,b,price\n" + "\n".join(lines) + "\n")
    _run("encode", "t.csv", "--no-verify", "-1")
    listed = json.loads(_run("list", "t.mdl", "--json").stdout)
    assert (listed["as"], listed["dtype"], listed["form"]) == ("reals", "float64", "csv")
    assert " reals " in _run("list", "t.mdl").stdout
    _run("decode", "t.mdl", "--inputs", "t.csv")
    prices = "price\n" + "".join(f"{price:.2f}\n" for price in y)
    assert (tmp_path / "t-labels.csv").read_text() == prices
    told = _run("encode", "t.csv", "--precision", "0.5", "-o", "half.mdl", "--no-verify", "-1")
    assert "the largest change of a label: 0.2" in told.stderr
    assert "multiples of 0.5" in _run("decode", "half.mdl", "--inputs", "t.csv", "-f").stderr
    _run("encode", "t.csv", "--as", "classes", "-o", "classes.mdl", "--no-verify", "--code", "uniform")
    assert json.loads(_run("list", "classes.mdl", "--json").stdout)["as"] == "classes"
    told = _run("encode", "t.csv", "--code", "subspace", "-o", "no.mdl", status=2)
    assert "choose prequential, switching, two-part, two-part-raw or uniform" in told.stderr
