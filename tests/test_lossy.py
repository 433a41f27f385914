"""mdlcodec/sender/lossy: what is asked for is done, no more, and the errors reported are the errors made."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

from mdlcodec.data.tensor import DTYPES, Tensor
from mdlcodec.errors import BadData
from mdlcodec.sender.lossy import Lossy, change, pruned, rounded, stepped, unsigned_zeros, zero_signs

RNG = np.random.default_rng(1)
BF16 = next(dtype for dtype in DTYPES if dtype.name == "BF16")
MATRIX = RNG.normal(size=(20, 30))


def bfloat16(name: str, values: np.ndarray) -> Tensor:
    patterns = (values.astype(np.float32).view(np.uint32) >> 16).astype("<u2")
    return Tensor.of_bytes(name, "BF16", values.shape, patterns.tobytes())


WEIGHTS = [
    Tensor.of("w32", MATRIX.astype(np.float32)),
    Tensor.of("w64", MATRIX),
    Tensor.of("w16", MATRIX.astype(np.float16)),
    bfloat16("wb16", MATRIX),
    Tensor.of("empty", np.zeros((0, 3), np.float32)),
]
OTHERS = [
    Tensor.of("bias", RNG.normal(size=30)),
    Tensor.of("scalar", np.float32(math.nan)),
    Tensor.of("integers", RNG.integers(0, 9, (3, 4))),
]


@pytest.mark.parametrize(
    "lossy", [Lossy(prune=0.3), Lossy(bits=3), Lossy(step=0.25), Lossy(prune=0.9, bits=2)]
)
def test_weights_change_and_all_else_does_not(lossy: Lossy) -> None:
    left, changes, kept = change([*WEIGHTS, *OTHERS], lossy)
    assert [(t.name, t.dtype, t.shape) for t in left] == [
        (t.name, t.dtype, t.shape) for t in WEIGHTS + OTHERS
    ]
    assert kept == ["bias", "scalar", "integers"]
    for before, after in zip(OTHERS, left[len(WEIGHTS) :], strict=True):
        assert before.patterns.tobytes() == after.patterns.tobytes()
    for before, after, told in zip(WEIGHTS, left, changes, strict=False):
        errors = np.abs(after.array().astype(float) - before.array().astype(float))
        assert told.name == before.name
        assert told.largest_error == errors.max(initial=0)
        mean = np.mean(errors**2) if errors.size else 0
        assert told.root_mean_square_error == pytest.approx(math.sqrt(mean))
        assert told.nonzeros == np.count_nonzero(after.array())
        assert told.zeroed == np.count_nonzero(before.array()) - told.nonzeros
        assert 0 < told.largest_error < 3 or not errors.size


def test_nothing_asked_for_is_nothing_done() -> None:
    assert change(WEIGHTS, Lossy()) == (WEIGHTS, [], [])


@given(
    values=st_numpy.arrays(
        np.float32, st_numpy.array_shapes(min_dims=2), elements=st.floats(-9, 9, width=32)
    ),
    fraction=st.floats(0, 1),
)
def test_pruning_takes_the_smallest(values: np.ndarray, fraction: float) -> None:
    result = pruned(values, fraction)
    gone = (result == 0) & (values != 0)
    assert np.array_equal(result[~gone], values[~gone])
    assert np.count_nonzero(result == 0) >= math.floor(fraction * values.size)
    assert gone.sum() <= math.floor(fraction * values.size)
    if gone.any() and (result != 0).any():
        assert np.abs(values[gone]).max() <= np.abs(result[result != 0]).min()


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_codebooks_have_at_most_so_many_values_and_a_zero(bits: int) -> None:
    left, _, _ = change(WEIGHTS[:4], Lossy(prune=0.5, bits=bits))
    for tensor in left:
        distinct = np.unique(tensor.array())
        assert len(distinct) <= 2**bits
        assert 0 in distinct
        assert (tensor.array() == 0).mean() >= 0.5


def test_values_that_fit_a_codebook_stay_as_they_are() -> None:
    few = Tensor.of("w", RNG.choice(np.array([0, -1.5, 0.1, 7], np.float32), (5, 6)))
    [left], [told], _ = change([few], Lossy(bits=2))
    assert left.patterns.tobytes() == few.patterns.tobytes()
    assert told.largest_error == 0


@given(
    values=st_numpy.arrays(np.float64, (2, 3), elements=st.floats(-1e3, 1e3)),
    step=st.floats(1e-3, 1e3),
    dtype=st.sampled_from(["f8", "f4", "f2"]),
)
def test_steps_are_multiples_and_the_nearest(values: np.ndarray, step: float, dtype: str) -> None:
    given_values = values.astype(dtype)
    [left], [told], _ = change([Tensor.of("w", given_values)], Lossy(step=step))
    held = np.dtype(dtype).type(step)
    multiples = left.array().astype(float) / float(held)
    scale = float(np.finfo(dtype).eps) * np.maximum(np.abs(multiples), 1)
    assert (np.abs(multiples - np.rint(multiples)) <= scale).all()
    assert told.largest_error <= float(held) / 2 + 1e3 * float(np.finfo(dtype).eps)
    zeros = left.array()[left.array() == 0]
    assert not np.signbit(zeros).any()


def test_steps_halve_to_even() -> None:
    assert stepped(np.array([0.5, 1.5, -0.5, 2.5]), 1.0).tolist() == [0, 2, 0, 2]


@given(value=st.floats(allow_nan=False, allow_infinity=False), step=st.floats(5e-324, 1.7e308))
def test_steps_of_any_size_give_the_nearest_multiple_that_float64_holds(value: float, step: float) -> None:
    exact, unit = Fraction(value), Fraction(step)
    multiple = round(exact / unit)  # halves to even
    if abs(multiple * unit) > Fraction(float(np.finfo(np.float64).max)):
        multiple -= 1 if multiple > 0 else -1
    assert stepped(np.array([value]), step)[0] == float(multiple * unit)


def test_large_values_at_small_steps_stay_and_errors_are_numbers() -> None:
    values = np.array([[1e200, -1e200, 1.7e308, 3.0], [0.3, -0.0, 5e-324, -1e-299]])
    [left], [told], _ = change([Tensor.of("w", values)], Lossy(step=1e-300))
    assert left.array()[0].tolist() == values[0].tolist()
    assert np.abs(left.array() - values).max() == told.largest_error <= 1e-300
    [left], [told], _ = change([Tensor.of("w", values)], Lossy(step=1e308))
    assert left.array().tolist() == [[0, 0, 1e308, 0], [0, 0, 0, 0]]
    assert told.largest_error == 1.7e308 - 1e308
    assert told.root_mean_square_error == pytest.approx(told.largest_error / math.sqrt(8))
    [left], _, _ = change([Tensor.of("w", np.array([[65504, -65504, 499]], np.float16))], Lossy(step=1000))
    assert left.array().tolist() == [[64992, -64992, 0]]  # 65,000 rounded; 66,000 is beyond the type


EIGHT_BITS = {
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
    "F8_E4M3FNUZ": "float8_e4m3fnuz",
    "F8_E5M2FNUZ": "float8_e5m2fnuz",
}


@pytest.mark.parametrize("name", EIGHT_BITS)
@settings(max_examples=30)
@given(
    values=st_numpy.arrays(
        np.float32, 20, elements=st.floats(-60000, 60000, width=16) | st.floats(-1, 1, width=16)
    )
)
def test_floats_of_eight_bits_round_to_the_nearest(name: str, values: np.ndarray) -> None:
    import torch

    dtype = next(dtype for dtype in DTYPES if dtype.name == name)
    largest = torch.finfo(getattr(torch, EIGHT_BITS[name])).max
    expected = torch.from_numpy(values.clip(-largest, largest)).to(getattr(torch, EIGHT_BITS[name])).float()
    assert np.array_equal(rounded(values.astype(np.float64), dtype), expected.numpy())


@pytest.mark.parametrize("name", EIGHT_BITS)
def test_floats_of_eight_bits_are_pruned_and_quantised(name: str) -> None:
    dtype = next(dtype for dtype in DTYPES if dtype.name == name)
    patterns = np.array([[0x38, 0xB9, 0x01], [0x3A, 0xBC, 0x10]], np.uint8)
    tensor, powers = Tensor("w", dtype, patterns), Tensor("e", DTYPES[17], patterns)
    [left, kept], [told], names = change([tensor, powers], Lossy(prune=0.5))
    assert np.array_equal(left.patterns, [[0, 0xB9, 0], [0x3A, 0xBC, 0]])
    assert (told.nonzeros, told.zeroed, names, kept) == (3, 3, ["e"], powers)
    step = float(tensor.array()[0, 0])
    [left], _, _ = change([tensor], Lossy(step=step))
    assert np.array_equal(left.array(), stepped(tensor.array(), step))
    assert not zero_signs([left])


def test_a_nan_in_place_of_negative_zero_is_no_zero() -> None:
    for name, signs in (("F8_E4M3FNUZ", 0), ("F8_E5M2FNUZ", 0), ("F8_E4M3", 1), ("F8_E8M0", 0)):
        tensor = Tensor.of_bytes("w", name, (1, 2), b"\x80\0")
        assert zero_signs([tensor]) == signs
        assert unsigned_zeros([tensor])[0].patterns.tolist() == [[0 if signs else 128, 0]]


@given(
    values=st_numpy.arrays(np.float32, 5, elements=st.floats(allow_nan=False, allow_infinity=False, width=32))
)
def test_bfloat16_rounds_to_the_nearest(values: np.ndarray) -> None:
    import torch

    largest = float.fromhex("0x1.fep127")
    expected = torch.from_numpy(values.clip(-largest, largest)).to(torch.bfloat16).float().numpy()
    assert np.array_equal(rounded(values.astype(np.float64), BF16), expected)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"prune": -0.1}, "--prune -0.1 is no fraction"),
        ({"prune": 1.1}, "--prune 1.1 is no fraction"),
        ({"prune": math.nan}, "--prune nan is no fraction"),
        ({"bits": 0}, "--bits 0 is out of range"),
        ({"bits": 17}, "--bits 17 is out of range"),
        ({"step": 0.0}, "--step 0.0 is no step"),
        ({"step": math.nan}, "--step nan is no step"),
        ({"step": math.inf}, "--step inf is no step"),
        ({"step": 1.0, "bits": 4}, "choose one"),
    ],
)
def test_options_that_mean_nothing(options: dict[str, float], message: str) -> None:
    with pytest.raises(BadData, match=message):
        Lossy(**options)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_weights_that_are_not_finite_are_refused(value: float) -> None:
    bad = Tensor.of("bad\n", np.array([[1.0, value]]))
    for lossy in (Lossy(prune=0.5), Lossy(bits=4), Lossy(step=0.1)):
        with pytest.raises(BadData, match=r"'bad\\n' holds NaN or infinite"):
            change([bad], lossy)


def test_values_and_steps_that_do_not_fit() -> None:
    with pytest.raises(BadData, match="beyond float32"):
        change([Tensor.of("w", np.array([[1e300, 1]]))], Lossy(bits=4))
    for step in (1e9, 1e-30):
        with pytest.raises(BadData, match="F16"):
            change([Tensor.of("w", np.ones((2, 2), np.float16))], Lossy(step=step))


def test_unsigned_zeros_change_nothing_but_the_signs_of_zeros():
    array = np.array([0.0, -0.0, 1.5, -1.5, -0.0, np.nan], np.float32)
    tensors = [Tensor.of("w", array), Tensor.of("i", np.array([-1, 0], np.int8)), Tensor.of("h", array[:2])]
    assert zero_signs(tensors) == 3
    found = unsigned_zeros(tensors)
    assert zero_signs(found) == 0
    np.testing.assert_array_equal(found[0].patterns, (array + np.float32(0)).view(np.uint32))
    np.testing.assert_array_equal(found[1].patterns, tensors[1].patterns)
    assert not found[2].patterns.any()
