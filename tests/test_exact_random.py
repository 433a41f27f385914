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


@pytest.mark.parametrize("names", [(3, 1), (3, 1, 2), (2**64 - 1, 7, 2**64 - 1)])
def test_words_after_seeking_are_those_read_in_turn(names):
    whole, stream = Stream(*names).words(400), Stream(*names)
    for position in (0, 1, 2, 3, 4, 5, 6, 7, 250, 9, 9, 391, 8, 0):
        stream.seek(position)
        assert stream.position == position
        assert (stream.words(9) == whole[position : position + 9]).all()
        assert stream.position == position + 9


@pytest.mark.parametrize("position", [2**32 + 1, 2**40 + 3, 2**63 + 2, 2**66 - 41])
def test_seeking_far(position):
    """Against Philox with the counter of a far block, and against words read on from there."""
    block, within = divmod(position, 4)
    counter = np.array([block, 5, 0, 0], np.uint64)
    far = np.random.Philox(counter=counter, key=np.array([1, 2], np.uint64)).random_raw(within + 40)[within:]
    for start in (position, position + 1, position + 6, position + 39):
        stream = Stream(1, 2, 5)
        stream.seek(start)
        assert (stream.words(position + 40 - start) == far[start - position :]).all()


@pytest.mark.parametrize("position", [-1, 2**66])
def test_a_word_that_is_not_there(position):
    with pytest.raises(ValueError, match="no word number"):
        Stream(0, 1).seek(position)


def test_every_map_takes_the_words_that_its_position_says():
    whole, read = Stream(4, 2, 9), []
    read.append(whole.normals((3, 5)))
    read.append(whole.below(10, 7))
    read.append(whole.permutation(11))
    read.append(whole.words(3))
    assert whole.position == 15 + 7 + 11 + 3
    other = Stream(4, 2, 9)
    other.words(2)
    for start, draw, expected in [
        (33, lambda s: s.words(3), read[3]),
        (15, lambda s: s.below(10, 7), read[1]),
        (0, lambda s: s.normals((3, 5)), read[0]),
        (22, lambda s: s.permutation(11), read[2]),
        (5, lambda s: s.normals((2, 5)), read[0][1:]),
        (18, lambda s: s.below(10, 4), read[1][3:]),
    ]:
        other.seek(start)
        assert (draw(other) == expected).all()


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
