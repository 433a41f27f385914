"""Results as objects: what is known of a file, curves, predictions of new examples, comparisons and bounds."""

from __future__ import annotations

import csv
import io
import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from label_sets import blobs, coloured, images
from sklearn.datasets import load_digits

import mdlcodec
from mdlcodec import data
from mdlcodec.cli import main
from mdlcodec.data.unseen import features_beside
from mdlcodec.errors import BadData, WrongInputs
from mdlcodec.predictors import predictor_for
from mdlcodec.report.information import label_entropy

DIGITS = load_digits()
X, Y = DIGITS.images[:400].astype(np.uint8), DIGITS.target[:400]
NEW_X, NEW_Y = DIGITS.images[400:600].astype(np.uint8), DIGITS.target[400:600]


@pytest.fixture(scope="module")
def result():
    return mdlcodec.encode_labels(X, Y, code="prequential", net="kernel", preset=1)


def run(*arguments: str, exit_code: int = 0) -> Result:
    told = CliRunner().invoke(main, arguments)
    assert told.exit_code == exit_code, told.stderr
    return told


# what a result knows


def test_a_result_is_the_file_and_what_is_known_of_it(result):
    assert result.blob == mdlcodec.encode(X, Y, code="prequential", net="kernel", preset=1)
    assert result.bits == 8 * len(result.blob) == 8 * sum(size for _, size in result.sections)
    facts = mdlcodec.inspect(result.blob)
    assert (result.code, result.net, result.labels, result.classes) == ("prequential", "kernel", 400, 10)
    assert result.uniform_bits == facts["uniform_bits"]
    assert dict(result.sections) == {part["name"]: part["bytes"] for part in facts["sections"]}
    assert result.mutual_information == label_entropy(Y) - result.bits / 400
    assert 0.0 < result.ideal_bits < dict(result.sections)["labels"] * 8
    assert (mdlcodec.decode(result.blob, X) == Y).all()


def test_the_curve_ends_with_all_labels(result):
    curve = result.curve
    assert len(curve) == 400  # a kernel machine learns label after label
    assert (np.diff(curve.labels) == 1).all()
    assert (np.diff(curve.bits) > 0).all()
    assert curve.bits[-1] == result.ideal_bits
    assert set(np.diff(curve.mistakes)) == {0, 1}
    assert 0 < curve.mistakes[-1] < 60
    rows = list(csv.reader(io.StringIO(curve.csv())))
    assert rows[0] == ["labels", "bits", "mistakes"]
    assert [float(bits) for _, bits, _ in rows[1:]] == curve.bits.tolist()


def test_the_curve_goes_on_over_a_checkpoint(tmp_path, monkeypatch):
    x, y = blobs(90, 3)
    settings = {"code": "prequential", "net": "mlp", "preset": 1}
    whole = mdlcodec.encode_labels(x, y, **settings).curve
    monkeypatch.setenv("MDLCODEC_CHECKPOINT_SECONDS", "0")

    def stop(done: int, n: int, bits: float) -> None:
        if done > 50:
            raise KeyboardInterrupt

    path = tmp_path / "half"
    with pytest.raises(KeyboardInterrupt):
        mdlcodec.encode_labels(x, y, checkpoint=path, progress=stop, **settings)
    told: list[int] = []
    again = mdlcodec.encode_labels(
        x, y, checkpoint=path, progress=lambda *seen: told.append(seen[0]), **settings
    )
    assert told[0] > 50
    assert again.curve == whole
    assert whole.mistakes is not None


def test_progress_is_told(result):
    told: list[tuple[int, int, float]] = []
    mdlcodec.encode_labels(X, Y, code="uniform", progress=lambda *seen: told.append(seen))
    assert told == [(400, 400, 400 * np.log2(10))]


def test_results_print_pickle_and_compare(result):
    assert str(result) == repr(result)
    assert str(result).startswith(f"400 labels in {len(result.blob)} bytes (")
    assert "prequential (kernel), preset 1" in str(result)
    assert len(str(result).splitlines()) == 1
    assert "<td>prequential (kernel), preset 1</td>" in result._repr_html_()
    again = pickle.loads(pickle.dumps(result))
    assert again == result
    assert again != mdlcodec.encode_labels(X, Y, code="uniform")
    with pytest.raises(BadData, match="give them with result"):
        again.predict(NEW_X)
    with pytest.raises(WrongInputs):
        again.with_inputs(NEW_X)
    assert (again.with_inputs(X).predict(NEW_X) == result.predict(NEW_X)).all()
    assert (again.with_inputs(X, Y).predict(NEW_X) == result.predict(NEW_X)).all()


def test_reals_have_no_classes():
    x, _ = blobs(60, 3)
    values = x @ np.arange(5) / 7.0
    found = mdlcodec.encode_labels(x, values, preset=1)
    assert (found.classes, found.mutual_information, found.curve.mistakes) == (None, None, None)
    assert found.curve.bits[-1] == found.ideal_bits
    assert found.curve.csv().startswith("labels,bits\n")
    for asked in (lambda: found.predict_proba(x), lambda: found.parameter_bits):
        with pytest.raises(BadData, match="real numbers have no probabilities"):
            asked()
    assert pickle.loads(pickle.dumps(found)) == found


# predictions


@pytest.mark.parametrize("code", ["prequential", "switching", "two-part", "subspace", "variational"])
def test_what_was_learned_predicts_new_examples(code):
    found = mdlcodec.encode_labels(X, Y, code=code, preset=1)
    probabilities = found.predict_proba(NEW_X)
    assert probabilities.shape == (200, 10)
    assert np.allclose(probabilities.sum(1), 1.0)
    assert (found.class_values == np.arange(10)).all()
    assert found.accuracy(NEW_X, NEW_Y) == (found.predict(NEW_X) == NEW_Y).mean()
    if code in ("prequential", "switching"):
        assert found.accuracy(NEW_X, NEW_Y) > 0.85
    else:  # what the file's network takes the coded examples for
        assert found.accuracy(X, Y) == pytest.approx(1.0 - found.training_error)
    assert 0.0 < found.parameter_bits < found.bits


def test_one_class_and_no_learning():
    alone = mdlcodec.encode_labels(X, np.zeros(400, int))
    assert (alone.predict_proba(NEW_X) == 1.0).all()
    assert alone.parameter_bits == alone.bits
    uniform = mdlcodec.encode_labels(X, Y, code="uniform")
    assert (uniform.predict_proba(NEW_X) == 0.1).all()


def test_labels_come_back_in_their_own_dtype():
    x, y = blobs(90, 3)
    names = np.array(["a", "bc", "d"])[y]
    found = mdlcodec.encode_labels(x, names, preset=1)
    assert found.predict(x).dtype == names.dtype
    assert found.accuracy(x, names) > 0.8


SETS = {
    "mlp": (*blobs(90, 3), "mlp", 1),
    "cnn": (*images(60, 8), "cnn", 1),
    "cnn large": (*images(30, 20), "cnn", 4),
    "large images in colour": (*coloured(20), "cnn", 4),
    "large grey images": (*images(16, 20), "cnn", 5),
    "tiny-cnn": (*images(60, 8), "tiny-cnn", 1),
    "lenet-300-100": (*blobs(60, 3), "lenet-300-100", 1),
}


@pytest.mark.parametrize("name", SETS)
def test_networks_answer_as_they_predict(name):
    """Of examples that are coded too, every bit: the features are theirs."""
    x, y, net, preset = SETS[name]
    dataset = data.from_arrays(x, y)
    n, k = dataset.inputs.n, int(y.max()) + 1
    predictor = predictor_for(net, dataset.inputs, preset).load().start(dataset.inputs, k, preset, 0)
    known = predictor.block_end(0)
    predictor.predict(0, known)
    predictor.learn(0, known, y[:known].astype(np.int32))
    features = features_beside(dataset.content, data.content_of(x[known:]))
    stop = min(n, predictor.block_end(known))
    found = predictor.answers(features)
    assert found.shape == (n - known, predictor.sets, k)
    assert found[: stop - known].tobytes() == predictor.predict(known, stop).tobytes()


def test_a_kernel_machine_answers_as_it_predicts():
    x, y = blobs(90, 3)
    dataset = data.from_arrays(x, y)
    predictor = predictor_for("kernel", dataset.inputs, 5).load().start(dataset.inputs, 3, 5, 0)
    for i in range(60):
        predictor.learn(i, i + 1, y[i : i + 1].astype(np.int32))
    answers = predictor.answers(dataset.inputs.features[60:])
    assert np.allclose(answers, predictor.predict(60, 90), rtol=1e-6, atol=1e-6)


def test_the_last_block_is_learned_before_predictions():
    """As the next block would be: with one more label, block ends are where they were."""
    x, y = blobs(40, 3)
    more = data.from_arrays(x, None).inputs
    inputs = data.Inputs(more.features[:39], more.digest)
    family = predictor_for("lenet-300-100", inputs, 1).load()
    ends, alone, beside = [], family.start(inputs, 3, 1, 0), family.start(more, 3, 1, 0)
    start = 0
    while start < 39:
        stop = min(39, alone.block_end(start))
        ends.append(stop)
        for predictor in (alone, beside):
            predictor.learn(start, stop, y[start:stop].astype(np.int32))
        start = stop
    alone.complete()
    alone.complete()  # once is enough
    assert all((alone.states()[name] == array).all() for name, array in beside.states().items())


# features of examples that are not coded


@pytest.mark.parametrize(
    "x",
    [
        np.random.default_rng(0).normal(size=(40, 3)),
        np.random.default_rng(1).integers(-9, 9, (40, 3)).astype(np.int8),
        np.random.default_rng(2).random((40, 2)) > 0.5,
        np.random.default_rng(3).random((20, 6, 5)),
        np.array([[2**62 + i, i % 3] for i in range(20)]),
        np.where(np.random.default_rng(4).random((40, 2)) > 0.8, np.nan, 1.5),
    ],
    ids=["floats", "integers", "bools", "images", "large integers", "missing"],
)
def test_features_of_coded_examples_are_the_same_beside(x):
    coded = data.content_of(x)
    assert np.array_equal(features_beside(coded, data.content_of(x[3:11])), coded.features()[3:11])


def test_numbers_beyond_the_range_are_clipped():
    coded = data.content_of(np.arange(40.0).reshape(20, 2))
    found = features_beside(coded, data.content_of(np.array([[1e300, -np.inf], [-1e-300, np.nan]])))
    assert found[0].tolist() == pytest.approx([6.0, np.sqrt(3.0), -6.0, -np.sqrt(3.0)])
    assert np.isfinite(found).all()
    narrow = data.content_of(np.arange(40, dtype=np.uint8).reshape(20, 2))
    found = features_beside(narrow, data.content_of(np.array([[-(2**60), 2**60]])))
    assert found[0, [0, 2]].tolist() == [-6.0, 6.0]


def _table(path: Path, *rows: str) -> str:
    path.write_text("a,b,c\n" + "\n".join(rows) + "\n")
    return str(path)


def test_tables_know_words_and_numbers_that_are_new(tmp_path):
    rows = [f"{i % 7},{'xyz'[i % 3]},{i / 2}" for i in range(40)]
    coded = data.read_candidates(_table(tmp_path / "coded.csv", *rows))[0]
    same = data.read_candidates(_table(tmp_path / "same.csv", *rows[5:12]))[0]
    assert np.array_equal(features_beside(coded, same), coded.features()[5:12])
    other = _table(tmp_path / "new.csv", "3,word,9.5", "foo,x,inf", "2.5,y,?", "-900,,1e99")
    found = features_beside(coded, data.read_candidates(other)[0])
    assert found[0, 2:5].tolist() == [0.0, 0.0, 0.0]
    assert found[1, :2].tolist() == [0.0, 0.0]  # as missing ones
    assert found[3, 0] == -6.0
    assert np.isfinite(found).all()


def test_examples_of_another_kind_are_refused(result, tmp_path):
    for other in (NEW_X[:, :7], NEW_X.reshape(200, 64), np.zeros((3, 8, 8, 3))):
        with pytest.raises(BadData, match="give them alike"):
            result.predict_proba(other)
    table = data.read_candidates(_table(tmp_path / "t.csv", "1,2,3", "4,5,6"))[0]
    with pytest.raises(BadData, match="the new examples are a table"):
        features_beside(data.content_of(X), table)
    with pytest.raises(BadData, match="have 3 columns, and the coded ones 2"):
        two = data.content_of(np.zeros((2, 2)))
        features_beside(data.Content(2, b"", two.features, raw=table.raw[:2]), table)


# the command line


@pytest.fixture()
def sets(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savez("data.npz", x=X, y=Y)
    np.savez("new.npz", x=NEW_X, y=NEW_Y)


ENCODE = ("encode", "data.npz", "--net", "kernel", "-1", "--no-verify", "--json", "--quiet")


@pytest.mark.usefixtures("sets")
def test_encode_tells_the_same(result):
    told = run(*ENCODE, "--curve", "curve.csv", "--test", "new.npz", "--parameter-bits")
    facts = json.loads(told.stdout)
    assert Path("data.mdl").read_bytes() == result.blob
    assert Path("curve.csv").read_text() == result.curve.csv()
    assert facts["mutual_information"] == result.mutual_information
    assert facts["test_accuracy"] == result.accuracy(NEW_X, NEW_Y)
    assert facts["parameter_bits"] == pytest.approx(result.parameter_bits)
    again = json.loads(run("test", "data.mdl", "--inputs", "data.npz", "--json", "--quiet").stdout)
    assert again["mutual_information"] == result.mutual_information


@pytest.mark.usefixtures("sets")
def test_what_is_not_asked_for_is_not_told():
    facts = json.loads(run(*ENCODE).stdout)
    assert not {"test_accuracy", "parameter_bits"} & set(facts)
    assert not Path("curve.csv").exists()


@pytest.mark.usefixtures("sets")
def test_outputs_of_encode_do_not_overwrite_each_other():
    Path("curve.csv").write_text("mine")
    assert "curve.csv' exists" in run(*ENCODE, "--curve", "curve.csv", exit_code=1).stderr
    assert "two outputs" in run(*ENCODE, "--curve", "data.mdl", "-f", exit_code=2).stderr
    assert (
        "is read and would be overwritten"
        in run(*ENCODE, "--test", "new.npz", "--curve", "new.npz", "-f", exit_code=2).stderr
    )
    assert not Path("data.mdl").exists()


@pytest.mark.usefixtures("sets")
def test_decode_predicts_new_examples(result):
    Path("data.mdl").write_bytes(result.blob)
    decode = ("decode", "data.mdl", "--inputs", "data.npz", "--predict", "new.npz")
    told = run(*decode)
    assert told.stderr.splitlines()[-1].startswith(
        "data-predictions.npy: probabilities of 10 classes for 200 examples"
    )
    assert np.array_equal(np.load("data-predictions.npy"), result.predict_proba(NEW_X))
    run(*decode, "-o", "p.csv", "--quiet")
    rows = list(csv.reader(io.StringIO(Path("p.csv").read_text())))
    assert rows[0] == [str(digit) for digit in range(10)]
    assert np.array_equal(np.array(rows[1:], float), np.load("data-predictions.npy"))
    assert "neither in .npy nor in .csv" in run(*decode, "-o", "p.txt", exit_code=2).stderr
    np.savez("new.npz", x=NEW_X[:, :5])
    assert "give them alike" in run(*decode, "-o", "q.npy", exit_code=2).stderr
    assert not Path("q.npy").exists()


def test_tables_are_predicted_with_and_without_labels(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [f"{i % 5},{'xyz'[i % 3]},{'no' if i % 5 < 2 else 'yes'}" for i in range(60)]
    Path("t.csv").write_text("a,b,c\n" + "\n".join(rows) + "\n")
    Path("new.csv").write_text("a,b\n" + "\n".join(row.rpartition(",")[0] for row in rows[:9]) + "\n")
    Path("all.csv").write_text("a,b,c\n" + "\n".join(rows[:9]) + "\n")
    run("encode", "t.csv", "-1", "--no-verify", "--quiet")
    for name in ("new", "all"):
        run(
            "decode", "t.mdl", "--inputs", "t.csv", "--predict", f"{name}.csv", "-o", f"{name}.npy", "--quiet"
        )
    assert np.array_equal(np.load("new.npy"), np.load("all.npy"))
    assert (np.load("new.npy").argmax(1) == [row.endswith("yes") for row in rows[:9]]).all()


# comparisons, bounds, networks


def test_compare_gives_a_table(tmp_path):
    compared = mdlcodec.compare(
        X, Y, codes=["prequential", "uniform"], x_test=NEW_X, y_test=NEW_Y, preset=1, folder=tmp_path / "kept"
    )
    assert [row.code for row in compared] == ["uniform", "prequential"]
    row = compared["prequential"]
    assert row.bytes == (tmp_path / "kept" / "prequential.mdl").stat().st_size
    assert row.test_accuracy > 0.85
    assert compared["uniform"].test_accuracy is None
    assert row.mutual_information == label_entropy(Y) - 8 * row.bytes / 400
    assert str(compared).splitlines()[0].split()[:2] == ["code", "net"]
    assert "<pre>" in compared._repr_html_()
    again = pickle.loads(pickle.dumps(compared))
    assert again == compared
    with pytest.raises(KeyError):
        compared["switching"]
    with pytest.raises(BadData, match="x_test and y_test go together"):
        mdlcodec.compare(X, Y, x_test=NEW_X)


def test_compare_draws_and_becomes_a_data_frame():
    compared = mdlcodec.compare(X, Y, codes=["uniform"], preset=1)
    pytest.importorskip("matplotlib")
    assert compared.plot().axes[0].get_ylabel() == "bytes of the file"
    pytest.importorskip("pandas")
    assert compared.to_pandas()["bytes"].tolist() == [compared["uniform"].bytes]


def test_pack_says_what_it_changed():
    weights = {"fc": np.arange(1.0, 13.0, dtype=np.float32).reshape(3, 4), "bias": np.ones(3, np.float32)}
    exact = mdlcodec.pack(weights)
    assert isinstance(exact, bytes)
    assert (exact.changes, exact.unchanged) == ((), ())
    lossy = mdlcodec.pack(weights, prune=0.5, step=2.0)
    (change,) = lossy.changes
    assert (change.name, change.zeroed, change.nonzeros) == ("fc", 6, 6)
    assert lossy.unchanged == ("bias",)
    found = mdlcodec.unpack(lossy)
    assert set(found["fc"].ravel()) == {0.0, 8.0, 10.0, 12.0}
    assert pickle.loads(pickle.dumps(lossy)).changes == lossy.changes
    assert mdlcodec.pack({"z": np.full((2, 2), -0.0)}, unsigned_zeros=True).zero_signs == 4
    with pytest.raises(BadData):
        mdlcodec.pack(weights, prune=2.0)


def test_bounds_follow_from_files():
    found = mdlcodec.encode_labels(X, Y, code="two-part", preset=1)
    bound = mdlcodec.bound(found.blob, X, trials=50)
    assert bound.n == 400
    assert bound.errors == round(found.training_error * 400)
    assert mdlcodec.bound(found.blob, X, Y, trials=50) == bound
    with pytest.raises(BadData, match="other labels than the file holds"):
        mdlcodec.bound(found.blob, X, (Y + 1) % 10, trials=50)
    network = mdlcodec.pack(mdlcodec.unpack(found.blob))
    packed = mdlcodec.bound(network, X, Y, net="lenet-300-100", trials=50)
    assert packed.errors == bound.errors
    with pytest.raises(BadData, match="give net"):
        mdlcodec.bound(network, X, Y)
    with pytest.raises(BadData, match="input_range is"):
        mdlcodec.bound(network, X, Y, net="lenet-300-100", input_range="0..2")
