"""Random numbers of formats/arithmetic.md, section 5."""

import numpy as np

from decoder.elementary import normal_quantile


def normals_of(words):
    """A normal of each word, float32."""
    return np.array([normal_quantile((float(w >> 12) + 0.5) * 2.0**-52) for w in words]).astype(np.float32)


class Stream:
    """Philox4x64-10, key (seed, purpose), counters (j, index, 0, 0), j = 1, 2, ..: numpy counts first."""

    def __init__(self, seed, purpose, index=0):
        self.bits = np.random.Philox(
            key=np.array([seed, purpose], np.uint64), counter=np.array([0, index, 0, 0], np.uint64)
        )

    def words(self, count):
        """The next words, Python integers."""
        return [int(w) for w in self.bits.random_raw(count)]

    def normals(self, count):
        """The next normals, float32 (count,)."""
        return normals_of(self.words(count))

    def below(self, bound, count):
        """The next integers below a bound."""
        return [((w >> 32) * bound) >> 32 for w in self.words(count)]

    def permutation(self, n):
        """A permutation of 0..n-1."""
        out, words = list(range(n)), self.words(n)
        for i in range(n - 1, -1, -1):
            j = ((words[i] >> 32) * (i + 1)) >> 32
            out[i], out[j] = out[j], out[i]
        return out

    def signed_units(self, count):
        """The next signed units, float64 (count,)."""
        return np.array([float((w >> 11) - (1 << 52)) * 2.0**-52 for w in self.words(count)])
