"""The two-part codes: round trips, what their files say, damage, calibration, golden files."""

import json
import math
import os
import zlib
from dataclasses import replace

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from label_sets import blobs, images
from two_part_cases import CASES, GOLDEN, encoded, network, oblong, recoded

import mdlcodec
from mdlcodec import data
from mdlcodec.cli import main
from mdlcodec.cli.progress import ProgressLine
from mdlcodec.codes import CODES, Settings
from mdlcodec.codes.contract import NO_OPTIONS, Options
from mdlcodec.codes.sent_weights import read_weights, tensors_of
from mdlcodec.codes.two_part import TwoPartPayload, encode_labels
from mdlcodec.container import write_label_file
from mdlcodec.data.targets import Classes
from mdlcodec.data.tensor import Tensor
from mdlcodec.descriptions.tensors.network_section import decode_network, encode_network
from mdlcodec.errors import (
    BadData,
    CorruptFile,
    InexactComputation,
    LimitExceeded,
    MdlcodecError,
    Unsupported,
)
from mdlcodec.files import label_file, labels
from mdlcodec.mixing.temperature import (
    INVERSE_TEMPERATURES,
    UNIFORM_SHARES,
    best_calibration,
    frequencies,
)
from mdlcodec.nn.exact_prediction import exact_outputs
from mdlcodec.nn.zoo import ARCHITECTURES

RAW, SPARSE = CODES["two-part-raw"], CODES["two-part"]


def _quiet(done, bits, stage="", mistakes=None, /):
    """No progress."""


def _inputs(x):
    return data.from_arrays(x, None).inputs


@pytest.mark.parametrize("name", CASES)
def test_round_trip(name):
    case = CASES[name]
    blob = encoded(case)
    assert (mdlcodec.decode(blob, case.x) == case.y).all()
    facts = mdlcodec.inspect(blob)
    assert (facts["code"], facts["net"]) == (case.code, case.net)
    sizes = {part["name"]: part["bytes"] for part in facts["sections"]}
    assert list(sizes) == ["header", "digests", "network", "calibration", "labels", "checksum"]
    assert sum(sizes.values()) == len(blob) == facts["bytes"]
    assert sizes["labels"] < math.log2(facts["classes"]) * facts["labels"] / 8  # what it predicts is worth it
    section = label_file.network_section(blob)
    assert sizes["network"] - len(section) in (1, 2)
    for tensor, array in zip(
        decode_network(section, memory=1 << 30).tensors,
        case.weights.values(),
        strict=True,
    ):
        assert tensor.array().tobytes() == array.tobytes()


@pytest.mark.parametrize("name", CASES)
def test_golden(name):
    """MDLCODEC_WRITE_GOLDEN=1 writes them anew. A sender's training differs between machines, so that the network
    comes from the file, and the labels are coded under it again."""
    case, path = CASES[name], GOLDEN / f"{name}.mdl"
    if os.environ.get("MDLCODEC_WRITE_GOLDEN") == "1":
        GOLDEN.mkdir(exist_ok=True)
        path.write_bytes(encoded(case))
    blob = path.read_bytes()
    assert len(blob) < 4096
    assert (mdlcodec.decode(blob, case.x) == case.y).all()
    assert recoded(case, blob) == blob


@pytest.mark.parametrize("net", ["lenet5", "lenet-300-100"])
def test_raw_trains_and_comes_back(net):
    x, y = images(40, 16) if net == "lenet5" else blobs(40, 4)
    shape, stages = _inputs(x).features.shape[1:], []

    def watch(plan):
        assert (plan.code, plan.net, plan.cost.parameters) == (
            "two-part-raw",
            net,
            ARCHITECTURES[net].parameters(shape, 4),
        )
        return lambda done, bits, stage="": stages.append(stage)

    dataset = data.from_arrays(x, y)
    blob, run = labels.encode(dataset, code="two-part-raw", net=net, preset=1, watch=watch)
    assert (mdlcodec.decode(blob, x) == y).all()
    assert run.training_error == 0.0
    assert run.ideal_bits < 40
    assert len(blob) > 0.7 * 4 * ARCHITECTURES[net].parameters(shape, 4)
    assert stages[0].startswith("training, step 1 of 20")
    assert "writing the network" in stages
    assert stages[-1] == ""


def test_two_part_trains_and_comes_back():
    x, y = blobs(60, 3)
    x = np.concatenate([x] * 4) + np.arange(240)[:, None] % 5
    y = np.concatenate([y] * 4)
    dense = mdlcodec.encode(x, y, code="two-part-raw", preset=1)
    sizes = set()
    for sparsify, bits in [(None, None), ("dns", 3)]:
        blob, run = labels.encode(
            data.from_arrays(x, y), code="two-part", preset=2, options=Options(sparsify, bits)
        )
        assert (mdlcodec.decode(blob, x) == y).all()
        assert len(blob) < len(dense) / 4
        assert 0.0 <= run.training_error <= 1.0
        for tensor in decode_network(label_file.network_section(blob), memory=1 << 30).tensors:
            assert len(np.unique(tensor.patterns)) <= 2 ** (bits or 4)
        sizes.add(len(blob))
    assert len(sizes) == 2


@pytest.mark.parametrize("code", ["two-part", "two-part-raw"])
@pytest.mark.parametrize(("n", "k"), [(1, 1), (2, 2), (9, 1), (30, 30), (300, 3)])
def test_tiny_and_many_classes(code, n, k):
    x = blobs(n, 3)[0]
    y = np.arange(n) % k
    shape = _inputs(x).features.shape[1:]
    weights = network("lenet-300-100", shape, k, (3, 2))
    given = Options(method=lambda trainer: {n: torch.from_numpy(w) for n, w in weights.items()})
    blob, _ = labels.encode(data.from_arrays(x, y), code=code, options=given)
    assert (mdlcodec.decode(blob, x) == y).all()
    assert sum(part["bytes"] for part in mdlcodec.inspect(blob)["sections"]) == len(blob)
    if k == 1:
        assert len(blob) < 25
        with pytest.raises(BadData, match="one class holds no network"):
            label_file.network_section(blob)


@settings(max_examples=20)
@given(st.integers(1, 40), st.integers(2, 6), st.integers(0, 10**6), st.sampled_from([0, 1, 2]))
def test_any_labels_round_trip(n, k, seed, hidden):
    inputs = _inputs(blobs(n, 3, seed)[0])
    shape = inputs.features.shape[1:]
    tensors = tensors_of(network("lenet-300-100", shape, k, (hidden, 2)))
    section = encode_network(tensors)
    classes = np.random.Generator(np.random.Philox(seed)).integers(0, k, n).astype(np.int32)
    result = encode_labels(ARCHITECTURES["lenet-300-100"], section, classes, k, inputs, _quiet)
    chosen = SPARSE.settings("lenet-300-100", 5, 0, inputs, Classes(k))
    assert (SPARSE.prepare(inputs, Classes(k), chosen).decode(result.payload, _quiet).values == classes).all()
    assert 8 * len(TwoPartPayload.read(result.payload).labels) - result.ideal_bits < 18
    assert result.ideal_bits <= n * math.log2(k) + 0.01  # at worst all shares are the uniform distribution's


def test_many_examples_in_several_parts(monkeypatch):
    case = CASES["lenet-300-100"]
    whole = encoded(case)
    monkeypatch.setattr("mdlcodec.codes.network_labels.EXAMPLES_AT_ONCE", 7)
    assert encoded(case) == whole
    assert (mdlcodec.decode(whole, case.x) == case.y).all()


# Calibration


def _plain(scores, byte):
    """formats/two_part.md, "Calibration", with libm."""
    b, e = INVERSE_TEMPERATURES[byte >> 4], UNIFORM_SHARES[byte & 15]
    exponents = b * scores.astype(np.float64)
    p = np.exp(exponents - exponents.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    return (1 - e) * p + e / scores.shape[1]


def _some_scores():
    generator = np.random.Generator(np.random.Philox(3))
    scores = generator.normal(size=(200, 5)).astype(np.float32) * 4
    return scores, np.where(generator.random(200) < 0.8, scores.argmax(1), 2).astype(np.int32)


@pytest.mark.parametrize("byte", [0, 9 << 4, (9 << 4) + 7, 255, 200])
def test_calibrated_frequencies(byte):
    scores, _ = _some_scores()
    table = frequencies(scores, byte)
    assert (table.sum(1, dtype=np.int64) == 1 << 24).all()
    assert np.abs(table / 2**24 - _plain(scores, byte)).max() < 1e-6


def test_the_best_calibration():
    scores, classes = _some_scores()
    lengths = []
    for byte in range(256):
        true = _plain(scores, byte)[np.arange(200), classes]
        lengths.append(-np.log2(np.maximum(true, 2.0**-24)).sum())
    blocks = [(scores[:50], classes[:50]), (scores[50:], classes[50:])]
    assert best_calibration(blocks, 5) == np.argmin(lengths)


def test_tables():
    assert len(INVERSE_TEMPERATURES) == len(UNIFORM_SHARES) == 16
    assert (np.diff(INVERSE_TEMPERATURES) > 0).all()
    assert UNIFORM_SHARES.tolist() == [0.0] + [2.0 ** (j - 15) for j in range(1, 16)]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_scores_that_are_not_finite_are_never_coded_with(bad):
    scores, classes = _some_scores()
    scores[3, 1] = bad
    with pytest.raises(InexactComputation):
        frequencies(scores, 255)
    with pytest.raises(InexactComputation):
        best_calibration([(scores, classes)], 5)


# Damage


def _with_section(section):
    case = CASES["lenet-300-100"]
    file = label_file.parse(encoded(case))
    return write_label_file(file.header, TwoPartPayload(section, 0x90, b"\1\2\3").written()), case


def _network(arrays):
    return encode_network([Tensor.of(f"t{i}", array) for i, array in enumerate(arrays)])


def _arrays(widths=(5, 4), outputs=3, shape=None):
    shape = _inputs(CASES["lenet-300-100"].x).features.shape[1:] if shape is None else shape
    return list(network("lenet-300-100", shape, outputs, widths).values())


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (lambda: _arrays()[:-1], "has 6 tensors"),
        (list, "has 6 tensors"),
        (lambda: _arrays(outputs=4), "gives 4 outputs, and there are 3 classes"),
        (lambda: _arrays(shape=(3,)), "fc1 takes 3 values"),
        (lambda: [a.T for a in _arrays()], "fc1 has a bias of 5 values, and 10 outputs"),
        (lambda: [a.astype(np.float64) for a in _arrays((1, 1))], "not F32, F16, BF16"),
        (lambda: [a.astype(np.int8) for a in _arrays()], "not F32, F16, BF16"),
        (lambda: [a * np.float32(np.nan) for a in _arrays()], "NaN or infinite"),
        (lambda: [a / np.float32(0) for a in (np.ones_like(b) for b in _arrays())], "NaN or infinite"),
        (lambda: _arrays((2, 101)), "wider than lenet-300-100"),
        (lambda: _arrays((400, 101)), "(larger|wider) than lenet-300-100"),
        (lambda: [np.zeros((1 << 20,), np.float32)] * 6, "larger than lenet-300-100 is"),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_networks_that_no_sender_writes(arrays, message):
    blob, case = _with_section(_network(arrays()))
    with pytest.raises(CorruptFile, match=message):
        mdlcodec.decode(blob, case.x)
    with pytest.raises(BadData, match="cannot be sent"):
        encode_labels(
            ARCHITECTURES[case.net],
            label_file.network_section(blob),
            case.y.astype(np.int32),
            3,
            _inputs(case.x),
            _quiet,
        )


def test_smaller_types_of_float_are_exact():
    case = CASES["lenet-300-100"]
    arrays = case.weights.values()
    inputs = _inputs(case.x)
    architecture, shape = ARCHITECTURES[case.net], inputs.features.shape[1:]
    wide = read_weights(_network(arrays), architecture, shape, 3)
    half = read_weights(_network([a.astype(np.float16) for a in arrays]), architecture, shape, 3)
    scores = [exact_outputs(architecture, w, inputs.features) for w in (wide, half)]
    assert (scores[0] == scores[1]).all()


def test_weights_whose_sums_overflow():
    huge = [np.full_like(a, 1e38) for a in _arrays()]
    blob, case = _with_section(_network(huge))
    with pytest.raises(InexactComputation, match="NaN or infinite"):
        mdlcodec.decode(blob, case.x)


@pytest.mark.parametrize(
    "payload", [b"", b"\x05", b"\x05abcde", b"\xff" * 20, b"\xff\xff\xff\xff\x0f" + b"x" * 9]
)
def test_payloads_cut_short(payload):
    file = label_file.parse(encoded(CASES["lenet-300-100"]))
    blob = write_label_file(file.header, payload)
    for use in (
        mdlcodec.inspect,
        label_file.network_section,
        lambda b: mdlcodec.decode(b, CASES["lenet-300-100"].x),
    ):
        with pytest.raises(CorruptFile, match="damaged"):
            use(blob)


@settings(max_examples=60)
@given(st.data())
def test_damage_with_a_right_checksum(draw):
    case = CASES["lenet-300-100"]
    blob = bytearray(encoded(case))
    for _ in range(draw.draw(st.integers(1, 3))):
        blob[draw.draw(st.integers(4, len(blob) - 5))] = draw.draw(st.integers(0, 255))
    blob[-4:] = zlib.crc32(bytes(blob[:-4])).to_bytes(4, "little")
    try:
        found = mdlcodec.decode(bytes(blob), case.x, max_memory=1 << 30)
    except MdlcodecError:
        return
    assert len(found) == len(case.y)


def test_a_decoder_that_learns_the_wrong_net():
    case = CASES["lenet-300-100"]
    file = label_file.parse(encoded(case))
    with pytest.raises(CorruptFile, match="does not fit these inputs"):  # columns in a convolution
        mdlcodec.decode(write_label_file(replace(file.header, net=4), file.payload), case.x)
    with pytest.raises(Unsupported, match="network number 1 with --code two-part"):
        label_file.parse(write_label_file(replace(file.header, net=1), file.payload))


# What the codes accept


def test_auto_looks_at_the_shape_alone():
    def net(x):
        return SPARSE.net_name(SPARSE.settings("auto", 5, 0, _inputs(x), Classes(2)))

    assert net(images(3, 16)[0]) == "lenet5"
    assert net(oblong(3)) == "lenet5"
    assert net(images(3, 15)[0]) == "lenet-300-100"
    assert net(blobs(3, 2)[0]) == "lenet-300-100"


@pytest.mark.parametrize("code", ["two-part", "two-part-raw"])
def test_inputs_and_nets_that_do_not_fit(code):
    x, y = images(8, 15)
    with pytest.raises(BadData, match="at least 16x16 places, and these have 15x15"):
        mdlcodec.encode(x, y, code=code, net="lenet5")
    with pytest.raises(BadData, match="needs images"):
        mdlcodec.encode(x.reshape(8, -1), y, code=code, net="lenet5")
    with pytest.raises(
        BadData, match=f"--code {code} has no network named 'cnn'; choose one of auto, lenet5"
    ):
        mdlcodec.encode(x, y, code=code, net="cnn")
    with pytest.raises(BadData, match="mlp-3-2 is for codes that transmit a network"):
        mdlcodec.encode(x, y, net="mlp-3-2")


def test_options_that_do_not_fit():
    x, y = blobs(20, 2)
    for code in ("prequential", "uniform", "two-part-raw"):
        with pytest.raises(BadData, match=f"--code {code} has no option sparsify"):
            mdlcodec.encode(x, y, code=code, sparsify="dns")
        with pytest.raises(BadData, match=f"--code {code} has no option bits"):
            mdlcodec.encode(x, y, code=code, bits=4)
    with pytest.raises(BadData, match="sparsify is of type int"):
        mdlcodec.encode(x, y, code="two-part", sparsify=3)
    with pytest.raises(BadData, match="bits is of type float"):
        mdlcodec.encode(x, y, code="two-part", bits=2.5)
    with pytest.raises(BadData, match="no way to sparsify named 'magic'; choose one of entropy, dns"):
        mdlcodec.encode(x, y, code="two-part", sparsify="magic")
    for bits in (1, 9, -3):
        with pytest.raises(BadData, match=f"no codebooks of {bits} bits"):
            mdlcodec.encode(x, y, code="two-part", bits=bits)


@pytest.mark.parametrize("code", [SPARSE, RAW], ids=lambda code: code.name)
def test_costs(code):
    inputs = _inputs(images(500, 28)[0])
    costs = []
    for preset in range(1, 10):
        chosen = Settings(net=4, preset=preset, seed=0)
        receiving = code.prepare(inputs, Classes(10), chosen).cost
        sending = code.prepare(inputs, Classes(10), chosen).sending_cost()
        assert receiving.parameters == sending.parameters == 431_080
        assert 5 * receiving.work < sending.work
        assert receiving.memory < sending.memory
        costs.append(sending.work)
    assert costs == sorted(set(costs))
    assert code.prepare(inputs, Classes(1), chosen).cost.memory == 0
    with pytest.raises(Unsupported):
        assert code.prepare(inputs, Classes(10), replace(chosen, net=3)).cost
    with pytest.raises(Unsupported):
        assert code.prepare(inputs, Classes(10), replace(chosen, preset=12)).sending_cost()


def test_limits():
    case = CASES["lenet5"]
    with pytest.raises(LimitExceeded, match="max-memory"):
        mdlcodec.decode(encoded(case), case.x, max_memory=1 << 20)
    with pytest.raises(LimitExceeded, match="max-work"):
        mdlcodec.encode(case.x, case.y, code="two-part", max_work=10**11)
    assert (mdlcodec.decode(encoded(case), case.x, max_work=10**12) == case.y).all()


def test_codes_without_a_network():
    x, y = blobs(20, 2)
    with pytest.raises(BadData, match="uniform holds no network; give"):
        label_file.network_section(mdlcodec.encode(x, y, code="uniform"))
    assert NO_OPTIONS.given() == []
    assert Options(bits=3).given() == ["bits"]


# The command line


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    x, y = blobs(60, 3)
    np.savez("set.npz", x=x, y=y)
    return tmp_path


def _run(*arguments):
    return CliRunner().invoke(main, list(arguments))


def test_command_line(folder):
    done = _run("encode", "set.npz", "--code", "two-part-raw", "-1", "-v", "--json")
    assert done.exit_code == 0, done.output
    assert "training error of the network: 0.000%" in done.stderr
    facts = json.loads(done.stdout)
    assert (facts["code"], facts["net"], facts["verified"]) == ("two-part-raw", "lenet-300-100", True)
    assert facts["training_error"] == 0.0
    assert sum(part["bytes"] for part in facts["sections"]) == facts["bytes"]
    listed = json.loads(_run("list", "set.mdl", "--json").stdout)
    assert listed["sections"] == facts["sections"]
    assert "training_error" not in listed
    assert _run("decode", "set.mdl", "--inputs", "set.npz").exit_code == 0
    assert (np.load("set-labels.npy") == np.load("set.npz")["y"]).all()
    assert json.loads(_run("test", "set.mdl", "--inputs", "set.npz", "--json").stdout)["decoded"]


def test_options_on_the_command_line(folder):
    for option in (["--sparsify", "dns"], ["--bits", "4"]):
        done = _run("encode", "set.npz", *option)
        assert done.exit_code == 2
        assert f"--code switching has no option {option[0][2:]}, which is for two-part;" in done.stderr
        assert not list(folder.glob("*.mdl"))
    text = _run("encode", "--help").stdout
    assert "two-part-raw" in text
    assert "--sparsify" in text


def test_training_is_not_the_guards_business(monkeypatch):
    monkeypatch.setenv("MDLCODEC_GUARD", "1")
    monkeypatch.setenv("MDLCODEC_ENGINE", "float64")
    x, y = blobs(30, 3)
    assert (mdlcodec.decode(mdlcodec.encode(x, y, code="two-part-raw", preset=1), x) == y).all()


def test_stages_are_shown(capsys, monkeypatch):
    monkeypatch.setattr("mdlcodec.cli.progress._LINE_SECONDS", 0.0)
    with ProgressLine(quiet=False) as line:
        line.stage("encoding", "training, step 3 of 20")
    assert capsys.readouterr().err == "encoding: training, step 3 of 20\n"
