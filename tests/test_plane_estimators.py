"""Estimators of the information plane, its limits and bounds, against values that are known."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdlcodec.exact.random import Stream
from mdlcodec.studies.information_plane.bottleneck import blahut_arimoto, curve, information, joint_of
from mdlcodec.studies.information_plane.diffusion import law, predicted_information
from mdlcodec.studies.information_plane.estimators import Layer, estimators
from mdlcodec.studies.information_plane.estimators.authors import EDGES, indices
from mdlcodec.studies.information_plane.estimators.bins import NESTED, EqualBins, quantile_bins
from mdlcodec.studies.information_plane.estimators.by_file import by_file
from mdlcodec.studies.information_plane.estimators.kernel_density import LOWER, UPPER, KernelDensity
from mdlcodec.studies.information_plane.estimators.noisy import NoisyNetwork
from mdlcodec.studies.information_plane.estimators.plug_in import of_indices
from mdlcodec.studies.information_plane.gaussian_bound import bin_noise, gaussian_bound
from mdlcodec.studies.information_plane.processing import violations
from mdlcodec.studies.information_plane.ranges import Extent, range_of
from mdlcodec.studies.information_plane.symmetric import invariants, symmetric
from mdlcodec.studies.information_plane.theorem1 import is_vacuous, squared_gap_bound
from mdlcodec.studies.information_plane.transition import start_of_compression, transition
from mdlcodec.studies.information_plane.trends import converged, spearman, trend

X, Y = symmetric()
H_Y = 0.9991571208502711


def layer(values, classes, low=-1.0, high=1.0) -> Layer:
    values = np.asarray(values, np.float32)
    return Layer(values.reshape(len(values), -1), np.asarray(classes), np.arange(len(values)), low, high)


def test_plug_in_entropies_of_the_symmetric_set():
    ones = of_indices(X.sum(axis=1, dtype=np.uint8)[:, np.newaxis], Y)
    assert ones.ixt == pytest.approx(2.838528743648605, abs=1e-12)
    assert ones.iyt == pytest.approx(0.6276412392160222, abs=1e-12)
    assert of_indices(X[:, :1], Y).iyt == pytest.approx(0.03390625790244295, abs=1e-12)
    identity = of_indices(X, Y)
    assert (identity.ixt, identity.once) == (12.0, 1.0)
    assert identity.iyt == pytest.approx(H_Y, abs=1e-12)
    assert identity.saturated
    assert identity.ceiling == 12
    assert not ones.saturated


def test_the_authors_bins_wrap_below_minus_one():
    values = np.array([[-1.5], [-1.0], [0.0], [0.999], [1.0], [7.0]], np.float32)
    assert indices(values)[:, 0].tolist() == [29, 0, 14, 28, 29, 29]
    assert EDGES.dtype == np.float32


@given(st.integers(0, 10**6))
def test_refining_bins_never_lowers_an_information(seed):
    random = np.random.default_rng(seed)
    n, d = int(random.integers(2, 60)), int(random.integers(1, 4))
    shown = layer(np.tanh(random.normal(size=(n, d)) * 2), random.integers(0, 3, n))
    found = [EqualBins(bins)(shown) for bins in NESTED]
    for coarse, fine in pairwise(found):
        assert fine.ixt >= coarse.ixt - 1e-12
        assert fine.iyt >= coarse.iyt - 1e-12
    assert found[-1].ixt <= found[-1].ceiling + 1e-12


def test_quantile_bins_have_equal_shares():
    values = np.random.default_rng(0).normal(size=4096) ** 3
    assert quantile_bins(layer(values, Y)).ixt == pytest.approx(5.0, abs=1e-3)


def test_ranges_are_told_by_values():
    tanh, relu = np.array([[-0.5, 0.9]]), np.array([[0.0, 3.0], [1.0, 0.0]])
    assert range_of([Extent.of(tanh), Extent.of(-tanh)]) == (-1.0, 1.0)
    assert range_of([Extent.of(relu), Extent.of(2 * relu)]) == (0.0, 6.0)
    assert range_of([Extent.of(np.array([[0.25, 0.75]]))]) == (0.0, 1.0)
    assert range_of([Extent.of(np.array([[-4.0, 2.0]]))]) == (-4.0, 2.0)
    assert range_of([Extent.of(np.zeros((2, 3)))])[1] > 0


def test_kernel_densities():
    far = np.repeat(100.0 * np.eye(16), 8, axis=0)
    classes = np.repeat(np.arange(16) % 4, 8)
    for factor in (UPPER, LOWER):
        found = KernelDensity(factor, 0.1)(layer(far, classes))
        assert found.ixt == pytest.approx(4.0, abs=1e-12)
        assert found.iyt == pytest.approx(2.0, abs=1e-12)
        same = KernelDensity(factor, 0.1)(layer(np.full((50, 3), 0.7), np.arange(50) % 2))
        assert (same.ixt, same.iyt) == (0.0, 0.0)
    near = np.random.default_rng(0).normal(size=(300, 2))
    upper, lower = (KernelDensity(factor, 0.1)(layer(near, Y[:300])) for factor in (UPPER, LOWER))
    assert 0 < lower.ixt < upper.ixt < upper.ceiling


def test_a_noisy_network():
    """Against two values a distance 2 apart with noise of deviation 1: the binary-input Gaussian channel."""
    n = 2000
    values = np.where(np.arange(n) % 2, 1.0, -1.0)
    found = NoisyNetwork(1.0)(layer(values, np.arange(n) % 2))
    t = np.linspace(-12, 12, 48001)
    p = [np.exp(-((t - c) ** 2) / 2) / math.sqrt(2 * math.pi) for c in (-1, 1)]
    mixture = (p[0] + p[1]) / 2
    capacity = -(mixture * np.log2(mixture)).sum() * (t[1] - t[0]) - 0.5 * math.log2(2 * math.pi * math.e)
    assert found.ixt == pytest.approx(capacity, abs=0.05)  # three standard errors of the draw
    assert found.iyt == pytest.approx(found.ixt, abs=1e-9)
    apart = NoisyNetwork(1e-3)(layer(np.linspace(-1, 1, 64)[np.arange(64)], np.arange(64) % 2))
    assert apart.ixt == pytest.approx(6.0, abs=1e-9)


def test_what_a_file_proves():
    order = Stream(0, 99).permutation(4096)
    labels, features = Y[order], invariants(X)[order].astype(np.float32)
    ones = by_file(layer(features[:, 0], labels))
    assert 0.6276412392160222 - 0.08 < ones.iyt <= 0.6276412392160222 + 20 / 4096
    all_three = by_file(layer(features, labels))
    assert 0.93 < all_three.iyt < H_Y
    assert by_file(layer(Stream(1, 99).normals((4096, 3)), labels)).iyt <= 0
    assert by_file(layer(features, Stream(2, 99).below(2, 4096))).iyt <= 0
    assert all_three.ixt is None
    assert all_three.iyt == pytest.approx(H_Y - 8 * len(all_three.blob) / 4096, abs=1e-12)


def test_equation_9():
    d, a, b = 8, 4.0, 0.25
    random = np.random.default_rng(0)
    q = np.linalg.qr(random.normal(size=(20, 2 * d)))[0]
    w, moved = math.sqrt(a) * q[:, :d], math.sqrt(b) * q[:, d:]
    found = gaussian_bound(w, moved, 0.0)
    assert found.directions == pytest.approx(d / 2 * math.log2(1 + a / b), abs=1e-9)
    assert found.directions == pytest.approx(16.349851365, abs=1e-9)
    for seed in range(20):
        random = np.random.default_rng(seed)
        w, moved = random.normal(size=(5, 7)), random.normal(size=(5, 7)) * random.random()
        found = gaussian_bound(w, moved, 0.01)
        assert found.determinant <= found.directions + 1e-9
        noise = moved.T @ moved + 0.01 * np.eye(7)
        direct = 0.5 * np.linalg.slogdet(np.eye(7) + np.linalg.solve(noise, w.T @ w))[1] / math.log(2)
        assert found.determinant == pytest.approx(direct, rel=1e-9)
        assert (np.diff(found.eigenvalues) <= 1e-12).all()
    assert gaussian_bound(w, np.zeros_like(w), 0.0).directions == math.inf
    assert gaussian_bound(np.zeros_like(w), np.zeros_like(w), 0.0).directions == 0.0


def test_equation_9_bounds_a_simulated_channel():
    random = np.random.default_rng(3)
    t = random.normal(size=(60_000, 4))
    w, moved = random.normal(size=(4, 1)), 0.3 * random.normal(size=(4, 1))
    width = 0.25
    # signal and noise as equation 9 has them: independent, the noise rounded to bins
    signal = t @ w
    noise = random.normal(size=(60_000, 4)) @ moved
    out = np.floor((signal + noise) / width).astype(int)
    sent = np.floor(signal / width).astype(int)
    joint = np.zeros((np.ptp(sent) + 1, np.ptp(out) + 1))
    np.add.at(joint, ((sent - sent.min())[:, 0], (out - out.min())[:, 0]), 1 / len(t))
    bound = gaussian_bound(w, moved, bin_noise(width)).determinant
    assert 0.5 < information(joint) <= bound + 0.06


def test_theorem_1():
    assert squared_gap_bound(0.0, 100) == pytest.approx((1 + math.log(40)) / 200)
    assert not is_vacuous(math.log2(200) - 1e-9, 100)
    assert is_vacuous(math.log2(200), 100)
    assert squared_gap_bound(math.log2(200), 100) >= 1


def test_data_processing():
    assert violations([3.0, 2.0, 2.0, 1.0]) == 0
    assert violations([3.0, 3.5, 2.0, 2.1]) == 2


def test_the_transition_is_the_steepest_change():
    steps = [0, 1, 10, 100, 1000, 10_000]
    assert transition(steps, [5.0, 4.0, 4.0, 4.0, 0.1, 0.1]) == 4
    # one outlier is no transition
    assert transition(steps, [5.0, 1.0, 100.0, 1.0, 1.0, 1e-3]) == 5
    assert transition(steps[:3], [1.0, 1.0, math.inf]) is None


def test_compression_starts_or_does_not():
    assert start_of_compression([[1.0, 5.0, 4.0], [1.0, 5.0, 4.2]]) == 1
    assert start_of_compression([[1.0, 4.0, 5.0]]) is None
    assert start_of_compression([[1.0, 5.0, 4.95]]) is None  # less than 0.1 bit
    assert (
        start_of_compression([[1.0, 6.0, 2.0], [1.0, 4.0, 5.0], [1.0, 4.5, 4.5]]) is None
    )  # within the error


def test_laws_of_diffusion():
    t = np.array([1.0, 3.0, 10.0, 30.0, 100.0, 300.0])
    power = law(t, 0.7 * t**0.5)
    assert (power.alpha, power.scale, power.better) == (pytest.approx(0.5), pytest.approx(0.7), "power")
    assert power.grows
    slow = law(t, 1.0 + 0.5 * np.log(t))
    assert slow.better == "logarithmic"
    assert not law(t, np.array([1.0, 1.1, 0.9, 1.0, 1.1, 0.95])).grows
    assert law(t[:3], t[:3]) is None
    # directions that keep their eigenvalue say the same for ever, those that grow say less
    laws = [law(t, np.full(6, 0.1)), law(t, 0.01 * t)]
    told = predicted_information(np.array([1.0, 1.0]), np.array([0.1, 0.01]), laws, 0.0, t)
    assert told == pytest.approx(0.5 * np.log2(11.0) + 0.5 * np.log2(1 + 100 / t))


def test_the_bottleneck_of_the_symmetric_set():
    joint = joint_of(X, Y)
    assert information(joint) == pytest.approx(H_Y, abs=1e-12)
    # y is a function of x: the limit is the line to H(Y)
    assert curve(joint) == [(0.0, 0.0), (pytest.approx(H_Y, abs=1e-8), pytest.approx(H_Y, abs=1e-8))]


def test_the_bottleneck_of_a_noisy_channel():
    joint = np.array([[0.4, 0.1], [0.1, 0.4]])
    assert blahut_arimoto(joint, 1e4) == pytest.approx((1.0, information(joint)), abs=1e-4)
    # below 1 / (1 - 2 * 0.2)^2 nothing is worth its bits
    assert blahut_arimoto(joint, 2.5) == pytest.approx((0.0, 0.0), abs=1e-3)
    ixt, iyt = blahut_arimoto(joint, 4.0)
    assert 0.2 < ixt < 1.0
    # Mrs. Gerber's lemma: I(T;Y) <= 1 - h(0.2 * v), where h(v) = 1 - I(X;T)
    h = lambda p: -p * math.log2(p) - (1 - p) * math.log2(1 - p)  # noqa: E731
    v = min(np.linspace(1e-6, 0.5, 100_001), key=lambda p: abs(h(p) - (1 - ixt)))
    assert iyt == pytest.approx(1 - h(0.2 * (1 - v) + 0.8 * v), abs=1e-3)
    points = curve(joint)
    assert points[0] == (0.0, 0.0)
    assert all(y <= x + 1e-9 for x, y in points)


def test_ranks_and_their_p():
    assert spearman([1, 2, 3, 4], [10, 20, 30, 40]) == (pytest.approx(1.0), pytest.approx(2 / 24))
    rho, p = spearman([1, 2, 3, 4, 5], [3, 1, 2, 5, 4])
    assert rho == pytest.approx(0.6)
    assert 0.2 < p < 0.5
    assert spearman([1, 1, 1], [1, 2, 3]) is None
    many = spearman(list(range(20)), [(7 * i) % 20 for i in range(20)])
    assert abs(many[0]) < 0.5 and many[1] > 0.05


def test_time_to_converge():
    steps = [0, 1, 10, 100, 1000]
    assert converged(steps, [3.0, 2.0, 0.5, 0.4, 0.3], 1.0) == 10
    assert converged(steps, [3.0, 2.0, 0.5, 2.0, 2.0], 1.0) is None
    assert converged(steps, [0.1, 0.1, 0.1, 0.1, 0.1], 1.0) == 1
    fast = trend([[1000, 1100], [250, 260], [110, 120], [62, 64], [40, 42]])
    assert fast.there
    assert fast.alpha == pytest.approx(0.5, abs=0.03)
    assert fast.alpha_interval[0] < 0.5 < fast.alpha_interval[1]
    assert not trend([[100, 300], [300, 100], [200, 210]]).there
    assert trend([[5]]) is None
    # the same times of all seeds are no certainty: networks stand for others, and checkpoints lie apart
    assert not trend([[352, 352], [269, 269], [269, 269], [269, 269], [600, 600]]).there
    near, far = (trend([[1000, 1100], [250, 260], [110, 120]], ratio) for ratio in (1.0, 2.0))
    assert far.high - far.low > near.high - near.low


def test_every_estimator_is_there():
    assert list(estimators(0.1, 0.1)) == [
        "authors",
        "2 bins",
        "8 bins",
        "32 bins",
        "128 bins",
        "quantiles",
        "kernels, upper",
        "kernels, lower",
        "noisy network",
        "by file",
    ]
