"""What a pickle says, read without doing it: keys whose hashes somebody chose."""

import io
import pickle

import pytest

from mdlcodec.data.weights.pickled import Call, read_pickle

_MODULUS = 2**61 - 1  # of the hashes of integers


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_no_integers_are_keys_that_hash_alike(protocol):
    alike = {_MODULUS * number: number for number in range(1, 1000)}
    assert {hash(key) for key in alike} == {0}
    read = read_pickle(io.BytesIO(pickle.dumps(alike, protocol)), 2**30)
    assert list(read.values()) == list(alike.values())
    assert all(isinstance(key, Call) for key in read)


def test_integers_of_use_stay_keys():
    numbers = {0: 1, -1: 2, 2**60 - 1: 3, 1 - 2**60: 4, True: 5}
    assert read_pickle(io.BytesIO(pickle.dumps(numbers, 2)), 2**30) == numbers
