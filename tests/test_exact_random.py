"""Philox against Random123's published vectors; normals, integers and permutations."""

import hashlib

import numpy as np
import pytest

from mdlcodec.exact.random import Stream

# Random123 (Salmon et al. 2011), kat_vectors, philox4x64 with 10 rounds: counter, key, output
VECTORS = [
    ("0" * 64, "0" * 32, "16554d9eca36314c db20fe9d672d0fdc d7e772cee186176b 7e68b68aec7ba23b"),
    ("f" * 64, "f" * 32, "87b092c3013fe90b 438c3c67be8d0224 9cc7d7c69cd777b6 a09caebf594f0ba0"),
    (
        "243f6a8885a308d313198a2e03707344a4093822299f31d0082efa98ec4e6c89",
        "452821e638d01377be5466cf34e90c6c",
        "a528f45403e61d95 38c72dbd566e9788 a5a1610e72fd18b5 57bd43b5e52b7fe6",
    ),
]


def _words(text: str) -> list[int]:
    return [int(text[i : i + 16], 16) for i in range(0, len(text), 16)]


@pytest.mark.parametrize(("counter", "key", "expected"), VECTORS)
def test_philox_known_answers(counter, key, expected):
    words = _words(counter)
    # numpy adds 1 to the counter before each block
    number = (sum(w << (64 * i) for i, w in enumerate(words)) - 1) % (1 << 256)
    before = np.array([(number >> (64 * i)) & (2**64 - 1) for i in range(4)], np.uint64)
    generator = np.random.Philox(counter=before, key=np.array(_words(key), np.uint64))
    assert [f"{w:016x}" for w in generator.random_raw(4)] == expected.split()


def test_streams_are_the_same_in_any_portions():
    whole = Stream(3, 1, 2).words(100)
    stream = Stream(3, 1, 2)
    parts = np.concatenate([stream.words(n) for n in (1, 2, 3, 5, 89)])
    assert (whole == parts).all()


def test_streams_differ_by_every_name():
    firsts = {int(Stream(*names).words(1)[0]) for names in [(0, 1), (0, 2), (1, 1), (0, 1, 1), (1, 0, 0)]}
    assert len(firsts) == 5


def test_normals():
    x = Stream(0, 1).normals((200, 500))
    assert x.dtype == np.float32
    assert abs(float(x.mean())) < 0.01
    assert abs(float(x.std()) - 1.0) < 0.01
    assert 4.0 < float(np.abs(x).max()) < 6.0


def test_integers_below_a_bound_are_even():
    counts = np.bincount(Stream(0, 2).below(7, 70_000), minlength=7)
    assert counts.size == 7
    assert np.abs(counts - 10_000).max() < 500


@pytest.mark.parametrize("n", [0, 1, 2, 5, 1000])
def test_permutations(n):
    assert sorted(Stream(0, 3).permutation(n).tolist()) == list(range(n))


def test_permutations_are_even():
    stream, seen = Stream(0, 3), {}
    for _ in range(6000):
        order = tuple(stream.permutation(3).tolist())
        seen[order] = seen.get(order, 0) + 1
    assert len(seen) == 6
    assert min(seen.values()) > 850


def test_exact_bits():
    """The frozen bits of every map of words."""
    stream, digest = Stream(5, 6, 7), hashlib.sha256()
    digest.update(stream.normals((1000,)).tobytes())
    digest.update(stream.below(1000, 1000).tobytes())
    digest.update(stream.permutation(1000).tobytes())
    assert digest.hexdigest() == "6fb67b31895c512332f68a57f06447daadd59f2ba58190a4b4cd347a668de575"
