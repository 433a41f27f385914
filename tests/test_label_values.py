"""mdlcodec/data/label_values.py and array_likes.py: labels of Python sequences, tensors as x and y."""

from collections import UserList, deque
from enum import Enum

import numpy as np
import pytest
import torch
from bad_data import failure

import mdlcodec
from mdlcodec import data


class Colour(str, Enum):
    """Text that is more than text."""

    RED = "red"
    BLUE = "blue"


def labels_of(y):
    return data.from_arrays(np.arange(len(y)), y).labels.array()


@pytest.mark.parametrize(
    ("y", "dtype", "expected"),
    [
        ([2**53, 0.5, 1], "float64", [2.0**53, 0.5, 1.0]),
        (deque([1, -1]), "int64", [1, -1]),
        (UserList(["a", "bc"]), "<U2", ["a", "bc"]),
        ([[2**63], [1]], "uint64", [2**63, 1]),
        ([np.int64(3), np.uint64(2**63 + 1)], "uint64", [3, 2**63 + 1]),
        ([np.uint8(3), np.int16(-2)], "int16", [3, -2]),
        ([True, np.bool_(False)], "bool", [True, False]),
        ([Colour.RED, Colour.BLUE], "<U4", ["red", "blue"]),
        ([np.array([1]), np.array(2)], "int64", [1, 2]),
        ([torch.tensor(1), torch.tensor([0])], "int64", [1, 0]),
        (np.array([0.5, 3], object), "float64", [0.5, 3.0]),
        (range(3), "int64", [0, 1, 2]),
    ],
    ids=str,
)
def test_the_same_values_come_back(y, dtype, expected):
    back = labels_of(y)
    assert back.dtype == np.dtype(dtype)
    assert back.tolist() == expected


@pytest.mark.parametrize(
    ("y", "what"),
    [
        ([2**53 + 1, 0.5], "9007199254740993' is no float"),
        ([[2**53 + 1], [0.5]], "is no float"),
        ([10**400, 0.5], "no float of 64 bits"),
        ([[2**63 + 1], [-1]], "neither int64 nor uint64"),
        (deque([1, "1"]), "integers, text"),
        (UserList([0.5, "0.5"]), "floats, text"),
        ([True, 2], "bools, integers"),
        ([[True], [2]], "bools, integers"),
        ([False, 0.0], "bools, floats"),
        ([np.True_, 1], "bools, integers"),
        ([1, None], "NoneType, integers"),
        ([np.ma.masked, 1], "y "),
        ([[1, 2], [3]], "integers, list"),
    ],
    ids=str,
)
def test_values_that_no_dtype_holds(y, what):
    assert what in failure(labels_of, y)


def test_nans_and_signed_zeros_of_a_list():
    back = labels_of([float("nan"), -0.0, 0, 1])
    assert back.dtype == np.float64
    assert np.isnan(back[0])
    assert np.signbit(back[1:]).tolist() == [True, False, False]


@pytest.mark.parametrize(
    "tensor",
    [
        torch.arange(6.0, requires_grad=True),
        torch.nn.Parameter(torch.arange(6.0)),
        torch.arange(6).to(torch.bfloat16),
        torch.arange(12, dtype=torch.float32)[::2] / 2,
        torch._neg_view(-torch.arange(6.0)),
    ],
    ids=["gradient", "parameter", "bfloat16", "strided", "negative view"],
)
def test_tensors_are_used_for_their_values(tensor):
    plain = tensor.detach().to(torch.float32).clone().numpy()
    dataset = data.from_arrays(tensor, tensor)
    assert dataset.inputs.digest == data.from_arrays(plain).inputs.digest
    assert dataset.labels.array().tobytes() == plain.tobytes()


@pytest.mark.parametrize(
    ("tensor", "what"),
    [
        (torch.eye(6).to_sparse(), "layout torch.sparse_coo; give"),
        (torch.ones(6, device="meta"), "without values"),
        (torch.nested.nested_tensor([torch.ones(2)] * 6, layout=torch.jagged), "nested"),
        (torch.nn.parameter.UninitializedParameter(), "lazy|ninitialized|values"),
        (torch.ones(6, dtype=torch.complex64), "complex64|cannot be packed"),
    ],
    ids=["sparse", "meta", "nested", "lazy", "complex"],
)
def test_tensors_without_plain_values(tensor, what):
    for call in (
        lambda: data.from_arrays(tensor),
        lambda: data.from_arrays(np.arange(6), tensor),
        lambda: mdlcodec.pack({"w": tensor}),
    ):
        with pytest.raises(mdlcodec.MdlcodecError, match=what) as error:
            call()
        assert "\n" not in str(error.value)


def test_tensors_inside_vmap():
    def inside(tensor):
        for call in (
            lambda: data.from_arrays(tensor),
            lambda: data.from_arrays(np.arange(2), tensor),
            lambda: mdlcodec.pack({"w": tensor}),
        ):
            with pytest.raises(mdlcodec.MdlcodecError, match=r"plain tensor|has no values to read"):
                call()
        return tensor * 2

    torch.func.vmap(inside)(torch.ones(3, 2))


def test_what_fails_to_become_an_array():
    class Failing:
        def __array__(self, *arguments, **options):
            raise KeyError("no\nluck")

    for call in (
        lambda: data.from_arrays(Failing()),
        lambda: data.from_arrays(np.arange(2), Failing()),
        lambda: mdlcodec.pack({"w": Failing()}),
    ):
        assert "no" in failure(call)
