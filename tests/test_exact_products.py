"""Block integers, engines, exact sums: against Python integers, and engine against engine."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mdlcodec.errors import InexactComputation
from mdlcodec.exact.engines import ENGINES
from mdlcodec.exact.engines.matrix import MatrixEngine
from mdlcodec.exact.integers import LIMITS, gradient_exponents, quantise_rows, quantise_tensor, round_weighted
from mdlcodec.exact.sums import column_sums

floats = hnp.arrays(
    np.float32,
    hnp.array_shapes(min_dims=2, max_dims=2, max_side=6),
    elements=st.floats(-(2.0**100), 2.0**100, width=32, allow_nan=False),
)


@given(floats, st.sampled_from([1, 2]))
def test_block_integers_are_the_largest_that_fit(x, digits):
    q, exponents = quantise_rows(x, digits)
    assert np.abs(q).max(initial=0) <= LIMITS[digits]
    for row, integers, e in zip(x.astype(np.float64), q, exponents, strict=True):
        assert (integers == np.rint(np.ldexp(row, e))).all()
        largest = np.abs(row).max(initial=0.0)
        if largest == 0:
            assert e == 0
        elif abs(e) < 120:
            assert np.rint(np.ldexp(largest, e + 1)) > LIMITS[digits]


def test_rows_do_not_depend_on_their_neighbours():
    x = np.random.default_rng(0).normal(size=(5, 40)).astype(np.float32)
    alone = np.concatenate([quantise_rows(row[None].copy(), 2)[0] for row in x])
    assert (quantise_rows(x, 2)[0] == alone).all()


def test_tiny_magnitudes_are_clamped():
    tiny = np.full((1, 3), 1e-45, np.float32)
    assert quantise_rows(tiny, 2)[1][0] == 120


@pytest.mark.parametrize("digits", [1, 2])
def test_the_largest_numbers_stay_within_the_digits(digits):
    huge = np.full((1, 3), 3.4e38, np.float32)
    assert LIMITS[digits] // 2 <= quantise_rows(huge, digits)[0].max() <= LIMITS[digits]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_errors(bad):
    x = np.ones((2, 3), np.float32)
    x[1, 1] = bad
    for call in (
        lambda: quantise_rows(x, 2),
        lambda: quantise_tensor(x, 1),
        lambda: gradient_exponents(x, np.zeros(2, np.int64), 2),
    ):
        with pytest.raises(InexactComputation, match="NaN or infinite"):
            call()


def test_weighted_gradient_moves_the_powers_of_two_first():
    g = np.random.default_rng(1).normal(size=(3, 2, 1, 3)).astype(np.float32)
    exponents = np.array([0, 5, -7])
    e = gradient_exponents(g, exponents, 2).weighted
    g = g.reshape(6, 3)
    q = round_weighted(g, exponents, e)
    moved = np.ldexp(g.astype(np.float64), -np.repeat(exponents, 2)[:, None])
    assert (q == np.rint(np.ldexp(moved, e))).all()
    assert np.abs(q).max() > LIMITS[2] // 2


MATRICES = {name: engine.matrices for name, engine in ENGINES.items() if isinstance(engine, MatrixEngine)}


def _integers(random, shape, digits, extreme):
    limit = LIMITS[digits]
    if extreme:
        return np.where(random.random(shape) < 0.9, limit, -limit).astype(np.int16)
    return random.integers(-limit, limit + 1, shape).astype(np.int16)


@pytest.mark.parametrize("name", MATRICES)
@pytest.mark.parametrize("extreme", [False, True])
@pytest.mark.parametrize(("da", "db"), [(1, 1), (2, 1), (1, 2), (2, 2)])
@pytest.mark.parametrize(
    "shape", [(3, 5, 7), (1, 1, 1), (1, 9, 4), (4, 9, 1), (4, 1, 5), (64, 300, 33), (17, 2000, 2)]
)
def test_matrices_give_the_integer_product(name, extreme, da, db, shape):
    m, k, n = shape
    random = np.random.default_rng(0)
    a, b = _integers(random, (m, k), da, extreme), _integers(random, (n, k), db, extreme)
    matrices, wide = MATRICES[name], a.astype(np.int64) @ b.astype(np.int64).T
    scales = np.ldexp(1.0, random.integers(-40, 40, m))
    out = matrices.product(matrices.planes(a, da), matrices.planes(b, db), scales)
    assert (out == (wide * scales[:, None]).astype(np.float32)).all()
    assert not np.signbit(out[out == 0]).any()
    total = np.ones((m, n))
    matrices.outer(matrices.planes(a.T.copy(), da), matrices.planes(b.T.copy(), db), total)
    assert (total == wide + 1).all()


@pytest.mark.parametrize("name", MATRICES)
def test_sums_longer_than_int32_allows(name):
    rows = (1 << 18) + 5
    a = np.full((rows, 1), LIMITS[2], np.int16)
    matrices, total = MATRICES[name], np.zeros((1, 1))
    matrices.outer(matrices.planes(a, 2), matrices.planes(a, 2), total)
    assert int(total[0, 0]) == rows * LIMITS[2] ** 2


@given(
    hnp.arrays(
        np.float64,
        st.tuples(st.integers(1, 20), st.integers(1, 4)),
        elements=st.floats(-(2.0**60), 2.0**60, width=32),
    ),
    st.randoms(use_true_random=False),
)
def test_column_sums_are_the_same_in_every_order(x, random):
    order = list(range(len(x)))
    random.shuffle(order)
    first, second = column_sums(x), column_sums(x[order])
    assert first.tobytes() == second.tobytes()
    assert np.abs(first - x.sum(0)).max() <= np.abs(x).max() * len(x) * 2.0**-40
