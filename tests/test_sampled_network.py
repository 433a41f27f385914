"""Networks as samples of a posterior, in files of their own (formats/variational.md, "A network alone")."""

import json
from hashlib import sha256

import numpy as np
import pytest
import sampled_cases
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from label_sets import blobs, images
from test_golden_files import assert_recorded, golden

import mdlcodec
from mdlcodec import data
from mdlcodec.cli import main
from mdlcodec.codes import Options
from mdlcodec.container.ids import NetId
from mdlcodec.descriptions.sampled_network import SampledNetwork, Sent
from mdlcodec.errors import BadData, LimitExceeded, MdlcodecError
from mdlcodec.files import networks
from mdlcodec.files.trained import encode_network
from mdlcodec.limits import Limits
from mdlcodec.nn.zoo import architecture_named


@pytest.mark.parametrize("name", sampled_cases.CASES)
def test_golden(name):
    network = sampled_cases.CASES[name]()
    blob = golden(sampled_cases.GOLDEN / f"{name}.mdl", network.written)
    assert blob == network.written()
    assert SampledNetwork.read(blob) == network
    weights = network.weights()
    assert list(weights) == list(network.architecture().tensors(network.shape, network.k))
    held = sha256(b"".join(array.tobytes() for array in weights.values())).hexdigest()
    assert_recorded(sampled_cases.GOLDEN, name, {"weights": held})
    back = mdlcodec.unpack(blob)
    assert all(np.array_equal(back[key], weights[key]) for key in weights)
    facts = mdlcodec.inspect(blob)
    assert sum(part["bytes"] for part in facts["sections"]) == facts["bytes"] == len(blob)
    assert facts["net"] == network.architecture().name


@given(
    seed=st.integers(0, 2**64 - 1),
    d=st.integers(1, 40),
    k=st.integers(1, 9),
    bits=st.integers(1, 24),
    indices=st.lists(st.integers(0, 2**24 - 1), max_size=12),
    variance=st.sampled_from([0.5, 2.0**-40, 2.0**40]),
)
def test_any_sample_round_trips(seed, d, k, bits, indices, variance):
    sent = Sent.of(bits, [index % (1 << bits) for index in indices], variance)
    network = SampledNetwork(NetId.NARROW_MLP, None, seed, (d,), k, sent)
    again = SampledNetwork.read(network.written())
    assert again.written() == network.written()
    assert all(np.isfinite(array).all() for array in again.weights().values())


def test_what_it_takes_is_known_before():
    network = SampledNetwork(NetId.NARROW_MLP, None, 0, (1 << 30,), 2, Sent.of(4, [9], 1.0))
    with pytest.raises(LimitExceeded, match="operations"):
        mdlcodec.unpack(network.written())
    few = SampledNetwork(NetId.NARROW_MLP, None, 0, (50,), 2, Sent.of(4, [9], 1.0))
    with pytest.raises(LimitExceeded):
        few.weights(Limits(work=1000))


@pytest.mark.parametrize("code", ["variational", "two-part", "two-part-raw"])
def test_a_network_without_labels(code, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    x, y = images(60, 16)
    np.savez("set.npz", x=x, y=y)
    run = CliRunner()
    told = run.invoke(
        main,
        [
            "encode",
            "set.npz",
            "--code",
            code,
            "-1",
            "--network-only",
            "-o",
            "n.mdl",
            "--test",
            "set.npz",
            "--json",
        ],
    )
    assert told.exit_code == 0, told.output
    facts = json.loads(told.stdout)
    assert facts["verified"]
    assert 0 <= facts["test_accuracy"] <= 1
    assert facts["bytes"] == (tmp_path / "n.mdl").stat().st_size
    for command in (["list", "n.mdl"], ["test", "n.mdl"], ["unpack", "n.mdl"]):
        assert run.invoke(main, command).exit_code == 0
    net = [] if code == "variational" else ["--net", facts["net"]]
    bound = run.invoke(main, ["bound", "n.mdl", "--inputs", "set.npz", "--trials", "50", "--json", *net])
    assert bound.exit_code == 0, bound.output
    bound = json.loads(bound.stdout)
    assert bound["training_error"] == pytest.approx(1 - facts["test_accuracy"])
    assert bound["compressed_bytes"] >= facts["bytes"] - 8


def test_it_is_the_network_that_the_labels_file_has():
    x, y = blobs(600, 3)
    dataset = data.from_arrays(x, y)
    blob, architecture, _ = encode_network(dataset, code="variational", preset=2, seed=3)
    weights = mdlcodec.unpack(blob)
    assert architecture.name == "narrow-mlp"
    network = networks.unpack(blob, Limits())
    right = networks.accuracy(network, architecture, dataset.inputs.features, dataset.class_labels.classes)
    assert right > 0.5
    assert all(array.dtype == np.float32 for array in weights.values())


def test_bounds_say_which_network_it_is():
    blob = sampled_cases.CASES["narrow-lenet"]().written()
    x, y = images(40, 16)
    report = mdlcodec.bound(blob, x, y, trials=20)
    assert 0 < report.best.value <= 1
    with pytest.raises(BadData, match="says which network it is"):
        mdlcodec.bound(blob, x, y, net="lenet5")
    with pytest.raises(BadData, match="examples of shape"):
        mdlcodec.bound(blob, x[:, :14], y)


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("uniform", "transmits no network"),
        ("prequential", "transmits no network"),
        ("subspace", "network alone"),
    ],
)
def test_codes_without_such_a_file(code, text):
    x, y = blobs(30, 3)
    with pytest.raises(BadData, match=text):
        encode_network(data.from_arrays(x, y), code=code, preset=1)
    with pytest.raises(MdlcodecError, match="one class"):
        encode_network(data.from_arrays(x, np.zeros(30, int)), code="two-part", preset=1)
    with pytest.raises(BadData, match="no option prior"):
        encode_network(data.from_arrays(x, y), options=Options(prior=1.0))


def test_options_of_labels_are_refused(tmp_path):
    np.savez(tmp_path / "set.npz", x=np.zeros((4, 3)), y=np.arange(4) % 2)
    for option in (["--curve", "c.csv"], ["--parameter-bits"], ["--checkpoint", "c.ck"]):
        told = CliRunner().invoke(main, ["encode", str(tmp_path / "set.npz"), "--network-only", *option])
        assert told.exit_code == 2
        assert "--network-only" in told.stderr


def test_its_architecture_is_a_network_of_the_zoo():
    assert sampled_cases.CASES["own"]().architecture() == architecture_named("mlp-5-tanh")
