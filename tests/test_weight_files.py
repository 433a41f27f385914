"""mdlcodec/data/weights: what others wrote is read bit for bit, what is hostile is one line, names stay names."""

import gzip
import io
import json
import struct
import tracemalloc
import warnings
import zipfile
from collections import OrderedDict
from collections.abc import Callable
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
from mdlcodec.data.weights.pytorch import tensor_of
from mdlcodec.errors import BadData

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
        names = {"F": "float", "I": "int", "U": "uint"}
        name = {"BF16": "bfloat16", "BOOL": "bool"}.get(
            tensor.dtype.name, names.get(tensor.dtype.name[0], "") + tensor.dtype.name[1:]
        )
        state[tensor.name] = signed.view(getattr(torch, name))
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
@given(found=tensors(without=("BF16",)))
def test_npz_comes_back_in_order(found: list[Tensor]) -> None:
    names = {tensor.name for tensor in found}
    if any(name + ".npy" in names for name in names):
        return
    back = loaded(written(npz, found))
    assert [tensor.name for tensor in back] == [tensor.name for tensor in found]
    assert same(back, found)


@pytest.mark.parametrize("zipped", [True, False])
@settings(max_examples=30)
@given(found=tensors(without=("U64", "U32", "U16")) | tensors())
def test_state_dicts_come_back_in_order(zipped: bool, found: list[Tensor]) -> None:
    if not zipped and any(tensor.dtype.name in ("U64", "U32", "U16") for tensor in found):
        return  # PyTorch does not read those from the older form itself
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = write_torch(found, _use_new_zipfile_serialization=zipped)
    back = loaded(data)
    assert [tensor.name for tensor in back] == [tensor.name for tensor in found]
    assert same(back, found)


def test_libraries_read_what_is_written(folder: Path) -> None:
    rng = np.random.default_rng(1)
    found = [
        Tensor.of(name, rng.normal(size=(i, 2)).astype(np.float32)) for i, name in enumerate(HOSTILE_NAMES)
    ]
    Path("w.safetensors").write_bytes(written(safetensors, found))
    Path("w.npz").write_bytes(written(npz, found))
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
        ({"w": torch.ones(3, dtype=torch.complex64)}, "torch.complex64"),
        ({"w": torch.ones(3).to(torch.float8_e4m3fn)}, "torch.float8_e4m3fn"),
        ({"w": torch.ones(3, 3).to_sparse()}, "torch.sparse_coo"),
        ({"w": torch.ones(3, device="meta")}, "without values"),
        ({"w": Path("x")}, "holds more than a dict of tensors (it needs pathlib."),
        (torch.nn.Linear(2, 2), "holds more than a dict of tensors"),
        ({"w": torch.ones(1).expand(1 << 20, 1 << 20)}, "take more than"),
    ],
    ids=str,
)
def test_what_is_no_state_dict(value: object, message: str) -> None:
    assert message in refused(torch_file(value))


def test_a_pickle_runs_nothing() -> None:
    class Hostile:
        def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
            return Path.touch, (Path("ran"),)  # type: ignore[return-value]

    import pickle

    for data in (pickle.dumps(Hostile()), pickle.dumps({"w": Hostile()}), torch_file({"w": Hostile()})):
        assert "holds more than a dict of tensors" in refused(data)
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
        (header({"a": entry([4], 0, 4, "F8_E4M3")}, b"abcd"), "F8_E4M3, which cannot be packed"),
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


def members(*pairs: tuple[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    out = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(out, "w", compression) as archive:
        warnings.simplefilter("ignore")  # of duplicate names
        for name, data in pairs:
            archive.writestr(name, data)
    return out.getvalue()


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
        (members(("a.npy", ONE))[:-8], "give an .npz file that is complete"),
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
        assert "give an .npz file that is complete" in refused(bytes(bomb))  # the CRC is of all
        assert tracemalloc.get_traced_memory()[1] < 1 << 24
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("write", [safetensors.write, npz.write, write_torch])
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
        except BadData as error:
            assert str(error).isprintable()


@given(data=st.binary(max_size=60), head=st.sampled_from([b"PK\3\4", b"\x80\2", b"\x10\0\0\0\0\0\0\0{", b""]))
def test_any_bytes_are_weights_or_refused(data: bytes, head: bytes) -> None:
    try:
        loaded(head + data)
    except BadData as error:
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
