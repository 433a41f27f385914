"""The variational code: round trips, candidates and their choice, what its files say, damage, golden files."""

import json
import math
import os
import tracemalloc
import zlib
from dataclasses import replace

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from label_sets import blobs, images
from variational_cases import CASES, GOLDEN, case, encoded, recoded

import mdlcodec
from mdlcodec import data
from mdlcodec.cli import main
from mdlcodec.codes import CODES, Settings
from mdlcodec.codes.contract import Options
from mdlcodec.codes.variational import VariationalPayload, encode_labels
from mdlcodec.container import write_label_file
from mdlcodec.container.frame import unsigned
from mdlcodec.container.ids import Purpose
from mdlcodec.data.targets import Classes
from mdlcodec.descriptions.posterior_samples import (
    Blocks,
    byte_of,
    candidate,
    deviation_of,
    pack_indices,
    unpack_indices,
    weights_from,
)
from mdlcodec.descriptions.sampled_network import Sent, sampled_weights
from mdlcodec.errors import BadData, CorruptFile, LimitExceeded, MdlcodecError, Unsupported
from mdlcodec.exact.random import Stream
from mdlcodec.files import label_file, labels
from mdlcodec.nn.zoo import ARCHITECTURES
from mdlcodec.sender import variational
from mdlcodec.sender.efforts import VARIATIONAL
from mdlcodec.sender.task import Task
from mdlcodec.sender.variational.blocks import BlockPrices
from mdlcodec.sender.variational.minimal_random_coding import approximate_weights, choose, log_ratio
from mdlcodec.sender.variational.objective import Objective
from mdlcodec.sender.variational.posterior import Posterior

CODE = CODES["variational"]


def _quiet(done, bits, stage="", mistakes=None, /):
    """No progress."""


def _inputs(x):
    return data.from_arrays(x, None).inputs


def _many_blobs():
    x, y = blobs(60, 3)
    return np.concatenate([x] * 4) + np.arange(240)[:, None] % 5, np.concatenate([y] * 4)


@pytest.fixture(scope="module", autouse=True)
def fast():
    """Less training than any preset has."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(variational, "_FEWEST_STEPS", 500)
        yield


@pytest.fixture(scope="module")
def trained():
    """Blobs sent with the fastest preset: the file, its run, and where the sender's weights ended."""
    x, y = _many_blobs()
    moments = []
    options = Options(observers=(moments.append,))
    blob, run = labels.encode(data.from_arrays(x, y), code="variational", preset=1, options=options)
    return x, y, blob, run, moments[-1].phase.objective.posterior


@pytest.mark.parametrize("name", CASES)
def test_round_trip(name):
    case = CASES[name]
    blob = encoded(case)
    assert (mdlcodec.decode(blob, case.x) == case.y).all()
    facts = mdlcodec.inspect(blob)
    assert (facts["code"], facts["net"]) == ("variational", case.net)
    sizes = {part["name"]: part["bytes"] for part in facts["sections"]}
    assert list(sizes) == ["header", "digests", "weights", "calibration", "labels", "checksum"]
    assert sum(sizes.values()) == len(blob) == facts["bytes"]
    prior = 4 if isinstance(case.sent.prior, float) else 2 * len(ARCHITECTURES[case.net].layer_names)
    count = case.sent.count
    assert sizes["weights"] == 1 + (1 if count < 128 else 2) + prior + math.ceil(count * case.sent.bits / 8)
    assert sizes["labels"] < math.log2(facts["classes"]) * facts["labels"] / 8


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
    assert VariationalPayload.read(label_file.parse(blob).payload).sent == case.sent
    assert (mdlcodec.decode(blob, case.x) == case.y).all()
    assert recoded(case, blob) == blob


def test_it_trains_and_comes_back(trained):
    x, y, blob, run, _ = trained
    assert (mdlcodec.decode(blob, x) == y).all()
    assert len(blob) < 0.8 * len(mdlcodec.encode(x, y, code="uniform"))
    assert 0.0 <= run.training_error < 0.2
    assert 0 < run.objective_bits < 8 * len(blob)  # small files are headers for the most part


def test_the_receiver_has_the_weights_that_the_sender_ended_with(trained):
    x, _, blob, _, posterior = trained
    file = label_file.parse(blob)
    sent = VariationalPayload.read(file.payload).sent
    assert sent.count
    architecture, weights = CODE.prepare(_inputs(x), file.target, file.settings).network(file.payload)
    assert architecture is ARCHITECTURES["narrow-mlp"]
    found = np.concatenate([array.ravel() for array in weights.values()])
    assert found.tobytes() == (posterior.mean.detach().numpy() + 0.0).tobytes()
    assert not posterior.free.any()


def test_images_train_and_come_back():
    x, y = images(120, 8)
    stages = []

    def watch(plan):
        assert (plan.net, plan.cost.parameters) == ("narrow-convolution", 8 * 9 + 8 + 4 * 72 + 4)
        return lambda done, bits, stage="": stages.append((done, stage))

    blob, run = labels.encode(data.from_arrays(x, y), code="variational", preset=1, watch=watch)
    assert (mdlcodec.decode(blob, x) == y).all()
    assert run.ideal_bits < 120.0
    assert stages[0] == (0, stages[0][1])
    assert stages[0][1].startswith("training, step 1 of 500")
    assert stages[-1] == (120, "")
    assert sum(done > 0 for done, _ in stages) == 1


def test_random_labels_cost_what_the_uniform_code_costs():
    x = np.rint(Stream(4, 7).normals((600, 6)) * 50)
    y = Stream(5, 7).below(3, 600)
    blob = mdlcodec.encode(x, y, code="variational", preset=1)
    assert (mdlcodec.decode(blob, x) == y).all()
    uniform = len(mdlcodec.encode(x, y, code="uniform"))
    assert len(blob) <= 1.005 * uniform + 40
    assert VariationalPayload.read(label_file.parse(blob).payload).sent.count == 0


def test_the_prior_is_honoured_and_paid():
    x, y = _many_blobs()
    variances = []
    for prior in (0.3, 0.1):
        blob = mdlcodec.encode(x, y, code="variational", preset=1, prior=prior)
        assert (mdlcodec.decode(blob, x) == y).all()
        sent = VariationalPayload.read(label_file.parse(blob).payload).sent
        assert sent.count
        assert sent.prior == float(np.float32(prior))
        tensors = sampled_weights(sent, ARCHITECTURES["narrow-mlp"], _inputs(x).features.shape[1:], 3, 0)
        weights = np.concatenate([array.ravel() for array in tensors.values()])
        variances.append(weights.astype(np.float64).var())
        assert (weights != 0).all()
    assert variances[0] > 2 * variances[1]


@pytest.mark.parametrize("variance", [2.0**-40, 2.0**40])
def test_the_extreme_priors_are_read_again(variance):
    sent = Sent.of(3, [5], variance)
    payload = VariationalPayload(sent, 0, b"x").written()
    assert VariationalPayload.read(payload).sent == sent
    inputs = _inputs(blobs(20, 2)[0])
    tensors = sampled_weights(sent, ARCHITECTURES["narrow-mlp"], inputs.features.shape[1:], 2, 0)
    assert all(np.isfinite(tensor).all() for tensor in tensors.values())


def test_indices_are_not_unpacked_before_they_are_counted():
    """A list of them would take many times the file's size, before any limit."""
    blob, _ = _with_payload(b"\x41" + unsigned(1 << 24) + bytes([168] * 4) + bytes(1 << 21) + b"\0")
    tracemalloc.start()
    mdlcodec.inspect(blob)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16 << 20


@pytest.mark.parametrize("prior", [0.0, -1.0, math.nan, math.inf, 1e13, 1e-13])
def test_priors_that_do_not_exist(prior):
    with pytest.raises(BadData, match=r"variance .* is out of range; choose one of 2.-40"):
        mdlcodec.encode(*blobs(20, 2), code="variational", prior=prior)


@pytest.mark.parametrize(("n", "k"), [(1, 1), (2, 2), (9, 1), (30, 30)])
def test_tiny_and_many_classes(n, k):
    x, y = blobs(n, 3)[0], np.arange(n) % k
    blob = mdlcodec.encode(x, y, code="variational", preset=1)
    assert (mdlcodec.decode(blob, x) == y).all()
    assert sum(part["bytes"] for part in mdlcodec.inspect(blob)["sections"]) == len(blob)
    if k == 1:
        assert len(blob) < 25


@settings(max_examples=20)
@given(st.integers(1, 40), st.integers(2, 6), st.integers(0, 10**6), st.integers(0, 30), st.integers(1, 24))
def test_any_labels_round_trip(n, k, seed, count, bits):
    inputs = _inputs(blobs(n, 3, seed)[0])
    sent = Sent.of(bits, Stream(seed, 7).below(1 << bits, count).tolist(), bytes([168, 0, 165, 150]))
    classes = Stream(seed, 8).below(k, n).astype(np.int32)
    result = encode_labels(ARCHITECTURES["narrow-mlp"], sent, classes, k, inputs, seed, _quiet)
    chosen = CODE.settings("narrow-mlp", 5, seed, inputs, Classes(k))
    assert (CODE.prepare(inputs, Classes(k), chosen).decode(result.payload, _quiet).values == classes).all()
    assert result.ideal_bits <= n * math.log2(k) + 0.01


# What the receiver repeats


def _naive_weights(shapes, deviations, indices, bits, seed):
    """formats/variational.md, "Weights", one weight after another."""
    tensors = [np.zeros(math.prod(shape), np.float32) for shape in shapes]
    for b, index in enumerate(indices):
        places = []
        for t, tensor in enumerate(tensors):
            if deviations[t] > 0:
                order = Stream(seed, Purpose.CANDIDATES_ORDER, t).permutation(tensor.size)
                places += [(t, order[i]) for i in range(tensor.size) if i * len(indices) // tensor.size == b]
        numbers = Stream(seed, Purpose.CANDIDATES, b * 2**bits + index).normals((len(places),))
        for (t, place), z in zip(places, numbers, strict=True):
            tensors[t][place] = np.float32(z) * deviations[t]
    return [tensor.reshape(shape) for tensor, shape in zip(tensors, shapes, strict=True)]


@pytest.mark.parametrize("count", [1, 3, 25, 29])
def test_weights_as_the_format_says(count):
    shapes = [(3, 4), (3,), (2, 3), (2,), (2, 3, 1)]
    deviations = [np.float32(s) for s in (0.5, 0.0, 0.01, 3.0, 1.1)]
    indices = Stream(1, 7).below(1 << 9, count).tolist()
    found = weights_from(shapes, deviations, indices, 9, 2**64 - 1)
    for a, b in zip(found, _naive_weights(shapes, deviations, indices, 9, 2**64 - 1), strict=True):
        assert a.dtype == np.float32
        assert a.tobytes() == b.tobytes()
    assert (found[1] == 0).all()
    assert all((array != 0).all() for t, array in enumerate(found) if t != 1)


def test_blocks_have_every_weight_once_and_shares_of_each_tensor():
    blocks = Blocks.of([100, 7, 33], [True, False, True], 10, 3)
    assert sorted(blocks.places.tolist()) == [*range(100), *range(107, 140)]
    for b in range(10):
        places = blocks.block(b)
        assert (places < 100).sum() == 10
        assert (places >= 107).sum() in (3, 4)
    assert (Blocks.of([100, 7, 33], [True, False, True], 10, 4).places != blocks.places).any()


def test_deviations():
    values = [float(deviation_of(byte)) for byte in range(256)]
    assert values[:3] == [0.0, 9 * 2.0**-24, 10 * 2.0**-24]
    assert values[255] == 1920.0
    assert (np.diff(values) > 0).all()
    assert byte_of(0.0) == 1
    assert byte_of(1e9) == 255
    for byte in (1, 100, 254, 255):
        assert byte_of(values[byte]) == byte
        assert byte_of(values[byte] * 0.999) == byte


@given(st.integers(1, 24), st.lists(st.integers(0, 2**24 - 1), max_size=40))
def test_indices_are_packed(bits, numbers):
    indices = [number % (1 << bits) for number in numbers]
    packed = pack_indices(indices, bits)
    assert len(packed) == math.ceil(len(indices) * bits / 8)
    assert unpack_indices(packed, len(indices), bits) == indices


# The sender's choice


def _block(m, seed=0):
    """A posterior and a prior of m weights."""
    stream = Stream(seed, 7)
    prior = np.exp(stream.normals((m,)).astype(np.float64))
    mean = prior * stream.normals((m,)) * 0.8
    return mean, prior * (0.3 + 0.6 * np.arange(m) / m), prior


def _log_ratio(z, mean, deviation, prior):
    """ln q/p of candidates, (.., m)."""
    w = prior * z

    def log_density(mean, deviation):
        return (-np.log(deviation) - (w - mean) ** 2 / (2 * deviation**2)).sum(-1)

    return log_density(mean, deviation) - log_density(0.0, prior)


@pytest.mark.parametrize("m", [1, 3, 4, 5, 13])
def test_weights_of_candidates_are_those_of_a_naive_computation(m):
    mean, deviation, prior = _block(m)
    z = np.array([candidate(2**64 - 5, 6, i, 10, m) for i in range(1 << 10)]).astype(np.float64)
    found = approximate_weights(2**64 - 5, 6, 10, *log_ratio(mean, deviation, prior))
    wanted = _log_ratio(z, mean, deviation, prior)
    constant = np.log(prior / deviation).sum() - (mean**2 / (2 * deviation**2)).sum()
    inner = (np.abs(z) < 2.5).all(1)
    assert np.abs(found + constant - wanted)[inner].max() < 0.1
    assert np.median(np.abs(found + constant - wanted)) < 0.01
    assert choose(2**64 - 5, 6, 10, mean, deviation, prior) == np.argmax(wanted)


def test_candidates_follow_the_posterior():
    """Candidates of the prior, drawn in proportion to q/p, are samples of the posterior."""
    mean, deviation, prior = _block(3, seed=2)
    count = 1 << 16
    z = np.array([Stream(9, Purpose.CANDIDATES, (4 << 16) + i).normals((3,)) for i in range(count)])
    log_weights = approximate_weights(9, 4, 16, *log_ratio(mean, deviation, prior)).astype(np.float64)
    weights = np.exp(log_weights - log_weights.max())
    weights /= weights.sum()
    samples = prior * z[np.random.Generator(np.random.Philox(1)).choice(count, 20_000, p=weights)]
    assert np.abs((samples.mean(0) - mean) / deviation).max() < 0.05
    assert np.abs(samples.std(0) / deviation - 1).max() < 0.05
    standard = np.sort((samples - mean) / deviation, 0)
    normal = torch.distributions.Normal(0.0, 1.0).cdf(torch.from_numpy(standard)).numpy()
    uniform = (np.arange(20_000) + 0.5)[:, None] / 20_000
    assert np.abs(normal - uniform).max() < 0.025  # Kolmogorov and Smirnov's


def test_a_block_of_no_weights():
    assert 0 <= choose(0, 1, 4, *(np.empty(0) for _ in range(3))) < 16


def test_prices_bring_blocks_to_their_target():
    blocks = Blocks.of([40], [True], 4, 0)
    prices = BlockPrices(blocks, 40, 5.0)
    wanted = torch.arange(1.0, 5.0)[prices._block] * 5  # the KL at a price of 1; it falls as the price rises
    for _ in range(600):
        prices.adapt(wanted / 10 / prices.prices())
    found = prices.divergences(wanted / 10 / prices.prices())
    assert (found - 5).abs().max() < 0.1


def test_divergence_and_its_gradient():
    posterior = Posterior(ARCHITECTURES["narrow-mlp"], (3,), 2, 1.0, torch.Generator().manual_seed(0))
    posterior.set_prior([0.3, 0.2, 0.5, 0.1])
    posterior.fix(slice(5, 9), 0.25)
    posterior.mean.grad = torch.zeros_like(posterior.mean)
    posterior.log_deviation.grad = torch.zeros_like(posterior.mean)
    posterior.add_divergence(2.0)
    prior = torch.distributions.Normal(0.0, posterior.prior_deviation)
    kl = torch.distributions.kl_divergence(
        torch.distributions.Normal(posterior.mean, posterior.log_deviation.exp()), prior
    )
    kl = torch.where(posterior.free, kl, 0.0)
    assert torch.allclose(posterior.divergence(), kl, atol=1e-5)
    for found, wanted in zip(
        (posterior.mean.grad, posterior.log_deviation.grad),
        torch.autograd.grad(2.0 * kl.sum(), (posterior.mean, posterior.log_deviation)),
        strict=True,
    ):
        assert torch.allclose(found, wanted, atol=1e-4)


def test_training_lowers_the_objective_and_leaves_fixed_weights():
    x, y = _many_blobs()
    features = _inputs(x).features
    posterior = Posterior(
        ARCHITECTURES["narrow-mlp"], features.shape[1:], 3, 1.0, torch.Generator().manual_seed(0)
    )
    posterior.fix(slice(3, 7), 0.125)
    objective = Objective(posterior, Task.of(ARCHITECTURES["narrow-mlp"], features, y, 3, seed=0), 64)
    posterior.set_prior([0.5] * 4)
    before = objective.bits()
    for _ in range(60):
        objective.step(1e-2, 1.0)
    assert objective.bits() < 0.9 * before
    assert (posterior.mean[3:7] == 0.125).all()
    assert (posterior.deviation()[3:7] == 0).all()


# Damage


def _with_payload(payload, name="narrow-mlp"):
    file = label_file.parse(encoded(CASES[name]))
    return write_label_file(file.header, payload), CASES[name]


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (b"", "does not fit into the file"),
        (b"\x2c", "does not fit into the file"),
        (b"\x20\x01", "indices have 0 bits"),
        (b"\x5f\x01" + b"x" * 20, "indices have 31 bits"),
        (b"\x4c\x01\xa8\xa8", "does not fit into the file"),
        (b"\x4c\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01" + b"x" * 20, "does not fit into the file"),
        (b"\x41\xff\xff\xff\xff\x07" + b"x" * 20, "does not fit into the file"),
        (b"\x4c\x80\x00" + b"x" * 20, "integer"),
        (b"\x01\x01" + np.float32(np.nan).tobytes() + b"x" * 20, "variance of its prior is out of range"),
        (b"\x01\x01" + np.float32(np.inf).tobytes() + b"x" * 20, "variance of its prior is out of range"),
        (b"\x01\x01" + np.float32(-1).tobytes() + b"x" * 20, "variance of its prior is out of range"),
        (b"\x01\x01" + np.float32(0).tobytes() + b"x" * 20, "variance of its prior is out of range"),
    ],
)
def test_payloads_that_no_sender_writes(payload, message):
    blob, case = _with_payload(payload)
    for use in (mdlcodec.inspect, lambda b: mdlcodec.decode(b, case.x)):
        with pytest.raises(CorruptFile, match=message):
            use(blob)


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (b"\x6c\x01" + bytes([168] * 6) + b"x" * 9, "it has 6 deviations, and narrow-mlp 4 tensors"),
        (b"\x4c\x01" + bytes(4) + b"x" * 9, "blocks of weights, and no tensor"),
        (b"\x41\xff\x03" + bytes([168] * 4) + b"x" * 99, "511 blocks, more than the 451 weights"),
    ],
)
def test_networks_that_do_not_fit(payload, message):
    blob, case = _with_payload(payload)
    with pytest.raises(CorruptFile, match=message):
        mdlcodec.decode(blob, case.x)


def test_the_largest_deviations_give_some_labels():
    payload = b"\x4c\x03" + bytes([255] * 4) + b"\xab\xcd\xef\x01\x23" + b"\x90junk"
    blob, case = _with_payload(payload)
    with pytest.raises(CorruptFile, match="other labels were decoded"):
        mdlcodec.decode(blob, case.x)


def test_ideal_lengths_are_finite_where_a_softmax_underflows(monkeypatch):
    """Weights in the hundreds and no share of the uniform distribution: probabilities below every float64."""
    monkeypatch.setattr("mdlcodec.mixing.temperature.best_calibration", lambda *_: 0xF0)
    inputs, sent = _inputs(blobs(30, 3)[0]), Sent.of(12, list(range(20)), bytes([231] * 4))
    classes = np.arange(30, dtype=np.int32) % 3
    result = encode_labels(ARCHITECTURES["narrow-mlp"], sent, classes, 3, inputs, 0, _quiet)
    assert VariationalPayload.read(result.payload).calibration == 0xF0
    assert 24 <= result.ideal_bits <= 30 * 24  # some label had the lowest frequency, 1 of 2^24


@settings(max_examples=60)
@given(st.data())
def test_damage_with_a_right_checksum(draw):
    case = CASES["narrow-mlp"]
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
    case = CASES["narrow-mlp"]
    file = label_file.parse(encoded(case))
    with pytest.raises(CorruptFile, match="does not fit these inputs"):  # columns in a convolution
        mdlcodec.decode(write_label_file(replace(file.header, net=6), file.payload), case.x)
    with pytest.raises(Unsupported, match="network number 77 with --code variational"):
        label_file.parse(write_label_file(replace(file.header, net=77), file.payload))
    with pytest.raises(Unsupported, match="network resnet20 with --code variational"):
        label_file.parse(write_label_file(replace(file.header, net=9), file.payload))


# What the code accepts


def test_auto_looks_at_the_shape_alone():
    def net(x):
        return CODE.net_name(CODE.settings("auto", 5, 0, _inputs(x), Classes(2)))

    assert net(images(3, 16)[0]) == "narrow-lenet"
    assert net(images(3, 15)[0]) == "narrow-convolution"
    assert net(images(3, 4)[0]) == "narrow-convolution"
    assert net(images(3, 3)[0]) == "narrow-mlp"
    assert net(blobs(3, 2)[0]) == "narrow-mlp"


def test_inputs_and_nets_that_do_not_fit():
    x, y = images(8, 8)
    with pytest.raises(BadData, match="at least 16x16 places, and these have 8x8"):
        mdlcodec.encode(x, y, code="variational", net="narrow-lenet")
    with pytest.raises(BadData, match="needs images"):
        mdlcodec.encode(x.reshape(8, -1), y, code="variational", net="narrow-convolution")
    with pytest.raises(BadData, match="variational has no network named 'cnn'; choose one of auto, "):
        mdlcodec.encode(x, y, code="variational", net="cnn")
    with pytest.raises(BadData, match="resnet20 has more than 7 layers with weights"):
        mdlcodec.encode(x, y, code="variational", net="resnet20")
    with pytest.raises(BadData, match="resnet20 normalises by running statistics"):
        mdlcodec.encode(x, y, code="subspace", net="resnet20")
    with pytest.raises(BadData, match="resnet20 is for codes that transmit a network"):
        mdlcodec.encode(x, y, net="resnet20")


def test_costs():
    inputs = _inputs(images(500, 28)[0])
    costs = []
    for preset in range(1, 10):
        chosen = Settings(net=6, preset=preset, seed=0)
        receiving = CODE.prepare(inputs, Classes(10), chosen).cost
        sending = CODE.prepare(inputs, Classes(10), chosen).sending_cost()
        assert receiving.parameters == sending.parameters == 5994
        assert 10 * receiving.work < sending.work
        assert receiving.memory < sending.memory
        costs.append(sending.work)
    assert costs == sorted(set(costs))
    assert CODE.prepare(inputs, Classes(1), chosen).cost.memory == 0
    with pytest.raises(Unsupported):
        assert CODE.prepare(inputs, Classes(10), replace(chosen, net=77)).cost
    with pytest.raises(Unsupported):
        assert CODE.prepare(inputs, Classes(10), replace(chosen, preset=12)).cost


def test_very_many_weights_get_shorter_indices():
    found = [variational._index_bits(d, VARIATIONAL[9]) for d in (6000, 1 << 13, 9000, 1 << 23)]
    assert found == [20, 20, 19, 10]


def test_limits():
    given_case = CASES["narrow-lenet"]
    with pytest.raises(LimitExceeded, match="max-memory"):
        mdlcodec.decode(encoded(given_case), given_case.x, max_memory=1 << 20)
    with pytest.raises(LimitExceeded, match="max-work"):
        mdlcodec.encode(given_case.x, given_case.y, code="variational", max_work=10**10)
    assert (mdlcodec.decode(encoded(given_case), given_case.x, max_work=10**12) == given_case.y).all()


# The command line


def test_the_objective_is_reported(tmp_path):
    x, y = _many_blobs()
    np.savez(tmp_path / "set.npz", x=x, y=y)
    options = ["--code", "variational", "-1", "--no-verify", "--json", "-v", "-o", str(tmp_path / "set.mdl")]
    result = CliRunner().invoke(main, ["encode", str(tmp_path / "set.npz"), *options])
    assert result.exit_code == 0, result.output
    facts = json.loads(result.stdout)
    assert facts["objective_bits"] > 0
    assert "objective (KL + expected loss): " in result.stderr


def test_cases_are_worth_something():
    again = case("narrow-mlp", blobs(60, 3)[0], 3, 11, 30, bytes([168, 150, 168, 0]), 1)
    assert again.sent == CASES["narrow-mlp"].sent
