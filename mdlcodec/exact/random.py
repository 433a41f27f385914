"""Random numbers: Philox4x64-10 words and exact maps of them (formats/arithmetic.md, section 5).

The words are numpy's `Philox` bit generator's, raw; distributions are ours, because numpy's may change.
"""

import numpy as np

from mdlcodec.compiled import njit
from mdlcodec.exact.elementary import normal_quantile

_WORDS_IN_A_BLOCK = 4  # that one count of Philox gives


@njit(cache=True)
def _normals(words: np.ndarray, out: np.ndarray) -> None:
    for i in range(words.size):
        # the odd multiple of 2^-53 in the middle of one of 2^52 equal cells: never 0 or 1
        uniform = (np.float64(words[i] >> np.uint64(12)) + 0.5) * 2.220446049250313e-16
        out[i] = np.float32(normal_quantile(uniform))


@njit(cache=True)
def _bounded(words: np.ndarray, bound: np.uint64, out: np.ndarray) -> None:
    # upper 32 bits times bound, upper half of the product: bias below 2^-32 * bound
    for i in range(words.size):
        out[i] = np.int64(((words[i] >> np.uint64(32)) * bound) >> np.uint64(32))


@njit(cache=True)
def _shuffle(words: np.ndarray, out: np.ndarray) -> None:
    n = out.size
    for i in range(n):
        out[i] = i
    for i in range(n - 1, 0, -1):
        j = np.int64(((words[i] >> np.uint64(32)) * np.uint64(i + 1)) >> np.uint64(32))
        out[i], out[j] = out[j], out[i]


class Stream:
    """An endless stream of random numbers, named by integers: the same names give the same numbers.

    The Philox key is (seed, purpose); its counter starts at (0, index, 0, 0), so that streams of one seed
    do not overlap before 2^64 blocks.

    A process that computes a part of a batch seeks the words that one process would have read for that part, and
    then the place after the batch's.
    """

    def __init__(self, seed: int, purpose: int, index: int = 0) -> None:
        self._key = np.array([seed, purpose], dtype=np.uint64)
        self._index = index
        self.seek(0)

    @property
    def position(self) -> int:
        """Words before the next one."""
        return self._position

    def seek(self, position: int) -> None:
        """Makes word number ``position``, 0 .. 2^66 - 1, the next one."""
        block, within = divmod(position, _WORDS_IN_A_BLOCK)
        if not 0 <= block < 1 << 64:
            raise ValueError(f"a stream has no word number {position}")
        # numpy counts before it generates: the counter is that of the block before
        counter = np.array([block, self._index, 0, 0], dtype=np.uint64)
        self._generator = np.random.Philox(counter=counter, key=self._key)
        self._generator.random_raw(within)
        self._position = position

    def words(self, count: int) -> np.ndarray:
        """The next ``count`` words, uint64 (count,)."""
        self._position += count
        return np.asarray(self._generator.random_raw(count), dtype=np.uint64)

    def normals(self, shape: tuple[int, ...]) -> np.ndarray:
        """Standard normals, float32 ``shape``; one word each, by the inverse distribution function."""
        out = np.empty(shape, np.float32)
        _normals(self.words(out.size), out.reshape(-1))
        return out

    def below(self, bound: int, count: int) -> np.ndarray:
        """Integers in 0..bound-1, int64 (count,); 1 <= bound <= 2^32; one word each."""
        out = np.empty(count, np.int64)
        _bounded(self.words(count), np.uint64(bound), out)
        return out

    def permutation(self, n: int) -> np.ndarray:
        """A permutation of 0..n-1, int64 (n,), n < 2^32, by Fisher and Yates from the last place down."""
        out = np.empty(n, np.int64)
        _shuffle(self.words(n), out)
        return out
