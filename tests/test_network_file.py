"""Network files as the Python API gives them, the frame around the section, and what inspect says of them."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy
from network_sets import label_file

import mdlcodec
from mdlcodec.container import (
    is_network_file,
    network_sections,
    read_network_file,
    write_frame,
    write_network_file,
)
from mdlcodec.data.tensor import Tensor
from mdlcodec.errors import BadData, CorruptFile, LimitExceeded, MdlcodecError, Unsupported
from mdlcodec.files import networks
from mdlcodec.limits import Limits
from mdlcodec.sender.lossy import Lossy

RNG = np.random.default_rng(6)
LABELS = mdlcodec.encode(RNG.normal(size=(9, 2)), np.arange(9) % 3, code="uniform")
DTYPES = ["f8", "f4", "f2", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1", "?", ">f4", ">i2"]


@settings(max_examples=30)
@given(
    weights=st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
        | st.sampled_from(["file", "../x", "\x1b[2J", "__metadata__"]),
        st.sampled_from(DTYPES).flatmap(
            lambda dtype: st_numpy.arrays(dtype, st_numpy.array_shapes(min_dims=0, min_side=0, max_side=4))
        ),
        max_size=3,
    )
)
def test_weights_come_back(weights: dict[str, np.ndarray]) -> None:
    blob = mdlcodec.pack(weights)
    back = mdlcodec.unpack(blob)
    assert list(back) == list(weights)
    for name, array in weights.items():
        native = np.asarray(array, array.dtype.newbyteorder("="), order="C")
        assert (back[name].dtype, back[name].shape) == (native.dtype, native.shape)
        assert back[name].tobytes() == native.tobytes()
    facts = mdlcodec.inspect(blob)
    assert facts["bytes"] == len(blob) == sum(part["bytes"] for part in facts["sections"])
    assert [(part["name"], tuple(part["shape"])) for part in facts["tensors"]] == [
        (name, array.shape) for name, array in weights.items()
    ]
    assert [part["nonzeros"] for part in facts["tensors"]] == [
        np.count_nonzero(array) for array in weights.values()
    ]


def test_torch_tensors_and_arrays_may_be_mixed() -> None:
    layer = torch.nn.Linear(3, 2)
    state = layer.state_dict() | {"half": torch.tensor([1.5, -2.0]).to(torch.bfloat16), "n": np.int64(3)}
    back = mdlcodec.unpack(mdlcodec.pack(state))
    assert np.array_equal(back["weight"], layer.weight.detach().numpy())
    assert (back["half"].dtype, back["half"].tolist()) == (np.float32, [1.5, -2.0])
    assert back["n"].shape == ()
    parts = mdlcodec.inspect(mdlcodec.pack(state))["tensors"]
    assert [part["dtype"] for part in parts] == ["F32", "F32", "BF16", "I64"]


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([np.ones(3)], "weights were given as list"),
        ({1: np.ones(3)}, "name is of type int"),
        ({"w": "text"}, "'w' has elements of type <U4"),
        ({"w": [[1], [1, 2]]}, "'w' is not an array"),
        ({"w": None}, "object"),
        ({"w": np.ones(3, complex)}, "complex128"),
        ({"w": torch.ones(3, dtype=torch.complex64)}, "torch.complex64"),
        ({"w": np.ma.masked_array([1, 2], [0, 1])}, "masked entries"),
        ({"\ud800": np.ones(3)}, "nicode"),
    ],
    ids=range(9),
)
def test_what_is_no_network(weights: object, message: str) -> None:
    with pytest.raises(BadData, match=message):
        mdlcodec.pack(weights)


def test_the_frame_adds_eight_bytes() -> None:
    blob = write_network_file(b"section")
    assert blob[:4] == b"MDL\x11"
    assert read_network_file(blob) == b"section"
    assert network_sections(blob) == [("header", 4), ("network", 7), ("checksum", 4)]
    assert len(blob) == 15


def test_kinds_are_told_apart() -> None:
    blob = mdlcodec.pack({"w": np.ones(3)})
    assert is_network_file(blob)
    assert not is_network_file(LABELS)
    assert (mdlcodec.inspect(blob)["kind"], mdlcodec.inspect(LABELS)["kind"]) == ("network", "labels")
    with pytest.raises(Unsupported, match="kind 0, which holds no network"):
        read_network_file(LABELS)
    with pytest.raises(BadData, match="uniform holds no network; give"):
        mdlcodec.unpack(LABELS)
    with pytest.raises(Unsupported, match="mdlcodec unpack"):
        mdlcodec.decode(blob, np.ones((3, 2)))
    with pytest.raises(Unsupported, match="kind 5"):
        mdlcodec.unpack(write_frame(5, b""))
    with pytest.raises(BadData, match="a file was given as str"):
        mdlcodec.unpack("net.mdl")  # type: ignore[arg-type]


def test_the_network_comes_out_of_label_files_of_two_part_codes() -> None:
    weights = {"fc1.weight": RNG.normal(size=(3, 4)).astype(np.float32), "fc1.bias": np.zeros(3, np.float32)}
    section = read_network_file(mdlcodec.pack(weights))
    back = mdlcodec.unpack(label_file(section))
    assert list(back) == list(weights)
    assert all(np.array_equal(back[name], array) for name, array in weights.items())
    assert mdlcodec.inspect(label_file(section))["kind"] == "labels"
    with pytest.raises(CorruptFile):
        mdlcodec.unpack(label_file(section)[:-3])


def test_memory_is_limited() -> None:
    blob = mdlcodec.pack({"w": np.zeros((1000, 1000))})
    assert mdlcodec.unpack(blob)["w"].shape == (1000, 1000)
    with pytest.raises(LimitExceeded, match="--max-memory"):
        mdlcodec.unpack(blob, max_memory=10**6)


def test_damage_is_an_error() -> None:
    blob = mdlcodec.pack({"w": RNG.normal(size=(4, 5)), "b": np.zeros(5, np.float32)})
    for size in range(len(blob)):
        with pytest.raises(CorruptFile):
            mdlcodec.unpack(blob[:size])
    for position in range(len(blob)):
        changed = bytearray(blob)
        changed[position] ^= 0x20
        with pytest.raises(MdlcodecError):
            mdlcodec.unpack(bytes(changed))


def test_sections_cut_or_changed_with_a_right_checksum() -> None:
    section = read_network_file(mdlcodec.pack({"w": RNG.normal(size=(4, 5)), "b": np.zeros(5, np.float32)}))
    rng = np.random.default_rng(0)
    for _ in range(40):
        changed = bytearray(section[: rng.integers(len(section) + 1)] if rng.random() < 0.5 else section)
        if changed:
            changed[rng.integers(len(changed))] ^= 1 << rng.integers(8)
        try:
            mdlcodec.unpack(write_network_file(bytes(changed)), max_memory=1 << 28)
        except MdlcodecError as error:
            assert str(error)


@settings(max_examples=60)
@given(section=st.binary(max_size=40))
def test_any_section_is_a_network_or_an_error(section: bytes) -> None:
    try:
        mdlcodec.unpack(write_network_file(section), max_memory=1 << 28)
    except MdlcodecError as error:
        assert str(error)


def test_digests_tell_everything_apart() -> None:
    w = np.arange(4, dtype=np.float32)
    same = networks.digest([Tensor.of("w", w)])
    assert same == networks.digest([Tensor.of("w", w.astype(">f4"))])
    others = [
        [Tensor.of("v", w)],
        [Tensor.of("w", w.view(np.int32))],
        [Tensor.of("w", w.reshape(2, 2))],
        [Tensor.of("w", -w)],
        [Tensor.of("w", w), Tensor.of("x", w)],
        [],
    ]
    assert len({same, *map(networks.digest, others)}) == 7


def test_options_do_as_they_say_and_the_report_tells() -> None:
    tensors = [Tensor.of("w", RNG.normal(size=(40, 30))), Tensor.of("b", RNG.normal(size=30))]
    exact, report = networks.pack(tensors)
    assert (report.network.tensors, report.changes, report.kept, report.dropped) == (tensors, [], [], None)
    blob, report = networks.pack(tensors, networks.Options(Lossy(prune=0.5, bits=2)))
    assert len(blob) < len(exact) / 5
    back = mdlcodec.unpack(blob)
    assert np.array_equal(back["b"], tensors[1].array())
    assert np.abs(back["w"] - tensors[0].array()).max() == report.changes[0].largest_error
    assert [told.name for told in report.changes] == ["w"]
    assert report.kept == ["b"]
    assert networks.digest(networks.unpack(blob, Limits(memory=1 << 28)).tensors) == networks.digest(
        report.network.tensors
    )


def test_a_hostile_file_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    mdlcodec.unpack(mdlcodec.pack({"../escaped": np.ones(2), "/tmp/x": np.ones(2)}))
    assert not list(tmp_path.iterdir())
