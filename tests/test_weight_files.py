"""mdlcodec/data/weights: what others wrote is read bit for bit, what is hostile is one line, names stay names."""

import argparse
import gzip
import io
import json
import struct
import tracemalloc
import warnings
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy
from safetensors import numpy as safetensors_numpy
from safetensors import torch as safetensors_torch

from mdlcodec.data.tensor import DTYPES, Tensor
from mdlcodec.data.weights import WRITERS, Writer, npz, read_weights, safetensors, writer_for
from mdlcodec.data.weights.contract import Loaded
from mdlcodec.data.weights.pytorch import tensor_of
from mdlcodec.errors import BadData, LimitExceeded

MEMORY = 1 << 26
HOSTILE_NAMES = [
    "",
    "file",
    "../x",
    "/etc/x",
    "a/b",
    "a\\b",
    "allow_pickle",
    "arr_0",
    "x.npy",
    "\x1b[2J",
    "é𝄞",
    "a\nb",
]


EIGHT_BITS = {
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
    "F8_E4M3FNUZ": "float8_e4m3fnuz",
    "F8_E5M2FNUZ": "float8_e5m2fnuz",
    "F8_E8M0": "float8_e8m0fnu",
}
TORCH_NAMES = {"BF16": "bfloat16", "BOOL": "bool"} | EIGHT_BITS


def torch_type(name: str) -> torch.dtype:
    """PyTorch's word for an element type; AttributeError in versions that have it not."""
    names = {"F": "float", "I": "int", "U": "uint"}
    return getattr(torch, TORCH_NAMES.get(name, names.get(name[0], "") + name[1:]))


def is_saved_by_torch(name: str) -> bool:
    try:
        torch.save(torch.zeros(8, dtype=torch.uint8).view(torch_type(name)), io.BytesIO())
    except (AttributeError, KeyError):
        return False
    return True


OLD_TORCH_LACKS = tuple(dtype.name for dtype in DTYPES if not is_saved_by_torch(dtype.name))
assert set(OLD_TORCH_LACKS) <= {"U16", "U32", "U64", "F8_E8M0"}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def written(writer: Writer, tensors: list[Tensor]) -> bytes:
    path = Path("written")
    writer.write(tensors, path)
    return path.read_bytes()


def loaded(data: bytes, name: str = "weights") -> list[Tensor]:
    Path(name).write_bytes(data)
    return read_weights(name, MEMORY).tensors


def refused(data: bytes) -> str:
    """The one line in which a file is refused."""
    with pytest.raises(BadData) as error:
        loaded(data)
    line = str(error.value)
    assert "'weights'" in line
    assert line.isprintable()
    return line


def same(a: list[Tensor], b: list[Tensor]) -> bool:
    """Whether names, types, shapes and every bit agree, in any order."""

    def key(tensor: Tensor) -> tuple[object, ...]:
        return tensor.name, tensor.dtype.name, tensor.shape, tensor.patterns.tobytes()

    return sorted(map(key, a)) == sorted(map(key, b))


@st.composite
def tensors(draw: st.DrawFn, without: tuple[str, ...] = ()) -> list[Tensor]:
    letters = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
    names = draw(
        st.lists(st.text(letters, max_size=6) | st.sampled_from(HOSTILE_NAMES), max_size=4, unique=True)
    )
    found = []
    for name in names:
        dtype = draw(st.sampled_from([dtype for dtype in DTYPES if dtype.name not in without]))
        largest = 1 if dtype.name == "BOOL" else 2**dtype.bits - 1
        shape = st_numpy.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=3)
        # any bits: NaNs of every kind, infinities, both zeros
        patterns = draw(st_numpy.arrays(dtype.pattern, shape, elements=st.integers(0, largest)))
        found.append(Tensor(name, dtype, patterns))
    return found


def write_torch(found: list[Tensor], **options: Any) -> bytes:
    state = OrderedDict()
    for tensor in found:
        signed = torch.from_numpy(tensor.patterns.view(f"i{tensor.patterns.itemsize}").copy())
        state[tensor.name] = signed.view(torch_type(tensor.dtype.name))
    out = io.BytesIO()
    torch.save(state, out, **options)
    return out.getvalue()


@settings(max_examples=50)
@given(found=tensors())
def test_safetensors_come_back(found: list[Tensor]) -> None:
    assert same(loaded(written(safetensors, found)), found)


def test_safetensors_are_the_bytes_that_the_library_writes() -> None:
    kinds = ("<f4", "<i8", "?", "u1", "<f8", "<f2", "<u4")
    arrays = [np.arange(number * 3).reshape(number, 3).astype(kind) for number, kind in enumerate(kinds)]
    names = [*HOSTILE_NAMES[:5], '\x1f"\\\n\x7f', "é"]
    given_tensors = [Tensor.of(name, array) for name, array in zip(names, arrays, strict=True)]
    expected = safetensors_numpy.save(dict(zip(names, arrays, strict=True)))
    assert written(safetensors, given_tensors) == expected


@settings(max_examples=50)
@given(found=tensors(without=("BF16", *EIGHT_BITS)))
def test_npz_comes_back_in_order(found: list[Tensor]) -> None:
    names = {tensor.name for tensor in found}
    if any(name + ".npy" in names for name in names):
        return
    back = loaded(written(npz, found))
    assert [tensor.name for tensor in back] == [tensor.name for tensor in found]
    assert same(back, found)


@pytest.mark.parametrize("zipped", [True, False])
@settings(max_examples=30)
@given(found=tensors(without=OLD_TORCH_LACKS), protocol=st.sampled_from([2, 3, 4, 5]))
def test_state_dicts_come_back_in_order(zipped: bool, found: list[Tensor], protocol: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = write_torch(found, _use_new_zipfile_serialization=zipped, pickle_protocol=protocol)
    back = loaded(data)
    assert [tensor.name for tensor in back] == [tensor.name for tensor in found]
    assert same(back, found)


def test_libraries_read_what_is_written(folder: Path) -> None:
    rng = np.random.default_rng(1)
    found = [
        Tensor.of(name, rng.normal(size=(i, 2)).astype(np.float32)) for i, name in enumerate(HOSTILE_NAMES)
    ]
    safetensors.write(found, Path("w.safetensors"))
    npz.write(found, Path("w.npz"))
    by_torch = safetensors_torch.load_file("w.safetensors")
    with np.load("w.npz") as by_numpy:
        for tensor in found:
            assert np.array_equal(by_torch[tensor.name].numpy(), tensor.array())
            assert np.array_equal(by_numpy[tensor.name], tensor.array())
    assert {path.name for path in folder.iterdir()} == {"w.safetensors", "w.npz"}


def test_numpys_files_are_read_whatever_the_layout() -> None:
    rng = np.random.default_rng(2)
    array = rng.normal(size=(3, 4, 2))
    np.savez("a.npz", c=array, f=np.asfortranarray(array), big=array.astype(">f8"), one=np.float32(3))
    np.savez_compressed("b.npz", odd=array[:, ::-2], empty=np.zeros((0, 5), np.int8))
    found = {
        tensor.name: tensor.array()
        for name in ("a.npz", "b.npz")
        for tensor in read_weights(name, MEMORY).tensors
    }
    for name in ("c", "f", "big"):
        assert np.array_equal(found[name], array)
        assert found[name].dtype == np.float64
    assert found["one"].shape == ()
    assert np.array_equal(found["odd"], array[:, ::-2])
    assert found["empty"].shape == (0, 5)


def test_content_counts_and_the_ending_does_not() -> None:
    found = [Tensor.of("w", np.arange(3, dtype=np.float32))]
    for data in (written(safetensors, found), written(npz, found), write_torch(found)):
        assert same(loaded(data, "w.misleading.npz"), found)


def torch_file(value: object) -> bytes:
    out = io.BytesIO()
    torch.save(value, out)
    return out.getvalue()


def test_state_dicts_of_every_kind() -> None:
    whole = torch.arange(24, dtype=torch.float32).reshape(4, 6)
    state = {
        "view": whole[1:, ::2],
        "transposed": whole.T,
        "shared": whole,
        "again": whole,
        "parameter": torch.nn.Parameter(torch.ones(2)),
        "half": torch.tensor([1.5, float("nan"), -0.0], dtype=torch.bfloat16),
        "scalar": torch.tensor(7),
        "expanded": torch.ones(1).expand(3, 2),
    }
    for value in (
        state,
        {"state_dict": state, "epoch": 3},
        {"model": state},
        {"model": {"state_dict": state}},
    ):
        Path("w.pt").write_bytes(torch_file(value))
        back = read_weights("w.pt", MEMORY)
        assert [tensor.name for tensor in back.tensors] == list(state)
        for tensor in back.tensors:
            expected = state[tensor.name].detach().float().numpy()
            assert np.array_equal(tensor.array().astype(np.float32), expected, equal_nan=True)
        assert back.notes == (
            ["beside ['state_dict'], the file holds 'epoch': left out"] if "epoch" in value else []
        )


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (torch.ones(3), "an object of type Tensor, no dict of tensors"),
        ([torch.ones(3)], "an object of type list, no dict of tensors"),
        ({"w": torch.ones(3), "step": 3}, "entry 'step' is of type int, no tensor"),
        ({0: torch.ones(3)}, "an entry whose name is of type int"),
        ({"w\x1b": "text"}, "entry 'w\\x1b' is of type str"),
        ({"w": torch.ones(3, dtype=torch.complex64)}, "torch.ComplexFloatStorage"),
        ({"w": torch.ones(3, 3).to_sparse()}, "tensor 'w' is sparse"),
        ({"w": np.datetime64("2020")}, "entry 'w' is a scalar of numpy's, no number"),
        ({"w": torch.ones(3, device="meta")}, "without values"),
        ({"w": Path("x")}, "holds more than a dict of tensors (it needs pathlib."),
        (torch.nn.Linear(2, 2), "holds more than a dict of tensors"),
        ({"w": torch.ones(1).expand(1 << 20, 1 << 20)}, "take more than"),
    ],
    ids=str,
)
def test_what_is_no_state_dict(value: object, message: str) -> None:
    assert message in refused(torch_file(value))


def read_torch(value: object, **options: Any) -> Loaded:
    out = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.save(value, out, **options)
    Path("w.pt").write_bytes(out.getvalue())
    return read_weights("w.pt", MEMORY)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("wrapper", ["state_dict", "model_state_dict", "model"])
def test_checkpoints_as_people_save_them(zipped: bool, protocol: int, wrapper: str) -> None:
    layer = torch.nn.Linear(3, 2)
    beside = {
        "epoch": 3,
        "optimizer_state_dict": {"state": {0: {"step": torch.tensor(1.0)}}, "param_groups": [{"lr": 0.1}]},
        "best": np.float64(0.75),
        "history": np.arange(3.0),
        "arguments": argparse.Namespace(path=Path("x"), kinds={1, 2}, large=1 << 3000),
        (1, (2, 3)): frozenset([4]),
    }
    back = read_torch(
        beside | {wrapper: layer.state_dict()},
        pickle_protocol=protocol,
        _use_new_zipfile_serialization=zipped,
    )
    assert same(back.tensors, [tensor_of(name, value) for name, value in layer.state_dict().items()])
    [note] = back.notes
    assert note == (
        f"beside ['{wrapper}'], the file holds 'epoch', 'optimizer_state_dict', 'best', 'history', "
        "'arguments', ...: left out"
    )


def test_one_checkpoint_in_another_and_one_of_two_is_said() -> None:
    state = {"w": torch.ones(2)}
    back = read_torch({"state_dict": {"model": state, "ema": state}, "model": None, 7: None})
    assert [tensor.name for tensor in back.tensors] == ["w"]
    assert back.notes == [
        "beside ['state_dict'], the file holds 'model', 'a key of type int': left out",
        "beside ['state_dict']['model'], the file holds 'ema': left out",
    ]


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("code", ["f8", ">f8", "f4", "f2", "i8", "i2", "u1", "u4", "?"])
def test_scalars_of_numpys_are_tensors_without_axes(code: str, protocol: int) -> None:
    value = np.array(1.5, code)[()]
    [tensor] = read_torch({"s": value}, pickle_protocol=protocol).tensors
    assert tensor.shape == ()
    assert tensor.array() == value
    assert tensor.array().dtype == value.dtype.newbyteorder("=")


def test_torchscript_gives_its_tensors_and_says_what_to_do() -> None:
    inner = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    module = torch.nn.Sequential(inner, torch.nn.Linear(2, 2))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(module).save("script.pt")
    back = read_weights("script.pt", MEMORY)
    assert same(back.tensors, [tensor_of(name, value) for name, value in module.state_dict().items()])
    [note] = back.notes
    assert "its program is not" in note
    assert "torch.jit.load" in note


def test_nested_tensors_are_refused() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        nested = torch.nested.nested_tensor([torch.ones(2), torch.ones(3)])
    jagged = pickled(b"}X\1\0\0\0wctorch.nested._internal.nested_tensor\n_rebuild_njt\n)Rs")
    for data in (torch_file({"w": nested}), jagged):
        assert "'w' is nested, which cannot be packed" in refused(data)
    with pytest.raises(BadData, match="'w' is nested, which cannot be packed"):
        tensor_of("w", nested)


def test_tensors_without_values_are_refused() -> None:
    with pytest.raises(BadData, match="'w' has no values to read"):
        torch.func.vmap(lambda row: tensor_of("w", row))(torch.ones(2, 3))
    assert tensor_of("w", torch.ones(2, requires_grad=True)).array().tolist() == [1, 1]


def members(*pairs: tuple[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    out = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(out, "w", compression) as archive:
        warnings.simplefilter("ignore")  # of duplicate names
        for name, data in pairs:
            archive.writestr(name, data)
    return out.getvalue()


def pickled(instructions: bytes) -> bytes:
    return members(("m/data.pkl", b"\x80\2" + instructions + b"."), ("m/version", b"3\n"))


DEEP = b"K\1" + b"".join(b"q%ch%c\x86" % (i, i) for i in range(60))  # a tuple of two of a tuple of two of ...
FLOAT_STORAGE = b"(X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0" + b"0X\3\0\0\0cpuK\4tQ"


def strided(offset: bytes, shape: bytes, strides: bytes) -> bytes:
    """A state dict of one tensor in a storage of four numbers."""
    tensor = b"ctorch._utils\n_rebuild_tensor_v2\n(" + FLOAT_STORAGE + offset + shape + strides + b"\x89NtR"
    body = b"\x80\2}X\1\0\0\0w" + tensor + b"s."
    return members(("m/data.pkl", body), ("m/version", b"3\n"), ("m/data/0", bytes(16)))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (pickled(b"}" + DEEP + b"Ns"), "an entry whose name is of type tuple"),
        (pickled(b"}(" + DEEP + b"Nu"), "an entry whose name is of type tuple"),
        (pickled(b"ccollections\nOrderedDict\n]" + DEEP + b"N\x86a\x85R"), "whose name is of type tuple"),
        (pickled(b"cbuiltins\nset\n]" + DEEP + b"a\x85R"), "it needs builtins.set"),
        (pickled(b"cbuiltins\nfrozenset\n" + DEEP + b"\x85R"), "it needs builtins.frozenset"),
        (pickled(b"ccollections\nCounter\n" + DEEP + b"\x85R"), "it needs collections.Counter"),
        (pickled(b"\x8f(" + DEEP + b"\x90"), "of type list"),
        (pickled(b"(" + DEEP + b"\x91"), "of type list"),
        (pickled(DEEP + b"Q"), "of type Persistent"),
        (pickled(b"ctorch\ndevice\n" + DEEP + b"\x85R"), "it needs torch.device"),
        (pickled(b"K\1" + b"\x85" * 100_000), "of type tuple"),
        (pickled(b"]" * 50_000 + b"a" * 49_999), "of type list"),
        (pickled(b"}" * 140_000), "more than 131,072 instructions"),
        (pickled(b"\x8b\xff\xff\xff\x7f1"), "malformed"),
        (pickled(b"\x8e\xff\xff\xff\xff\xff\xff\xff\x7f1"), "malformed"),
        (pickled(b"}\x8b\0\0\1\0" + b"\1" * 65536 + b"Ns"), "whose name is of type int"),
        (pickled(b"L" + b"9" * 100_000 + b"L\n"), "malformed"),
        (pickled(b"K\1K\2\x86K\1R"), "malformed"),
        (pickled(b"h\1"), "malformed"),
        (pickled(b"u"), "malformed"),
        (pickled(b"\x86"), "malformed"),
        (pickled(b"\x82\1"), "has the instruction EXT1"),
        (strided(b"K\0", b"K\5\x85", b"K\1\x85"), "outside of its storage"),
        (strided(b"K\4", b"K\1\x85", b"K\1\x85"), "outside of its storage"),
        (strided(b"K\0", b"K\2\x85", b"\x8a\x08" + b"\xff" * 7 + b"\x7f\x85"), "outside of its storage"),
        (strided(b"J\xff\xff\xff\xff", b"K\1\x85", b"K\1\x85"), "a shape that none can have"),
        (strided(b"K\0", b"J\xff\xff\xff\xff\x85", b"K\1\x85"), "a shape that none can have"),
        (strided(b"K\0", b"K\1\x85", b"J\xff\xff\xff\xff\x85"), "a shape that none can have"),
        (strided(b"K\0", b"K\1K\1\x86", b"K\1\x85"), "other axes than strides"),
        (strided(b"K\0", b"(" + b"K\1" * 65 + b"t", b"(" + b"K\1" * 65 + b"t"), "none can have"),
        (strided(b"K\0", b"J\xff\xff\xff\x7fK\4\x86", b"K\0K\0\x86"), "take more than"),
        (strided(b"K\0", b"N", b"K\1\x85"), "described otherwise than by numbers"),
    ],
    ids=range(32),
)
def test_pickles_that_would_take_for_ever_or_reach_too_far(data: bytes, message: str) -> None:
    assert message in refused(data)


def test_the_tensor_of_those_tests_can_be_read() -> None:
    [tensor] = loaded(strided(b"K\0", b"K\2K\3\x86", b"K\0K\1\x86"))
    assert (tensor.name, tensor.shape) == ("w", (2, 3))


def test_torchscript_that_holds_itself_ends() -> None:
    module = b"c__torch__\nA\n)\x81q\0}(X\1\0\0\0ah\0X\1\0\0\0bh\0ub."
    archive = members(
        ("m/data.pkl", b"\x80\2" + module), ("m/version", b"3\n"), ("m/constants.pkl", b"\x80\2).")
    )
    assert "is TorchScript of names with more than" in refused(archive)


def test_a_pickle_runs_nothing() -> None:
    class Hostile:
        def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
            return Path.touch, (Path("ran"),)  # type: ignore[return-value]

    import pickle

    for data in (pickle.dumps(Hostile()), torch_file({"w": Hostile()})):
        assert "holds more than a dict of tensors (it needs " in refused(data)
    assert "a pickle that torch.save did not write" in refused(pickle.dumps({"w": Hostile()}))
    assert not Path("ran").exists()


def test_a_pickle_that_asks_for_memory_gets_none() -> None:
    bomb = b"\x80\2c__builtin__\nbytearray\nJ" + struct.pack("<i", 2**30) + b"\x85R."
    for data in (bomb, members(("m/data.pkl", bomb), ("m/version", b"3\n"))):
        tracemalloc.start()
        try:
            assert "builtins.bytearray" in refused(data)
            assert tracemalloc.get_traced_memory()[1] < 1 << 24
        finally:
            tracemalloc.stop()


def test_dicts_in_dicts_end() -> None:
    state: dict[str, object] = {}
    state["model"] = state
    assert "entry 'model' is of type dict, no tensor" in refused(torch_file(state))


def header(content: object, data: bytes = b"") -> bytes:
    """A safetensors file."""
    text = content if isinstance(content, bytes) else json.dumps(content).encode()
    return struct.pack("<Q", len(text)) + text + data


def entry(shape: list[int], start: int, stop: int, dtype: str = "F32") -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, stop]}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (header({"a": entry([2**60], 0, 4)}, b"abcd"), "cannot be read as safetensors"),
        (header({"a": entry([2**62, 4], 0, 0)}), "cannot be read as safetensors"),
        (header({"a": entry([1], 0, 4), "b": entry([1], 2, 6)}, b"abcdef"), "cannot be read as safetensors"),
        (header({"a": entry([1], 0, 4), "b": entry([1], 0, 4)}, b"abcd"), "cannot be read as safetensors"),
        (header({"a": entry([1], 4, 8)}, b"abcdefgh"), "cannot be read as safetensors"),
        (header({"a": entry([1], 0, 4)}, b"abc"), "cannot be read as safetensors"),
        (header({"a": entry([1], 0, 4)}, b"abcde"), "cannot be read as safetensors"),
        (header({"a": entry([-1], 0, 4)}, b"abcd"), "cannot be read as safetensors"),
        (header({"a": entry([1], 0, 4, "F31")}, b"abcd"), "cannot be read as safetensors"),
        (header({"a": entry([4], 0, 2, "F4")}, b"ab"), "F4, which cannot be packed"),
        (header({"a": entry([2**63, 0], 0, 0)}), "a shape that no array can have"),
        (header({"a": entry([0] * 100, 0, 0)}), "a shape that no array can have"),
        (header(b'{"a":' * 10_000), "cannot be read as safetensors"),
        (
            header(
                b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},'
                b'"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
                b"abcd",
            ),
            "holds the tensor 'a' 2 times",
        ),
        (struct.pack("<Q", 2**60) + b"{}", "cannot be read as safetensors"),
        (b"", "holds no weights that can be read"),
        (b"hello", "holds no weights that can be read"),
        (b"MDL\x11", "mdlcodec unpack takes the weights out"),
        (b"\x93NUMPY\1\0", "a single array"),
    ],
    ids=range(19),
)
def test_hostile_safetensors_and_other_files(data: bytes, message: str) -> None:
    assert message in refused(data)


def test_metadata_is_said_to_be_left_out() -> None:
    Path("w").write_bytes(header({"__metadata__": {"format": "pt"}, "a": entry([1], 0, 4)}, b"abcd"))
    back = read_weights("w", MEMORY)
    assert [tensor.name for tensor in back.tensors] == ["a"]
    assert "__metadata__" in back.notes[0]


def test_the_headers_order_is_kept() -> None:
    names = [f"n{i * 7 % 20}" for i in range(20)]
    data = header({name: entry([1], 4 * i, 4 * i + 4) for i, name in enumerate(names)}, bytes(80))
    assert [tensor.name for tensor in loaded(data)] == names


def npy(array: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.save(out, array)
    return out.getvalue()


def declared(shape: str, dtype: str = "<f4") -> bytes:
    text = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text


ONE = npy(np.ones(3))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (members(("a.npy", ONE), ("a.npy", ONE)), "holds the tensor 'a' 2 times"),
        (members(("a.txt", b"x")), "'a.txt', which is no array"),
        (members(("a.npy", declared(f"({2**60},)"))), "does not hold the array"),
        (members(("a.npy", declared("(4,)", "|O"))), "Python objects"),
        (members(("a.npy", npy(np.array(["text"])))), "<U4"),
        (members(("a.npy", npy(np.ones(2, np.complex64)))), "complex64"),
        (members(("a.npy", npy(np.zeros(2, "V2")))), "|V2"),
        (members(("a.npy", ONE), compression=zipfile.ZIP_LZMA), "compressed as numpy does not"),
        (members(("a.npy", ONE), compression=zipfile.ZIP_BZIP2), "compressed as numpy does not"),
        (members(("a.npy", ONE))[:-8], "give a file that is complete"),
        (members(("a.npy", bytes(MEMORY + 1)), compression=zipfile.ZIP_DEFLATED), "--max-memory"),
        (
            members(("m/data.pkl", bytes(9)), compression=zipfile.ZIP_DEFLATED),
            "compressed as PyTorch does not",
        ),
        (members(("m/data.pkl", b"\x80\2}.")), "damaged, or holds more"),
    ],
    ids=range(13),
)
def test_hostile_archives(data: bytes, message: str) -> None:
    assert message in refused(data)


def test_a_bomb_that_declares_little_takes_little() -> None:
    bomb = bytearray(members(("a.npy", declared("(4,)") + bytes(1 << 26)), compression=zipfile.ZIP_DEFLATED))
    size, small = struct.pack("<I", len(declared("(4,)")) + (1 << 26)), len(declared("(4,)")) + 16
    while (at := bomb.find(size)) >= 0:
        bomb[at : at + 4] = struct.pack("<I", small)
    tracemalloc.start()
    try:
        assert "give a file that is complete" in refused(bytes(bomb))  # the CRC is of all
        assert tracemalloc.get_traced_memory()[1] < 1 << 24
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "write",
    [partial(written, safetensors), partial(written, npz), write_torch],
    ids=["safetensors", "npz", "torch"],
)
def test_truncated_and_damaged_files(write: Callable[[list[Tensor]], bytes]) -> None:
    rng = np.random.default_rng(3)
    data = write([Tensor.of(name, rng.integers(0, 9, (3, 4))) for name in ("first", "second")])
    for size in range(0, len(data), max(1, len(data) // 60)):
        refused(data[:size])
    for _ in range(60):
        changed = bytearray(data)
        changed[rng.integers(len(data))] ^= 1 << rng.integers(8)
        try:
            loaded(bytes(changed))
        except (BadData, LimitExceeded) as error:
            assert str(error).isprintable()


@given(data=st.binary(max_size=60), head=st.sampled_from([b"PK\3\4", b"\x80\2", b"\x10\0\0\0\0\0\0\0{", b""]))
def test_any_bytes_are_weights_or_refused(data: bytes, head: bytes) -> None:
    try:
        loaded(head + data)
    except (BadData, LimitExceeded) as error:
        assert str(error).isprintable()


def test_files_that_cannot_be_opened() -> None:
    Path("folder").mkdir()
    for name in ("missing", "folder"):
        with pytest.raises(BadData, match=name):
            read_weights(name, MEMORY)
    Path("large").write_bytes(bytes(101))
    with pytest.raises(BadData, match="more than 100 bytes; allow more with --max-memory"):
        read_weights("large", 100)
    with gzip.open("bomb.gz", "wb") as stream:
        stream.write(bytes(10_000))
    with pytest.raises(BadData, match="more bytes than are allowed"):
        read_weights("bomb.gz", 100)


def test_what_forms_cannot_hold() -> None:
    half = Tensor.of_bytes("w", "BF16", (1,), b"ab")
    with pytest.raises(BadData, match=r"BF16, which .npz cannot hold.*\.safetensors"):
        npz.write([half], Path("w.npz"))
    one = np.ones(1)
    for names in (["a\0b"], ["x" * 65536], ["x", "x.npy"]):
        with pytest.raises(BadData, match="which has no"):
            npz.write([Tensor.of(name, one) for name in names], Path("w.npz"))
    with pytest.raises(BadData, match="keeps the name for itself"):
        safetensors.write([Tensor.of("__metadata__", one)], Path("w.safetensors"))


def test_endings_choose_the_writer() -> None:
    assert [writer_for(f"a{writer.ENDING}") for writer in WRITERS] == list(WRITERS)
    for name in ("a", "a.pt", "npz"):
        with pytest.raises(BadData, match=r"choose \.safetensors or \.npz"):
            writer_for(name)


def test_tensors_on_their_own() -> None:
    tensor = tensor_of("w", torch.tensor([[1.0, -0.0], [float("inf"), 2.0]], dtype=torch.bfloat16).T)
    assert (tensor.dtype.name, tensor.shape) == ("BF16", (2, 2))
    assert tensor.array().tolist() == [[1.0, float("inf")], [-0.0, 2.0]]


@pytest.mark.parametrize("name", EIGHT_BITS)
def test_floats_of_eight_bits_have_pytorchs_values(name: str) -> None:
    if name in OLD_TORCH_LACKS:
        pytest.skip("this version of torch lacks the type")
    patterns = torch.arange(256, dtype=torch.uint8)
    values = patterns.view(torch_type(name)).float().numpy()
    tensor = Tensor.of_bytes("w", name, (256,), bytes(range(256)))
    assert np.array_equal(tensor.array(), values, equal_nan=True)
    assert np.array_equal(np.signbit(tensor.array())[values == 0], np.signbit(values[values == 0]))
    if name != "F8_E8M0":  # which has no zero, and whose least pattern is coded as one
        assert np.array_equal(tensor.dtype.nonzero(tensor.patterns), values != 0)


@pytest.mark.parametrize("ending", ["npz", "safetensors", "pt", "pth"])
def test_a_file_counts_beside_its_tensors(ending: str) -> None:
    path, array = Path(f"w.{ending}"), np.zeros((500, 500), np.float32)
    if ending == "npz":
        np.savez(path, w=array)
    elif ending == "safetensors":
        safetensors.write([Tensor.of("w", array)], path)
    else:
        torch.save({"w": torch.tensor(array)}, path, _use_new_zipfile_serialization=ending == "pt")
    copies = {"npz": 5, "safetensors": 2}.get(ending, 3)
    read_weights(str(path), copies * 1_010_000)
    with pytest.raises(LimitExceeded, match=r"w\.\w+': reading it takes .*--max-memory"):
        read_weights(str(path), copies * 990_000)
    tracemalloc.start()
    read_weights(str(path), 10**8)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < copies * path.stat().st_size + 300_000


def test_a_directory_of_many_members_counts(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "w.npz", "w") as archive:
        for i in range(300):
            archive.writestr(f"{i}.npy", b"")
    for name in ("data.pkl", "x.npy"):  # of PyTorch, and of numpy
        with zipfile.ZipFile(tmp_path / "w.npz", "a") as archive:
            archive.writestr(name, b"")
        with pytest.raises(LimitExceeded, match="the directory of the archive"):
            read_weights(str(tmp_path / "w.npz"), 100_000)


@pytest.mark.parametrize("ending", ["npz", "safetensors", "pt"])
def test_tensors_without_elements_count_and_are_not_too_many(
    ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, arrays = tmp_path / f"w.{ending}", {f"{i}": np.zeros(0, np.float32) for i in range(200)}
    if ending == "npz":
        np.savez(path, **arrays)
    elif ending == "safetensors":
        safetensors.write([Tensor.of(name, array) for name, array in arrays.items()], path)
    else:
        torch.save({name: torch.tensor(array) for name, array in arrays.items()}, path)
    assert len(read_weights(str(path), 10**7).tensors) == 200
    with pytest.raises((LimitExceeded, BadData), match="--max-memory"):
        read_weights(str(path), 200_000)
    monkeypatch.setattr("mdlcodec.data.weights.contract.MAX_TENSORS", 199)
    with pytest.raises(BadData, match="holds 200 tensors, of which at most 199"):
        read_weights(str(path), 10**7)
