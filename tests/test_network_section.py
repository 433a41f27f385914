"""The network section: every bit of every tensor comes back, whatever the tensors and the bytes are."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mdlcodec.data.tensor import DTYPES, DType, Tensor
from mdlcodec.descriptions.tensors.network_section import check_unpacking, decode_network, encode_network
from mdlcodec.errors import BadData, CorruptFile, LimitExceeded, MdlcodecError, Unsupported

GOLDEN = Path(__file__).parent / "golden" / "good" / "network"
POSITIONS = ("csr", "significance")
VALUES = ("raw", "codebook", "step", "fixed")


def assert_same(tensors: list[Tensor], found: list[Tensor]) -> None:
    assert [tensor.name for tensor in found] == [tensor.name for tensor in tensors]
    for tensor, other in zip(tensors, found, strict=True):
        assert (other.dtype, other.shape) == (tensor.dtype, tensor.shape)
        assert other.patterns.dtype == tensor.patterns.dtype
        np.testing.assert_array_equal(other.patterns, tensor.patterns)


def round_trip(tensors: list[Tensor], **tools: str) -> bytes:
    section = encode_network(tensors, **tools)
    assert_same(tensors, decode_network(section).tensors)
    return section


def sparse(shape: tuple[int, ...], density: float, seed: int, levels: int = 5) -> np.ndarray:
    """float32 of a few values, most of them 0."""
    generator = np.random.default_rng(seed)
    values = np.array([-0.7, -0.2, 0.1, 0.3, 1.1], np.float32)[:levels]
    return np.where(generator.random(shape) < density, generator.choice(values, shape), np.float32(0))


@st.composite
def tensor(draw: st.DrawFn) -> Tensor:
    """Any patterns of any type: NaNs with payloads, infinities, -0.0, many zeros."""
    dtype = draw(st.sampled_from(DTYPES))
    shape = draw(hnp.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=6))
    largest = 1 if dtype.name == "BOOL" else 2**dtype.bits - 1
    special = [0, 1, largest, 1 << dtype.bits - 1, (1 << dtype.bits - 1) - 1]
    element = st.one_of(st.sampled_from(special), st.integers(0, largest)).map(lambda x: min(x, largest))
    if draw(st.booleans()):
        element = st.sampled_from(draw(st.lists(element, min_size=1, max_size=4)))
    patterns = draw(hnp.arrays(dtype.pattern, shape, elements=element))
    return Tensor(draw(st.text(max_size=12)), dtype, patterns)


@given(st.lists(tensor(), max_size=4, unique_by=lambda found: found.name))
@settings(deadline=None)
def test_any_tensors_come_back_bit_for_bit(tensors):
    round_trip(tensors)


@given(tensor(), st.sampled_from(POSITIONS), st.sampled_from(VALUES))
@settings(deadline=None)
def test_every_tool_brings_any_tensor_back(found, positions, values):
    round_trip([found], positions=positions, values=values)


@pytest.mark.parametrize(
    "dtype", [np.float64, np.float32, np.float16, np.int64, np.int8, np.uint64, np.bool_]
)
def test_types_shapes_and_byte_orders(dtype):
    values = np.arange(24).astype(dtype)
    arrays = [values, values.reshape(2, 3, 4), np.asfortranarray(values.reshape(4, 6)), values[0], values[:0]]
    arrays.append(values.astype(values.dtype.newbyteorder(">")))
    tensors = [Tensor.of(f"tensor {i}", array) for i, array in enumerate(arrays)]
    round_trip(tensors)
    for found, array in zip(decode_network(encode_network(tensors)).tensors, arrays, strict=True):
        np.testing.assert_array_equal(found.array(), array)
        assert found.shape == array.shape


def test_bfloat16_reads_as_float32_of_the_same_values():
    patterns = np.array([0x3F80, 0x0000, 0x8000, 0x7FC1, 0xC0A0], "<u2")
    found = Tensor.of_bytes("half", "BF16", (5,), patterns.tobytes())
    round_trip([found])
    expected = np.array([1.0, 0.0, -0.0, np.nan, -5.0], np.float32)
    np.testing.assert_array_equal(found.array(), expected)


def test_one_value_in_a_huge_dimension():
    array = np.zeros((1, 1 << 22), np.float32)
    array[0, 3_000_001] = -1.5
    assert len(round_trip([Tensor.of("w", array)])) < 40


def test_signs_of_zeros_come_back():
    array = np.random.default_rng(0).choice(np.array([0.0, -0.0, 1.5], np.float32), (40, 50))
    section = round_trip([Tensor.of("w", array)])
    without = round_trip([Tensor.of("w", array + np.float32(0))])
    assert len(section) > len(without) + 100


def test_density_of_rows_and_inputs_is_learned():
    generator = np.random.default_rng(1)
    density = np.outer(generator.random(60) ** 4, generator.random(80) ** 4)
    array = np.where(generator.random((60, 80)) < density, 1.0, 0.0).astype(np.float32)
    ones = np.count_nonzero(array)
    p = ones / array.size
    order0 = -(ones * np.log2(p) + (array.size - ones) * np.log2(1 - p)) / 8
    assert len(round_trip([Tensor.of("", array)])) < 0.93 * order0


def test_the_smallest_tool_is_kept():
    array = sparse((120, 90), 0.04, 2)
    sizes = [len(encode_network([Tensor.of("w", array)], positions=tool)) for tool in POSITIONS]
    assert len(encode_network([Tensor.of("w", array)])) <= min(sizes) + 1
    sizes = [len(encode_network([Tensor.of("w", array)], values=tool)) for tool in VALUES]
    assert len(encode_network([Tensor.of("w", array)])) <= min(sizes) + 1


def test_a_step_is_found_where_values_are_multiples():
    step = np.float32(0.20748173)
    array = np.random.default_rng(3).integers(-5, 7, (30, 30)).astype(np.float32) * step
    part = decode_network(encode_network([Tensor.of("w", array + np.float32(0))])).parts[0]
    assert part.values_tool == "step" and part.codebook_bits < 60


def test_fixed_values_cost_the_same_whatever_they_are():
    generator = np.random.default_rng(4)
    mask = generator.random((50, 40)) < 0.1
    book = np.array([-1.0, -0.5, 0.5, 1.0], np.float32)
    lengths = set()
    for _ in range(5):
        values = generator.permutation(np.resize(book, mask.sum()))
        array = np.zeros(mask.shape, np.float32)
        array[mask] = values
        part = decode_network(encode_network([Tensor.of("w", array)], values="fixed")).parts[0]
        assert part.values_bits == pytest.approx(2 * mask.sum(), abs=0.01)
        lengths.add(round(part.positions_bits, 3))
    assert len(lengths) == 1


def test_parts_add_up_to_the_section():
    tensors = [Tensor.of(f"layer{i}.weight", sparse((20, 30, 3, 3), 0.1, i)) for i in range(3)]
    section = encode_network(tensors)
    network = decode_network(section)
    bits = network.names_bits + sum(p.positions_bits + p.values_bits + p.codebook_bits for p in network.parts)
    assert abs(bits - 8 * len(section)) < 40
    assert [part.nonzeros for part in network.parts] == [np.count_nonzero(t.patterns) for t in tensors]


def test_tensors_that_share_an_axis_help_each_other():
    generator = np.random.default_rng(5)
    alive = generator.random(200) < 0.2
    first = sparse((200, 40), 0.3, 6) * alive[:, None].astype(np.float32)
    second = sparse((12, 200), 0.4, 7) * alive[None].astype(np.float32)
    together = len(round_trip([Tensor.of("a", first), Tensor.of("b", second)]))
    apart = len(round_trip([Tensor.of("a", first)])) + len(round_trip([Tensor.of("b", second)]))
    assert together < apart - 8


@pytest.mark.parametrize("name", ["file", "../x", "a\x1b[31mb", "", "x" * 5000, "a\0b", "Gewicht ü 重み"])
def test_names_are_only_names(name):
    round_trip([Tensor.of(name, np.ones(3, np.float32)), Tensor.of("other", np.ones(3, np.float32))])


def test_bad_names():
    one = np.ones(3, np.float32)
    with pytest.raises(BadData, match="two tensors are named 'a'"):
        encode_network([Tensor.of("a", one), Tensor.of("a", one)])
    with pytest.raises(BadData, match="not Unicode"):
        encode_network([Tensor.of("\ud800", one)])
    with pytest.raises(BadData, match="too long"):
        encode_network([Tensor.of("x" * 70_000, one)])
    with pytest.raises(BadData, match="no value tool named 'zip'"):
        encode_network([Tensor.of("a", one)], values="zip")
    with pytest.raises(BadData, match="type complex128"):
        Tensor.of("a", np.ones(2, np.complex128))


def test_memory_is_limited_before_it_is_taken():
    section = encode_network([Tensor.of("w", np.zeros((1 << 12, 1 << 12), np.float32))])
    with pytest.raises(LimitExceeded, match="--max-memory"):
        decode_network(section, memory=1 << 28)
    decode_network(section, memory=1 << 32)


@pytest.mark.parametrize("junk", [b"\0", b"x", b"junk" * 50, bytes(100)])
def test_bytes_behind_the_end_are_damage(junk):
    for section in sections():
        with pytest.raises(CorruptFile):
            decode_network(section + junk)


@pytest.mark.parametrize("junk", [b"\0", bytes(1000), b"\x10hello world" * 9])
def test_junk_is_no_empty_network(junk):
    with pytest.raises(CorruptFile):
        decode_network(junk)


def test_many_tensors_without_elements_are_counted():
    tensors = [Tensor.of(f"{i}", np.zeros((1 << 20, 0), np.uint8)) for i in range(40)]
    with pytest.raises(LimitExceeded):
        decode_network(encode_network(tensors), memory=200 << 20)
    with pytest.raises(CorruptFile, match="more than 30"):
        decode_network(encode_network(tensors[:31]), tensors=30)


def test_what_decoding_takes_is_known_before_packing():
    tensors = [
        Tensor.of("a", np.zeros((300, 400), np.float32)),
        Tensor.of("b", np.ones((300, 400), np.float32)),
    ]
    for memory in (1 << 20, 20 << 20, 40 << 20, 1 << 30):
        try:
            check_unpacking(tensors, memory)
        except LimitExceeded:
            with pytest.raises(LimitExceeded):
                decode_network(encode_network(tensors), memory=memory)
        else:
            decode_network(encode_network(tensors), memory=memory)


def hostile(section: bytes) -> None:
    """Decoding ends soon, with tensors or with an error of ours."""
    try:
        decode_network(section, memory=1 << 26)
    except (CorruptFile, LimitExceeded, Unsupported) as error:
        assert "\n" not in str(error)


@given(st.binary(max_size=200))
@settings(deadline=None, max_examples=150)
def test_any_bytes_decode_or_are_refused(section):
    hostile(section)


@given(st.data())
@settings(deadline=None, max_examples=40)
def test_damaged_sections_decode_or_are_refused(data):
    section = bytearray(data.draw(st.sampled_from(sections())))
    for _ in range(data.draw(st.integers(1, 3))):
        section[data.draw(st.integers(0, len(section) - 1))] ^= data.draw(st.integers(1, 255))
    hostile(bytes(section[: data.draw(st.integers(0, len(section)))]))
    hostile(bytes(section))


def sections() -> list[bytes]:
    """One of every tool, small."""
    tensors = [
        Tensor.of("conv", sparse((6, 4, 3, 3), 0.4, 8)),
        Tensor.of("bias", np.linspace(-1, 1, 6, dtype=np.float32)),
        Tensor.of("fc", sparse((9, 24), 0.1, 9)),
    ]
    found = [encode_network(tensors, positions=p, values=v) for p in POSITIONS for v in VALUES]
    return [
        *found,
        encode_network([*tensors, Tensor.of("steps", np.array(7)), Tensor.of("none", np.zeros(0))]),
    ]


def test_hostile_bytes_stay_within_bounds_of_arrays(tmp_path):
    """The same with numba's bounds checks on, in a process of its own."""
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "import numpy as np, test_network_section as t\n"
        "for section in t.sections():\n"
        "    t.decode_network(section)\n"
        "    generator = np.random.default_rng(len(section))\n"
        "    for _ in range(25):\n"
        "        damaged = bytearray(section)\n"
        "        damaged[generator.integers(len(damaged))] ^= int(generator.integers(1, 256))\n"
        "        t.hostile(bytes(damaged))\n"
        "        t.hostile(generator.bytes(int(generator.integers(1, 80))))\n"
    )
    environment = {
        "NUMBA_BOUNDSCHECK": "1",
        "NUMBA_CACHE_DIR": str(tmp_path),
        "PATH": "",
        "PYTHONPATH": str(Path(__file__).parents[1]),
    }
    run = subprocess.run(
        [sys.executable, "-c", code, str(Path(__file__).parent)],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr[-2000:]


GOLDENS = {
    "significance_step": {"positions": "significance", "values": "step"},
    "significance_codebook": {"positions": "significance", "values": "codebook"},
    "csr_fixed": {"positions": "csr", "values": "fixed"},
    "csr_raw": {"positions": "csr", "values": "raw"},
    "smallest": {},
}


def golden_tensors() -> list[Tensor]:
    """What the golden sections hold; the values are stated here, no generator is trusted for them."""
    i = np.arange(6 * 4 * 3 * 3, dtype=np.int64)
    conv = np.where(i * i % 7 == 2, (i % 5 - 2) * np.float32(0.3), np.float32(0)).astype(np.float32)
    j = np.arange(10 * 54, dtype=np.int64)
    fc = np.where(j * j * j % 23 < 3, ((j % 9) - 4) / np.float32(8), np.float32(0)).astype(np.float32)
    return [
        Tensor.of("conv.weight", conv.reshape(6, 4, 3, 3)),
        Tensor.of("conv.bias", np.array([0.5, -0.0, 0.0, -1.25, 3e-40, np.inf], np.float32)),
        Tensor.of("fc.weight", fc.reshape(10, 54)),
        Tensor.of("fc.bias", np.array([0.1, -0.2, 0.3] * 3 + [0.0], np.float64)),
        Tensor.of("kernel (h, w, in, out)", (i % 11 == 3).astype(np.float16).reshape(3, 3, 4, 6)),
        Tensor.of_bytes("half", "BF16", (3,), bytes([0x80, 0x3F, 0xC1, 0x7F, 0, 0])),
        Tensor.of("steps", np.array(-12345)),
        Tensor.of("mask", np.array([True, False, True])),
        Tensor.of("none", np.zeros((0, 3), np.uint16)),
    ]


@pytest.mark.parametrize("name", GOLDENS)
def test_golden_sections(name):
    section = (GOLDEN / f"{name}.section").read_bytes()
    assert_same(golden_tensors(), decode_network(section).tensors)
    assert encode_network(golden_tensors(), **GOLDENS[name]) == section


def eight_bits() -> list[Tensor]:
    """What the golden section of floats of eight bits holds: every pattern of each type, and a sparse matrix."""
    i = np.arange(24 * 36, dtype=np.int64)
    sparse = np.where(i * i % 11 == 3, i * 37 % 256, (i % 17 == 0) * 128).astype(np.uint8).reshape(24, 36)
    whole = np.arange(256, dtype=np.uint8).reshape(4, 64)
    types = [dtype for dtype in DTYPES if dtype.name.startswith("F8_")]
    return [Tensor(f"{dtype.name}.{i}", dtype, p) for dtype in types for i, p in enumerate((whole, sparse))]


def test_golden_section_of_eight_bits():
    section = (GOLDEN / "eight_bits.section").read_bytes()
    assert [(tensor.dtype.name, tensor.dtype.number) for tensor in eight_bits()[::2]] == [
        ("F8_E4M3", 13),
        ("F8_E5M2", 14),
        ("F8_E4M3FNUZ", 15),
        ("F8_E5M2FNUZ", 16),
        ("F8_E8M0", 17),
    ]
    assert_same(eight_bits(), decode_network(section).tensors)
    assert encode_network(eight_bits(), positions="significance", values="raw") == section


@pytest.mark.parametrize("values", ["raw", "codebook", "fixed"])
@pytest.mark.parametrize("positions", POSITIONS)
def test_floats_of_eight_bits_come_back_by_every_tool(positions, values):
    tensors = eight_bits()[1::2]
    assert_same(tensors, decode_network(encode_network(tensors, positions=positions, values=values)).tensors)


def test_errors_are_ours():
    assert issubclass(CorruptFile, MdlcodecError)
    with pytest.raises(CorruptFile):
        decode_network(b"\xff" * 40)


I8, BOOL = (next(dtype for dtype in DTYPES if dtype.name == name) for name in ("I8", "BOOL"))
WIDER = DType("I16", I8.number, 16, 0, "i2")  # says that it is I8
OUT_OF_RANGE = {
    "an integer of too many bits": Tensor("w", WIDER, np.array([5, 300], np.uint16)),
    "an integer above the largest": Tensor("w", WIDER, np.array([5, 128], np.uint16)),
    "an integer below the smallest": Tensor("w", WIDER, np.array([5, 2**16 - 129], np.uint16)),
    "a boolean": Tensor("w", BOOL, np.array([0, 1, 7], np.uint8)),
}


@pytest.mark.parametrize("tensor", OUT_OF_RANGE.values(), ids=OUT_OF_RANGE)
def test_values_that_the_type_does_not_have_are_damage(tensor):
    with pytest.raises(CorruptFile, match=r"an integer that I8 does not have|neither 0 nor 1"):
        decode_network(encode_network([tensor], values="raw"))


def test_the_ends_of_the_range_come_back():
    ends = Tensor("w", WIDER, np.array([127, 2**16 - 128, 1, 2**16 - 1], np.uint16))
    [tensor] = decode_network(encode_network([ends], values="raw")).tensors
    assert (tensor.dtype.name, tensor.array().tolist()) == ("I8", [127, -128, 1, -1])


def test_booleans_of_other_bytes_are_not_packed():
    with pytest.raises(BadData, match="neither 0 nor 1"):
        Tensor.of("w", np.array([0, 2], np.uint8).view(bool))
    with pytest.raises(BadData, match="neither 0 nor 1"):
        Tensor.of_bytes("w", "BOOL", (2,), b"\1\xff")
