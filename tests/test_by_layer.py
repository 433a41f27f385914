"""A number for every tensor of a network, or one for each layer: `pack`, and the sparse methods."""

import numpy as np
import pytest
from click.testing import CliRunner
from label_sets import blobs

import mdlcodec
from mdlcodec.cli import main
from mdlcodec.cli.sender_options import ByLayer
from mdlcodec.codes import Options
from mdlcodec.errors import BadData
from mdlcodec.sender.by_layer import by_tensor

NAMES = ["conv1.weight", "conv2.weight", "fc1.weight", "fc1.bias", "plain"]
RANDOM = np.random.default_rng(0)
WEIGHTS = {
    "conv1.weight": RANDOM.normal(size=(4, 2, 3, 3)).astype(np.float32),
    "fc1.weight": RANDOM.normal(size=(20, 30)).astype(np.float32),
    "fc1.bias": RANDOM.normal(size=20).astype(np.float32),
    "fc2.weight": RANDOM.normal(size=(10, 20)).astype(np.float32),
}


def test_the_later_of_two_that_match_counts():
    assert by_tensor(4, NAMES, "bits") == dict.fromkeys(NAMES, 4)
    given = {"fc1": 5, "conv*": 6, "conv2": 3, "*": 4}
    expected = {"conv1.weight": 6, "conv2.weight": 3, "fc1.weight": 5, "fc1.bias": 5, "plain": 4}
    assert by_tensor(given, NAMES, "bits") == expected
    assert by_tensor((("fc1.bias", 2), ("plain", 7)), NAMES, "bits") == {"fc1.bias": 2, "plain": 7}
    with pytest.raises(BadData, match="bits is for 'fc9', and the network has no such layer; it has 'conv1'"):
        by_tensor({"fc9": 4}, NAMES, "bits")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5", 5),
        ("fc1=5", (("fc1", 5),)),
        ("4,fc1=5,conv*=6", (("*", 4), ("fc1", 5), ("conv*", 6))),
        ("a=b=3", (("a=b", 3),)),
    ],
)
def test_texts(text, expected):
    assert ByLayer(int).convert(text, None, None) == expected


@pytest.mark.parametrize("text", ["", "fc1", "fc1=", "=5", "5,", "fc1=5.5"])
def test_texts_that_are_none(text):
    told = CliRunner().invoke(main, ["pack", "weights.npz", "--bits", text])
    assert told.exit_code == 2
    assert "nor one by layer" in told.stderr


def test_each_layer_of_a_packed_network_has_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savez("weights.npz", **WEIGHTS)
    options = ["--bits", "fc1=3,fc*=2", "--prune", "0.5,conv1=0.25", "--no-verify", "--quiet"]
    told = CliRunner().invoke(main, ["pack", "weights.npz", *options])
    assert told.exit_code == 0, told.output
    read = mdlcodec.unpack((tmp_path / "weights.mdl").read_bytes())
    shares = {name: 1 - np.count_nonzero(array) / array.size for name, array in read.items()}
    assert (shares["conv1.weight"], shares["fc1.bias"]) == (0.25, 0.0)
    assert 0.5 <= shares["fc1.weight"] < 0.6  # small weights are nearest to the codebook's zero
    assert 0.5 <= shares["fc2.weight"] < 0.6
    assert len(np.unique(read["fc1.weight"])) == len(np.unique(read["fc2.weight"])) == 4
    kept = read["conv1.weight"] != 0  # not quantised: no pattern is for it
    assert np.array_equal(read["conv1.weight"][kept], WEIGHTS["conv1.weight"][kept])
    same = mdlcodec.pack(WEIGHTS, bits={"fc1": 3, "fc*": 2}, prune={"*": 0.5, "conv1": 0.25})
    assert same == (tmp_path / "weights.mdl").read_bytes()
    one = mdlcodec.pack(WEIGHTS, bits={"fc2": 1})
    assert {change.name for change in one.changes} == {"fc2.weight"}
    assert set(one.unchanged) == set(WEIGHTS) - {"fc2.weight"}


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"bits": {"fc9": 4}}, "no such layer"),
        ({"bits": {"fc1.bias": 4}}, "no such layer"),  # it is never changed
        ({"bits": {"fc1": 17}}, "--bits 17 is out of range"),
        ({"prune": {"fc1": 1.5}}, "no fraction"),
        ({"bits": {"fc1": 4}, "step": 0.1}, "choose one"),
    ],
)
def test_what_cannot_be_packed(options, text):
    with pytest.raises(BadData, match=text):
        mdlcodec.pack(WEIGHTS, **options)


def test_shares_and_codebooks_of_each_layer_of_a_trained_network():
    x, y = blobs(120, 3)
    ways = {"code": "two-part", "net": "mlp-12-8", "preset": 1, "sparsify": "after-fit"}
    blob = mdlcodec.encode(x, y, **ways, shares={"fc1": 0.5, "fc2": 0.25}, bits={"*": 8, "fc3": 2})
    assert np.array_equal(mdlcodec.decode(blob, x), y)
    read = mdlcodec.unpack(blob)
    columns = read["fc1.weight"].shape[1]
    # units that died took their weights along
    assert 12 * columns // 4 < np.count_nonzero(read["fc1.weight"]) <= 12 * columns // 2
    assert 12 * 8 // 2 < np.count_nonzero(read["fc2.weight"]) <= 12 * 8 * 3 // 4
    assert np.count_nonzero(read["fc3.weight"]) > 12
    assert len(np.unique(read["fc2.weight"])) > 16
    assert len(np.unique(read["fc3.weight"])) <= 4


def test_priced_training_has_levels_of_each_layer():
    x, y = blobs(120, 3)
    blob = mdlcodec.encode(
        x, y, code="two-part", net="mlp-12", preset=1, strength=0.05, bits={"fc1": 2, "fc2": 5}
    )
    read = mdlcodec.unpack(blob)
    assert len(np.unique(read["fc1.weight"])) <= 3  # -1, 0 and 1 times a step
    assert len(np.unique(read["fc2.weight"])) > 4


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"bits": {"fc9": 4}}, "no such layer"),
        ({"bits": {"fc1": 9}}, "no codebooks of 9 bits"),
        ({"bits": {}}, "bits is empty"),
        ({"bits": {1: 4}}, "no strings"),
        ({"bits": {"fc1": 2.5}}, "bits"),
        ({"shares": 0.5}, "takes no shares"),
        ({"sparsify": "magnitude", "shares": {"fc9": 0.5}}, "no such layer"),
        ({"sparsify": "magnitude", "shares": 1.0}, "below 1"),
        ({"sparsify": "magnitude", "shares": 0.5, "strength": 0.5}, "choose one"),
    ],
)
def test_what_cannot_be_trained(options, text):
    x, y = blobs(60, 3)
    with pytest.raises(BadData, match=text):
        mdlcodec.encode(x, y, code="two-part", net="mlp-6", preset=1, **options)


def test_options_keep_pairs():
    checked = Options.of({"bits": {"fc1": np.int64(5)}, "shares": {"fc1": 1}}).checked()
    assert checked.bits == (("fc1", 5),)
    assert checked.shares == (("fc1", 1.0),)
    assert repr(checked.bits) == "(('fc1', 5),)"
