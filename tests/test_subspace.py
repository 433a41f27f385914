"""The random subspace code: round trips, the projection, coordinates, damage, random labels, golden files."""

import math
import os
import zlib
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from label_sets import blobs, images
from subspace_cases import CASES, GOLDEN, encoded, recoded

import mdlcodec
from mdlcodec import data
from mdlcodec.codes import CODES, Settings
from mdlcodec.codes.contract import Options
from mdlcodec.codes.subspace import DIMENSIONS, SubspacePayload, _dimensions, read_weights
from mdlcodec.container import write_label_file
from mdlcodec.data.targets import Classes
from mdlcodec.descriptions.subspace.affine import (
    LARGEST_COORDINATE,
    STEPS,
    AffineSubspace,
    transform_size,
)
from mdlcodec.descriptions.subspace.coordinates import decode_coordinates, encode_coordinates
from mdlcodec.errors import BadData, CorruptFile, LimitExceeded, MdlcodecError, Unsupported
from mdlcodec.exact.hadamard import transform
from mdlcodec.exact.random import Stream
from mdlcodec.files import label_file, label_inputs, labels
from mdlcodec.nn.exact_prediction import exact_outputs
from mdlcodec.nn.zoo import ARCHITECTURES, architecture_named

CODE = CODES["subspace"]


def _inputs(x):
    return data.from_arrays(x, None).inputs


@pytest.mark.parametrize("name", CASES)
def test_round_trip(name):
    case = CASES[name]
    blob = encoded(case)
    assert (mdlcodec.decode(blob, case.x) == case.y).all()
    facts = mdlcodec.inspect(blob)
    assert (facts["code"], facts["net"], facts["seed"]) == ("subspace", case.net, case.seed)
    sizes = {part["name"]: part["bytes"] for part in facts["sections"]}
    assert list(sizes) == ["header", "digests", "coordinates", "calibration", "labels", "checksum"]
    assert sum(sizes.values()) == len(blob) == facts["bytes"]
    assert sizes["labels"] < math.log2(facts["classes"]) * facts["labels"] / 8  # what it predicts is worth it
    parts = SubspacePayload.read(label_file.parse(blob).payload)
    assert (decode_coordinates(parts.coordinates, parts.dimension) == case.coordinates).all()


@pytest.mark.parametrize("name", CASES)
def test_golden(name):
    """MDLCODEC_WRITE_GOLDEN=1 writes them anew. A sender's training differs between machines, so that the point
    comes from the file, and the labels are coded under it again."""
    case, path = CASES[name], GOLDEN / f"{name}.mdl"
    if os.environ.get("MDLCODEC_WRITE_GOLDEN") == "1":
        GOLDEN.mkdir(exist_ok=True)
        path.write_bytes(encoded(case))
    blob = path.read_bytes()
    assert len(blob) < 4096
    assert (mdlcodec.decode(blob, case.x) == case.y).all()
    assert recoded(case, blob) == blob


@pytest.mark.parametrize("name", CASES)
def test_the_network_in_a_file_predicts_its_labels(name):
    case = CASES[name]
    file, inputs = label_file.parse(encoded(case)), _inputs(case.x)
    architecture, weights = CODE.prepare(inputs, file.target, file.settings).network(file.payload)
    assert architecture is ARCHITECTURES[case.net]
    predicted = np.argmax(exact_outputs(architecture, weights, inputs.features), 1)
    assert (predicted == case.y).mean() > 0.8
    assert CODE.prepare(inputs, Classes(1), file.settings).network(b"") is None


@pytest.mark.parametrize("engine", ["float64", "int16"])
@pytest.mark.parametrize("threads", [1, 2])
def test_engines_and_threads(engine, threads, monkeypatch):
    import torch

    monkeypatch.setenv("MDLCODEC_ENGINE", engine)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        for case in CASES.values():
            assert (mdlcodec.decode(encoded(case), case.x) == case.y).all()
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("net", ["lenet5", "lenet-300-100"])
def test_trains_and_comes_back(net):
    x, y = images(160, 16) if net == "lenet5" else blobs(160, 4)
    stages = []

    def watch(plan):
        assert (plan.code, plan.net) == ("subspace", net)
        return lambda done, bits, stage="": stages.append((done, stage))

    blob, run = labels.encode(
        data.from_arrays(x, y),
        code="subspace",
        net=net,
        preset=3,
        options=mdlcodec.codes.Options(dimension=24),
        watch=watch,
    )
    assert (mdlcodec.decode(blob, x) == y).all()
    assert run.training_error < 0.3
    assert len(blob) < len(mdlcodec.encode(x, y, code="uniform"))
    assert stages[0][1].startswith("training 24 dimensions, step 1 of ")
    assert stages[-1] == (160, "")
    assert all(done == 0 for done, _ in stages[:-1])


def test_digits():
    dataset = data.read("digits")
    blob, run = labels.encode(
        dataset, code="subspace", preset=2, options=mdlcodec.codes.Options(dimension=100)
    )
    assert len(blob) < 450
    assert 0.0 < run.training_error < 0.4
    found, _ = labels.decode(label_file.parse(blob), label_inputs.inputs_from("digits"))
    assert (found.classes == dataset.labels.classes).all()


@pytest.mark.parametrize(("n", "k"), [(1, 1), (2, 2), (9, 1), (30, 30), (300, 3)])
def test_tiny_and_many_classes(n, k):
    x, y = blobs(n, 3)[0], np.arange(n) % k
    blob = mdlcodec.encode(x, y, code="subspace", preset=1, dimension=3)
    assert (mdlcodec.decode(blob, x) == y).all()
    assert sum(part["bytes"] for part in mdlcodec.inspect(blob)["sections"]) == len(blob)
    if k == 1:
        assert len(blob) < 25


def test_random_labels_cost_what_the_uniform_code_costs():
    x = blobs(2000, 3)[0]
    y = Stream(5, 7).below(10, 2000)
    uniform = len(mdlcodec.encode(x, y, code="uniform"))
    blob = mdlcodec.encode(x, y, code="subspace", preset=1)
    assert (mdlcodec.decode(blob, x) == y).all()
    assert len(blob) <= uniform * 1.005 + 40
    assert labels.encode(data.from_arrays(x, y), code="subspace", preset=1)[1].learned_in_vain
    # what was learned in vain is left out
    wasted = Stream(6, 7).below(9, 500) - 4, 150
    given = Options(method=lambda trainer, subspace: wasted)
    blob, _ = labels.encode(data.from_arrays(x, y), code="subspace", preset=1, options=given)
    assert SubspacePayload.read(label_file.parse(blob).payload).dimension == 0
    assert (mdlcodec.decode(blob, x) == y).all()
    assert len(blob) <= uniform + 4


def test_dimensions_are_tried_while_files_become_shorter():
    x, y = blobs(200, 3)[0], Stream(8, 7).below(3, 200)
    tried = []

    def point(trainer, subspace):
        tried.append(len(subspace.places))
        # all 0 costs next to nothing
        return (Stream(9, 7).below(5, tried[-1]) - 2) * (tried[-1] == 128), 120

    dataset = data.from_arrays(x, y)
    blob, _ = labels.encode(dataset, code="subspace", preset=1, options=Options(method=point))
    assert tried == [64, 128]  # the second was longer
    assert (mdlcodec.decode(blob, x) == y).all()
    labels.encode(dataset, code="subspace", preset=1, options=Options(method=point, dimension=5))
    assert tried[2:] == [5]
    assert _dimensions(60_000) == (1536,)
    assert _dimensions(5_000) == (192, 384, 768)
    assert all(set(_dimensions(n)) <= set(DIMENSIONS) for n in (1, 10**4, 10**8))


# The subspace


def _naive(architecture, shape, k, seed, coordinates, step):
    """formats/subspace.md, "Subspace", with a dense matrix."""
    tensors = architecture.tensors(shape, k)
    sizes = [p.shape for p in tensors.values() if len(p.shape) > 1]  # each followed by its bias
    parameters = sum(math.prod(size) + size[0] for size in sizes)
    size = 1
    while size < parameters:
        size *= 2
    places = Stream(seed, 33).permutation(size)[: len(coordinates)]
    signs = [1 if word >> np.uint64(63) == 0 else -1 for word in Stream(seed, 34).words(parameters)]
    normals, found, row = Stream(seed, 32), [], 0
    for shape_of_weight in sizes:
        fan_in = math.prod(shape_of_weight[1:])
        initial = normals.normals(shape_of_weight).reshape(-1)
        for i in range(initial.size + shape_of_weight[0]):
            total = sum(
                (-1) ** (int(place) & row).bit_count() * int(q)
                for place, q in zip(places, coordinates, strict=True)
            )
            gain = math.sqrt(2.0 / fan_in)
            start = float(initial[i] * np.float32(gain / 2)) if i < initial.size else 0.0
            found.append(np.float32(start + signs[row] * total * (gain * float(STEPS[step]))))
            row += 1
    return np.array(found)


@pytest.mark.parametrize("dimension", [0, 1, 7, 64])
def test_the_subspace_is_what_a_dense_matrix_gives(dimension):
    small = architecture_named("mlp-6-5")
    coordinates = Stream(1, 7).below(19, dimension) - 9
    subspace = AffineSubspace(small, (7,), 3, 11, dimension)
    weights = subspace.weights(coordinates, float(STEPS[130]))
    flat = np.concatenate([array.reshape(-1) for array in weights.values()])
    assert flat.dtype == np.float32
    assert flat.tobytes() == _naive(small, (7,), 3, 11, coordinates, 130).tobytes()
    assert [w.shape for w in weights.values()] == [(6, 7), (6,), (5, 6), (5,), (3, 5), (3,)]


def test_directions_of_one_subspace_lie_within_the_next():
    net = ARCHITECTURES["lenet-300-100"]
    some, more = (AffineSubspace(net, (5,), 3, 0, dimension) for dimension in (10, 20))
    q = Stream(2, 7).below(9, 20) - 4
    q[10:] = 0
    few, many = some.weights(q[:10], 0.25), more.weights(q, 0.25)
    assert list(few) == list(many)
    assert all(few[name].tobytes() == many[name].tobytes() for name in few)


@pytest.mark.parametrize("bits", range(8))
def test_transform(bits):
    size = 1 << bits
    dense = np.array([[(-1) ** (i & j).bit_count() for j in range(size)] for i in range(size)])
    values = Stream(3, 7).below(1 << 20, size) - (1 << 19)
    found = values.copy()
    transform(found)
    assert (found == dense @ values).all()
    transform(found)
    assert (found == size * values).all()
    single = values.astype(np.float32)
    transform(single)
    assert np.allclose(single, dense @ values, rtol=1e-4, atol=16)


def test_the_largest_coordinates_stay_exact():
    net = ARCHITECTURES["lenet-300-100"]
    most = transform_size(net, (5,), 3)
    subspace = AffineSubspace(net, (5,), 3, 0, most)
    weights = subspace.weights(np.full(most, LARGEST_COORDINATE), float(STEPS[-1]))
    flat = np.concatenate([array.reshape(-1) for array in weights.values()])
    assert np.isfinite(flat).all()
    # all columns of H together: the first row alone is not zero
    assert flat[0] != subspace.initial[0]
    assert (flat[1:] == subspace.initial[1:]).all()


def test_steps():
    assert STEPS.size == 256
    assert STEPS[0] == 2.0**-16
    assert (np.diff(STEPS) > 0).all()
    assert (STEPS[16:] == 2 * STEPS[:-16]).all()


def test_the_senders_network_is_the_receivers():
    import torch

    from mdlcodec.sender.float_network import float_forward
    from mdlcodec.sender.pooled_forward import quick_forward
    from mdlcodec.sender.subspace import _Projection

    architecture = ARCHITECTURES["lenet5"]
    shape, q = (20, 18, 3), Stream(4, 7).below(9, 40) - 4
    subspace = AffineSubspace(architecture, shape, 3, 5, 40)
    weights = subspace.weights(q, 0.02)
    places, signs = torch.from_numpy(subspace.places), torch.from_numpy(subspace.signs).float()
    moved = _Projection.apply(torch.from_numpy(q).float(), places, signs, subspace.size)
    theta = torch.from_numpy(subspace.initial) + moved * torch.from_numpy(subspace.gains).float() * 0.02
    batch = torch.from_numpy(Stream(5, 7).normals((16, *shape))).permute(0, 3, 1, 2)
    exact = {name: torch.from_numpy(array.copy()) for name, array in weights.items()}
    graph = architecture.graph.for_outputs(3)
    found = quick_forward(graph, subspace.arranged(theta), batch)
    assert torch.allclose(found, float_forward(graph, exact, batch), rtol=1e-3, atol=1e-3)


def test_the_gradient_of_the_projection():
    import torch

    from mdlcodec.sender.subspace import _Projection

    subspace = AffineSubspace(architecture_named("mlp-4-3"), (5,), 3, 0, 9)
    places, signs = torch.from_numpy(subspace.places), torch.from_numpy(subspace.signs).float()
    q = torch.arange(9.0).requires_grad_()
    direction = torch.from_numpy(Stream(6, 7).normals((len(signs),)))
    (_Projection.apply(q, places, signs, subspace.size) * direction).sum().backward()
    columns = [_Projection.apply(row, places, signs, subspace.size) for row in torch.eye(9)]
    assert torch.allclose(q.grad, torch.stack([(c * direction).sum() for c in columns]), atol=1e-4)


# Coordinates


@settings(max_examples=150)
@given(
    st.lists(
        st.one_of(st.integers(-3, 3), st.integers(-LARGEST_COORDINATE, LARGEST_COORDINATE)),
        min_size=1,
        max_size=80,
    )
)
@example([0] * 5000)
@example([-LARGEST_COORDINATE, LARGEST_COORDINATE] * 10)
def test_any_coordinates_come_back(values):
    array = np.array(values, np.int64)
    written = encode_coordinates(array)
    assert decode_coordinates(written, array.size).tolist() == values


@settings(max_examples=150)
@given(st.binary(max_size=40), st.integers(1, 60))
@example(b"\xff" * 40, 1)
def test_bytes_are_what_an_encoder_writes_or_damaged(written, dimension):
    try:
        values = decode_coordinates(written, dimension)
    except CorruptFile as error:
        assert "coordinates" in str(error)
        return
    assert encode_coordinates(values) == written


def test_coordinates_cost_what_their_frequencies_say():
    values = np.rint(1.5 * Stream(7, 7).normals((3000,))).astype(np.int64)
    _, counts = np.unique(values, return_counts=True)
    ideal = -(counts * np.log2(counts / values.size)).sum() / 8
    assert len(encode_coordinates(values)) < ideal * 1.02 + 10
    assert len(encode_coordinates(np.zeros(4096, np.int64))) < 8
    with pytest.raises(ValueError, match="beyond"):
        encode_coordinates(np.array([LARGEST_COORDINATE + 1]))


# Damage


def _with(**changes):
    case = CASES["lenet-300-100"]
    file = label_file.parse(encoded(case))
    parts = replace(SubspacePayload.read(file.payload), **changes)
    return write_label_file(file.header, parts.written()), case


def _good():
    return SubspacePayload.read(label_file.parse(encoded(CASES["lenet-300-100"])).payload)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (lambda good: {"dimension": 1 << 63}, "more than the"),
        (lambda good: {"dimension": 1 << 17}, "more than the 65,536"),
        (lambda good: {"dimension": 65_536}, "coordinates"),
        (lambda good: {"dimension": good.dimension - 1}, "coordinates"),
        (lambda good: {"coordinates": b""}, "other labels"),  # all of them 0
        (lambda good: {"coordinates": good.coordinates[:-1]}, "other labels|coordinates"),
        (lambda good: {"coordinates": good.coordinates + b"\7"}, "something follows"),
        (lambda good: {"coordinates": b"\xff" * 400}, "coordinates"),
        (lambda good: {"coordinates": b"\x80" * 10_000}, "coordinates"),
        (lambda good: {"step": 255}, "other labels"),
        (lambda good: {"dimension": 0}, "other labels"),
    ],
)
def test_payloads_that_no_sender_writes(changes, message):
    blob, case = _with(**changes(_good()))
    with pytest.raises(CorruptFile, match=message):
        mdlcodec.decode(blob, case.x, max_memory=1 << 30)


@pytest.mark.parametrize(
    "payload", [b"", b"\x05", b"\x05\x01\x09abc", b"\xff" * 20, b"\x05\x01\xff\xff\xff\xff\x0f" + b"x" * 9]
)
def test_payloads_cut_short(payload):
    case = CASES["lenet-300-100"]
    blob = write_label_file(label_file.parse(encoded(case)).header, payload)
    for use in (mdlcodec.inspect, lambda b: mdlcodec.decode(b, case.x)):
        with pytest.raises(CorruptFile, match="damaged"):
            use(blob)


@settings(max_examples=40)
@given(st.data())
def test_damage_with_a_right_checksum(draw):
    case = CASES["lenet-300-100"]
    blob = bytearray((GOLDEN / "lenet-300-100.mdl").read_bytes())
    for _ in range(draw.draw(st.integers(1, 3))):
        blob[draw.draw(st.integers(4, len(blob) - 5))] = draw.draw(st.integers(0, 255))
    blob[-4:] = zlib.crc32(bytes(blob[:-4])).to_bytes(4, "little")
    try:
        found = mdlcodec.decode(bytes(blob), case.x, max_memory=1 << 30)
    except MdlcodecError:
        return
    assert len(found) == len(case.y)


def test_weights_from_damage_are_finite():
    case = CASES["lenet5"]
    parts = replace(_good(), dimension=1, step=255, coordinates=encode_coordinates(np.array([32767])))
    inputs, chosen = _inputs(case.x), Settings(net=4, preset=1, seed=0)
    for tensor in read_weights(parts, ARCHITECTURES["lenet5"], 4, inputs, chosen).values():
        assert np.isfinite(tensor).all()


# What the code accepts


def test_dimensions_that_do_not_exist():
    x, y = blobs(20, 2)
    for dimension in (0, -1, 65_537):
        with pytest.raises(BadData, match=r"no subspace of .* dimensions; choose 1 to 65,536"):
            mdlcodec.encode(x, y, code="subspace", dimension=dimension)
    with pytest.raises(BadData, match="--code uniform has no option dimension"):
        mdlcodec.encode(x, y, code="uniform", dimension=3)
    with pytest.raises(BadData, match="--code subspace has no option bits"):
        mdlcodec.encode(x, y, code="subspace", bits=3)
    with pytest.raises(BadData, match="no network named 'cnn'"):
        mdlcodec.encode(x, y, code="subspace", net="cnn")


def test_costs():
    inputs = _inputs(images(500, 28)[0])
    costs = []
    for preset in range(1, 10):
        chosen = Settings(net=4, preset=preset, seed=0)
        receiving = CODE.prepare(inputs, Classes(10), chosen).cost
        sending = CODE.prepare(inputs, Classes(10), chosen).sending_cost()
        assert receiving.parameters == sending.parameters == 431_080
        assert receiving.work < sending.work
        assert receiving.memory < sending.memory
        costs.append(sending.work)
    assert costs == sorted(set(costs))
    assert CODE.prepare(inputs, Classes(1), chosen).cost.memory == 0
    with pytest.raises(Unsupported):
        assert CODE.prepare(inputs, Classes(10), replace(chosen, net=3)).cost
    with pytest.raises(Unsupported):
        assert CODE.prepare(inputs, Classes(10), replace(chosen, preset=12)).sending_cost()


def test_limits():
    case = CASES["lenet5"]
    with pytest.raises(LimitExceeded, match="max-memory"):
        mdlcodec.decode(encoded(case), case.x, max_memory=1 << 20)
    with pytest.raises(LimitExceeded, match="max-work"):
        mdlcodec.encode(case.x, case.y, code="subspace", max_work=10**10)
    assert (mdlcodec.decode(encoded(case), case.x, max_work=10**12) == case.y).all()


def test_training_is_not_the_guards_business(monkeypatch):
    monkeypatch.setenv("MDLCODEC_GUARD", "1")
    monkeypatch.setenv("MDLCODEC_ENGINE", "float64")
    x, y = blobs(30, 3)
    blob = mdlcodec.encode(x, y, code="subspace", preset=1, dimension=4)
    assert (mdlcodec.decode(blob, x) == y).all()
