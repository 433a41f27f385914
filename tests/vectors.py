"""The vectors of formats/vectors/: how they are read (formats/README.md, "Vectors")."""

import json
import struct
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

FOLDER = Path(__file__).parents[1] / "formats" / "vectors"
PAGES = ("arithmetic", "container", "data", "graphs", "kernel", "labels", "network", "prequential", "reals")
PAGES += ("sequences", "subspace", "switching", "two_part", "variational")


class Vector(NamedTuple):
    """One entry of a page's file."""

    page: str
    primitive: str
    name: str
    section: str
    inputs: dict[str, Any]
    outputs: dict[str, Any]


def _pairs(pairs):
    assert len({key for key, _ in pairs}) == len(pairs), "a key stands twice"
    return dict(pairs)


def _no_constant(name):
    raise ValueError(f"{name} is no JSON")


@cache
def vectors(page):
    """All of a page, in order."""
    text = (FOLDER / f"{page}.json").read_text()
    rows = json.loads(text, object_pairs_hook=_pairs, parse_constant=_no_constant)
    return [Vector(page, **row) for row in rows]


def _words(key, count):
    seed, purpose, index = key
    philox = np.random.Philox(
        key=np.array([seed, purpose], np.uint64), counter=np.array([0, index, 0, 0], np.uint64)
    )
    return philox.random_raw(count)


def _by_rule(given):
    """Philox's words as numbers, by the rules of the page."""
    shape, rule = given["shape"], given["rule"]
    words = _words(given["key"], int(np.prod(shape))).reshape(shape)
    if rule == "below":
        return ((words >> np.uint64(32)) * np.uint64(given["bound"]) >> np.uint64(32)).astype(given["type"])
    assert rule == "floats"
    low, high = given["exponents"]
    bits = {"f4": 23, "f8": 40}[given["type"]]
    fraction = (words % np.uint64(1 << bits)).astype(np.float64) / 2.0**bits
    exponent = low + ((words >> np.uint64(40)) % np.uint64(1 << 16) % np.uint64(high - low + 1)).astype(
        np.int64
    )
    sign = np.where(words >> np.uint64(63), -1.0, 1.0)
    numbers = np.ldexp(sign * (1.0 + fraction), exponent)
    if given.get("positive"):
        numbers = np.abs(numbers)
    return numbers.astype(given["type"])


def value(given):
    """An input as it is meant: integers and text as they are, bytes, an array, or a list of these."""
    if isinstance(given, list):
        return [value(one) for one in given]
    if not isinstance(given, dict):
        return given
    if "bytes" in given:
        return bytes.fromhex(given["bytes"])
    if "rule" in given:
        return _by_rule(given)
    array = np.frombuffer(bytes.fromhex(given["hex"]), np.dtype(given["type"]).newbyteorder("<"))
    return array.astype(given["type"]).reshape(given["shape"])


def each_of(function):
    """A function of one float64 for all of an input's."""
    return lambda x: {"y": np.array([function(v) for v in x.tolist()])}


def same(expected, got):
    """Whether an output is the one that the file says, bit for bit."""
    if not isinstance(expected, dict):
        got = got.tolist() if isinstance(got, np.ndarray) else got
        return type(got) is type(expected) and got == expected
    if "bytes" in expected:
        return bytes(got).hex() == expected["bytes"]
    got = np.asarray(got)
    if got.dtype != np.dtype(expected["type"]) or list(got.shape) != expected["shape"]:
        return False
    content = np.ascontiguousarray(got, got.dtype.newbyteorder("<")).tobytes()
    if "hex" in expected:
        return content.hex() == expected["hex"]
    return sha256(content).hexdigest() == expected["sha256"] and content.hex().startswith(expected["first"])


def bits(x):
    """A float64 as the tables of the pages have it: its bits, highest first."""
    return struct.pack(">d", x).hex()
