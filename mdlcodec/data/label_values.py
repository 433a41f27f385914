"""Labels of Python sequences as an array that holds the very same values, or none (formats/data.md, Labels)."""

from __future__ import annotations

from typing import Any

import numpy as np

from mdlcodec.data.array_likes import as_array, is_tensor, refused
from mdlcodec.data.dataset import quoted
from mdlcodec.errors import BadData, MdlcodecError

_BOOLS, _INTEGERS, _FLOATS, _TEXT = "bools", "integers", "floats", "text"


def is_sequence(y: Any) -> bool:
    """Whether y is Python's sequence of values (list, tuple, deque, UserList), that numpy would make alike."""
    if isinstance(y, str | bytes | bytearray | memoryview | np.ndarray | np.generic) or is_tensor(y):
        return False
    if hasattr(y, "__array__") or hasattr(y, "__array_interface__") or hasattr(y, "__buffer__"):
        return False
    try:
        memoryview(y)
    except TypeError:
        return hasattr(y, "__len__") and hasattr(y, "__getitem__") and not hasattr(y, "keys")
    return False


def _one(value: Any) -> Any:
    """What a row of one label holds, and what an array of one entry holds."""
    if is_sequence(value) and len(value) == 1:
        value = value[0]
    if is_tensor(value):
        value = as_array(value, "y")
    if isinstance(value, np.ndarray) and value.shape in ((), (1,)):
        return value.reshape(-1)[0]
    return value


def _kind(value: object) -> str:
    if isinstance(value, bool | np.bool_):
        return _BOOLS
    if isinstance(value, int | np.integer) and not isinstance(value, np.timedelta64):
        return _INTEGERS
    if isinstance(value, float | np.floating):
        return _FLOATS
    if isinstance(value, str):
        return _TEXT
    return type(value).__name__


def array_of_values(values: list[Any]) -> np.ndarray:
    """Labels (n,) of Python's or numpy's bools, integers, floats or text, each as it was.

    Integers get int64, else uint64. Integers beside floats become floats where each is the same number. Raises
    BadData for values that no dtype holds.
    """
    kinds = {_kind(value) for value in values}
    if kinds <= {_FLOATS, _INTEGERS}:
        return _numbers(values, kinds)
    if kinds == {_BOOLS}:
        return np.array(values, bool)
    if kinds == {_TEXT}:
        return _text(values)
    names = ", ".join(sorted(kinds))
    raise BadData(
        f"y holds {quoted(names)}; give integers, bools, floats or strings, of one kind "
        "(text keeps all apart: [str(label) for label in y])"
    )


def _numbers(values: list[Any], kinds: set[str]) -> np.ndarray:
    if kinds == {_INTEGERS}:
        array = np.asarray(values)
        if array.dtype.kind in "iu":  # numpy's own integers keep their width
            return array
        whole = [int(value) for value in values]
        for dtype in (np.int64, np.uint64):
            limits = np.iinfo(dtype)
            if limits.min <= min(whole) and max(whole) <= limits.max:
                return np.array(whole, dtype)
        raise BadData("y holds integers that neither int64 nor uint64 can hold together; give them as text")
    array = np.asarray(values)
    if array.dtype.kind != "f":
        try:
            array = np.array(values, np.float64)
        except OverflowError as error:
            raise BadData(
                "y holds an integer beside floats that is no float of 64 bits; give text"
            ) from error
    for value, back in zip(values, array.tolist(), strict=True):
        given = value.item() if isinstance(value, np.generic) else value
        if not (given == back or (given != given and back != back)):
            raise BadData(
                f"y holds integers beside floats, and {quoted(given)} is no float of 64 bits; "
                "give all of them as integers, or as text"
            )
    return array


def _text(values: list[Any]) -> np.ndarray:
    words = [str.__str__(value) for value in values]
    for word in set(words):
        if word.endswith("\0") or any("\ud800" <= letter <= "\udfff" for letter in word):
            raise BadData(f"the label {quoted(word)} ends in NUL or is not Unicode text; rename that class")
    return np.array(words)


def array_of_sequence(y: Any) -> np.ndarray:
    """Labels (n,) of a sequence of n values, or of n rows of one value. Raises BadData."""
    try:
        values = [_one(value) for value in y]
    except MdlcodecError:
        raise
    except Exception as error:
        raise refused("y", error, "give one label for each example") from error
    return array_of_values(values)
