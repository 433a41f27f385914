"""Real numbers in the two-part codes: round trips, golden files, training, what they cost, damage."""

import os
import zlib

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from real_cases import numbers
from two_part_cases import network
from two_part_reals_cases import CASES, GOLDEN, dataset_of, encoded, recoded

import mdlcodec
from mdlcodec.codes import CODES
from mdlcodec.codes.contract import Options
from mdlcodec.codes.network_reals import SCALES, Calibration, Standardisation
from mdlcodec.codes.two_part import TwoPartRealsPayload
from mdlcodec.data import from_arrays
from mdlcodec.data.dataset import Choice
from mdlcodec.data.reals import reals_of_array
from mdlcodec.errors import BadData, CorruptFile, InexactComputation, LimitExceeded, MdlcodecError
from mdlcodec.files import label_file, label_inputs, labels
from mdlcodec.limits import Limits
from mdlcodec.mixing.fixed_mixture import DEVIATIONS, FixedMixture, best_shape
from mdlcodec.nn.zoo import architecture_named
from mdlcodec.sender.loop import Trainer
from mdlcodec.sender.sparsify import Choices, sparse_network
from mdlcodec.sender.task import Task

REALS = Choice("reals")


def _given(weights):
    """Options under which nothing is trained."""
    return Options(method=lambda trainer: {name: torch.from_numpy(w) for name, w in weights.items()})


def _framed(body):
    return body + zlib.crc32(body).to_bytes(4, "little")


def _shape(scale, indices, means, target):
    grid = target.grid
    return best_shape(means, indices, scale, grid.low, grid.high, *target.cells())


def _ideal_bits(scale, shape, indices, means, target):
    grid = target.grid
    sender = FixedMixture(scale, *shape, grid.low, grid.high, *target.cells())
    sender.encode(means, indices)
    found = np.empty(indices.size, np.int64)
    FixedMixture(scale, *shape, grid.low, grid.high, *target.cells(), sender.finish()).decode(means, found)
    assert (found == indices).all()
    assert 8 * len(sender.finish()) - sender.ideal_bits < 18
    return sender.ideal_bits


# --- files


@pytest.mark.parametrize("name", CASES)
def test_golden_files(name):
    """MDLCODEC_WRITE_GOLDEN=1 writes them anew, which needs a new version of the format."""
    case, path = CASES[name], GOLDEN / f"{name}.mdl"
    if os.environ.get("MDLCODEC_WRITE_GOLDEN") == "1":
        GOLDEN.mkdir(exist_ok=True)
        path.write_bytes(encoded(case))
    blob = path.read_bytes()
    found = mdlcodec.decode(blob, case.x)
    assert found.dtype == case.y.dtype
    assert found.tobytes() == case.y.tobytes()
    assert recoded(case, blob) == encoded(case) == blob
    facts = mdlcodec.inspect(blob)
    assert (facts["as"], facts["code"], facts["net"]) == ("reals", case.code, case.net)
    sizes = {part["name"]: part["bytes"] for part in facts["sections"]}
    assert list(sizes) == ["header", "grid", "digests", "network", "calibration", "labels", "checksum"]
    assert sum(sizes.values()) == len(blob)
    assert sizes["calibration"] == 5
    assert sizes["labels"] < 0.95 * facts["uniform_bits"] / 8


@pytest.mark.parametrize("code", ["two-part", "two-part-raw"])
@pytest.mark.parametrize("n", [1, 2, 30])
def test_round_trips(code, n):
    x, y = numbers(n)
    dataset = from_arrays(x, y, REALS)
    given = _given(network("mlp-3-tanh", dataset.inputs.features.shape[1:], 1, (3,)))
    blob, run = labels.encode(dataset, code=code, net="mlp-3-tanh", options=given)
    assert mdlcodec.decode(blob, x).tobytes() == y.tobytes()
    facts = mdlcodec.inspect(blob)
    if n > 1:
        size = facts["sections"][-2]["bytes"]
        assert 8 * size - run.ideal_bits < 18
        assert run.training_error is None
        assert len(label_file.network_section(blob)) < facts["sections"][3]["bytes"]
    else:  # one value is known from the grid
        assert [part["name"] for part in facts["sections"][3:]] == ["labels", "checksum"]
        with pytest.raises(BadData, match="nothing to learn"):
            label_file.network_section(blob)


def test_many_examples_in_several_parts(monkeypatch):
    case = CASES["columns"]
    whole = encoded(case)
    monkeypatch.setattr("mdlcodec.codes.network_labels.EXAMPLES_AT_ONCE", 7)
    assert encoded(case) == whole
    assert mdlcodec.decode(whole, case.x).tobytes() == case.y.tobytes()


@pytest.mark.parametrize(
    ("code", "options"),
    [("two-part", Options()), ("two-part", Options(sparsify="dns")), ("two-part-raw", Options())],
)
def test_trains_and_comes_back(code, options):
    x = np.linspace(-1, 1, 400)[:, None]
    y = np.round(np.sin(3 * x[:, 0]), 2)
    stages = []
    blob, _ = labels.encode(
        from_arrays(x, y, REALS),
        code=code,
        net="mlp-12-tanh",
        preset=3,
        options=options,
        watch=lambda plan: lambda done, bits, stage="": stages.append(stage),
    )
    assert mdlcodec.decode(blob, x).tobytes() == y.tobytes()
    facts = mdlcodec.inspect(blob)
    assert 8 * facts["sections"][-2]["bytes"] < 0.95 * facts["uniform_bits"]  # something was learned
    assert any("step 1 of" in stage for stage in stages)


def test_limits_and_cost():
    case = CASES["columns"]
    inputs, reals = dataset_of(case)
    code = CODES["two-part"]
    prepared = code.prepare(inputs, reals.target, code.settings(case.net, 5, 0, inputs, reals.target))
    cost, sending = prepared.cost, prepared.sending_cost()
    shape = inputs.features.shape[1:]
    assert cost.parameters == sending.parameters == architecture_named(case.net).parameters(shape, 1)
    assert 5 * cost.work < sending.work
    assert cost.memory < sending.memory
    with pytest.raises(LimitExceeded):
        labels.decode(
            label_file.parse(encoded(case)), label_inputs.inputs_of(case.x), limits=Limits(memory=1 << 20)
        )


def test_no_accuracy_bound_of_reals():
    from mdlcodec.bounds.subject import of_label_file
    from mdlcodec.limits import DEFAULT_LIMITS

    blob = (GOLDEN / "images.mdl").read_bytes()
    with pytest.raises(BadData, match="holds reals"):
        of_label_file(label_file.parse(blob), blob, lambda header: [], DEFAULT_LIMITS)


# --- calibration


def test_tables():
    assert (np.diff(SCALES) > 0).all()
    assert (np.diff(DEVIATIONS) > 0).all()
    assert (SCALES[0], SCALES[128], SCALES[255]) == (2.0**-8, 1.0, 31 * 8.0)
    assert (DEVIATIONS[0], DEVIATIONS[192], DEVIATIONS[255]) == (2.0**-12, 1.0, 15.5)
    for five in (bytes(5), b"\xff" * 5, b"\x00\x80\x07\x08\x09"):
        assert Calibration.read(five).written() == five


def test_targets_are_standardised():
    labels_ = reals_of_array(numbers(300)[1], "npy")
    found = Standardisation.of(labels_.target, labels_.indices)
    targets = found.targets(labels_.target, labels_.indices)
    assert abs(targets.mean()) < 0.001
    assert abs(targets.std() - 1) < 0.04
    # outputs that are the targets lie where the values do
    low, scale = labels_.target.cells()[1][2:]
    means = found.means(targets[:, None]) * scale + low
    assert np.abs(means - labels_.array()).max() < 1e-4


@pytest.mark.parametrize(
    ("decimals", "noise"), [(2, "normal"), (2, "cauchy"), (0, "normal"), (None, "normal")]
)
def test_the_shape_is_about_the_best(decimals, noise):
    generator = np.random.default_rng(5)
    drawn = generator.normal(size=600) if noise == "normal" else generator.standard_cauchy(600)
    values = 100 * generator.normal(size=600)
    y = values + 3 * drawn
    found = reals_of_array(y if decimals is None else np.round(y, decimals), "npy")
    means = (values - found.target.cells()[1][2]) / found.target.cells()[1][3]
    shape = _shape(1.0, found.indices, means, found.target)
    least = _ideal_bits(1.0, shape, found.indices, means, found.target)
    for deviation in (-16, -2, 2, 16):
        for shares in (0, 16, 0x95, 15, 0xE0):
            other = (shape[0] + deviation, shares)
            assert _ideal_bits(1.0, other, found.indices, means, found.target) > least - 3
    if noise == "normal" and decimals == 2:
        entropy = 600 * 0.5 * np.log2(2 * np.pi * np.e * (3 / 0.01) ** 2)
        assert least < 1.01 * entropy


def test_an_outlier_costs_its_own_bits():
    generator = np.random.default_rng(2)
    means = generator.normal(size=400)
    y = np.round(50 * means + generator.normal(size=400), 2)
    sizes = []
    for outlier in (None, 1e4, 1e8, 1e12):
        if outlier is not None:
            y[300] = outlier
        found = reals_of_array(y, "npy")
        where = (50 * means - found.target.cells()[1][2]) / found.target.cells()[1][3]
        shape = _shape(1.0, found.indices, where, found.target)
        sizes.append(_ideal_bits(1.0, shape, found.indices, where, found.target))
        if outlier is not None:
            assert sizes[-1] - sizes[0] < 1.5 * np.log2(outlier * 100) + 24


def test_outputs_that_are_not_finite_are_never_coded_with():
    found = reals_of_array(numbers(40)[1], "npy")
    means = np.zeros(40)
    means[3] = np.nan
    with pytest.raises(InexactComputation):
        _shape(1.0, found.indices, means, found.target)
    with pytest.raises(InexactComputation):
        _ideal_bits(1.0, (128, 0), found.indices, means, found.target)


# --- the sender


def test_the_loss_is_half_the_squared_error():
    x = np.zeros((3, 2), np.float32)
    task = Task.of_reals(architecture_named("mlp-4"), x, np.array([1.0, 2.0, 3.0]), seed=0)
    assert task.outputs == 1
    assert task.has_reals
    loss = task.loss(torch.tensor([[1.0], [0.0]]), torch.tensor([0, 2]))
    assert loss.item() == 0.5 * (0.0 + 9.0) / 2
    with pytest.raises(BadData, match="a label for each example"):
        Task.of_reals(architecture_named("mlp-4"), x, np.zeros(2), seed=0)


def test_noise_alone_is_worth_no_network(monkeypatch):
    """The price of a bit is right: what predicts nothing leaves, units on the way."""
    monkeypatch.setattr("mdlcodec.sender.sparsify.entropy._SHRUNK", 100)
    x = np.random.default_rng(0).normal(size=(500, 2)).astype(np.float32)
    y = np.random.default_rng(1).normal(size=500)
    task = Task.of_reals(architecture_named("mlp-8-tanh"), x, y, seed=0, effort=0.5)
    found = sparse_network(Trainer(task), sparsify="entropy", choices=Choices())
    assert sum(int((tensor != 0).sum()) for tensor in found.values()) < 8


# --- damage


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 400), st.integers(0, 255), st.sampled_from(["columns", "raw", "outlier"]))
def test_damage_with_a_right_checksum_is_an_error_or_other_numbers(place, byte, name):
    case = CASES[name]
    body = bytearray((GOLDEN / f"{name}.mdl").read_bytes()[:-4])
    body[4 + place % (len(body) - 4)] = byte
    try:
        found = mdlcodec.decode(_framed(bytes(body)), case.x, max_work=10**12, max_memory=2**30)
    except MdlcodecError:
        return
    assert len(found) == len(case.y)


@settings(max_examples=40, deadline=None)
@given(st.binary(min_size=5, max_size=60))
def test_any_calibration_and_values_decode_to_numbers_in_range(rest):
    case = CASES["columns"]
    file, (inputs, _) = label_file.parse((GOLDEN / "columns.mdl").read_bytes()), dataset_of(case)
    section = TwoPartRealsPayload.read(file.payload).network
    prepared = file.code.prepare(inputs, file.target, file.settings)
    payload = TwoPartRealsPayload(section, rest[:5], rest[5:]).written()
    found = prepared.decode(payload, lambda *_: None).values
    grid = file.header.grid
    assert ((found >= grid.low) & (found <= grid.high)).all()
    with pytest.raises(CorruptFile):
        prepared.decode(TwoPartRealsPayload(section, rest[:4], b"").written(), lambda *_: None)
