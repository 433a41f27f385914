"""The kernel predictor against formats/kernel.md (written down a second time below) and against numpy.linalg."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mdlcodec.data.dataset import Inputs
from mdlcodec.errors import InexactComputation, LimitExceeded, Unsupported
from mdlcodec.exact.cholesky import ROWS, factorise_rows, packed_size, row_starts, squared_distances
from mdlcodec.exact.elementary import exp, log
from mdlcodec.exact.random import Stream
from mdlcodec.mixing.switch_distribution import Calibration
from mdlcodec.predictors.kernel import FAMILY, KernelPredictor, example_distances
from mdlcodec.predictors.kernel_features import dimensions, is_picture, kernel_columns
from mdlcodec.predictors.presets import KERNEL, KernelEffort

GOLDEN = Path(__file__).parent / "golden" / "good" / "kernel" / "scores.json"
ONE_KERNEL = KernelEffort(filters=4, kernels=((2.0, 0.1),))
TWO_KERNELS = KernelEffort(filters=4, kernels=((0.5, 0.2), (8.0, 0.02)))


def gaussian(n, d, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)


def pictures(n, h, w, c, seed=0):
    return np.random.default_rng(seed).random((n, h, w, c), dtype=np.float32)


def classes(n, k, seed=1):
    return np.random.default_rng(seed).integers(0, k, n).astype(np.int32)


def _predictor(features, k, effort, seed=0):
    return KernelPredictor(len(features), k, example_distances(features, effort, seed), effort)


def all_scores(features, labels, k, effort=ONE_KERNEL, seed=0):
    predictor = _predictor(features, k, effort, seed)
    rows = []
    for i in range(len(labels)):
        rows.append(predictor.predict(i, i + 1))
        predictor.learn(i, i + 1, labels[i : i + 1])
    return np.concatenate(rows)


def ideal_bits(features, labels, k, effort=TWO_KERNELS):
    calibration = Calibration(k, len(effort.kernels))
    _, probability = calibration.frequencies(all_scores(features, labels, k, effort), labels)
    return -np.log2(probability).sum()


# formats/kernel.md, element by element; numpy's elementwise operations round once each


def in_order(terms):
    total = np.float64(0.0)
    for term in terms:
        total = total + term
    return total


def specified_filters(channels, count, seed):
    filters = Stream(seed, 16).normals((9 * channels, count)).astype(np.float64)
    for f in range(count):
        filters[:, f] = filters[:, f] - in_order(filters[:, f]) / (9 * channels)
        filters[:, f] = filters[:, f] / np.sqrt(in_order(filters[:, f] * filters[:, f]))
    return filters


def specified_pooling(rows, side):
    """rows: (m, ...) pooled along the first axis; side: the longer side, which decides the step."""
    step = min(4, (side + 11) // 8)
    b = max(1, step * step // 2)
    weights = [1.0]
    for _ in range(2 * b):
        weights = [x + y for x, y in zip([0.0, *weights], [*weights, 0.0], strict=True)]
    m = len(rows)
    places = range(step // 2 if m % step == 0 else 0, m, step)
    return np.stack(
        [
            in_order(w / 4.0**b * rows[x + t - b] for t, w in enumerate(weights) if 0 <= x + t - b < m)
            for x in places
        ]
    )


def specified_picture(image, filters):
    h, w, channels = image.shape
    s = -(-max(h, w) // 32)
    h, w = h // s, w // s
    root = np.empty((h, w, channels))
    for y, x, c in np.ndindex(root.shape):
        square = image[y * s : (y + 1) * s, x * s : (x + 1) * s, c].astype(np.float64)
        root[y, x, c] = np.sqrt(in_order(square.reshape(-1)) / (s * s))
    padded = np.pad(root, ((1, 1), (1, 1), (0, 0)))
    responses = np.empty((h, w, filters.shape[1]))
    for y, x in np.ndindex(h, w):
        patch = padded[y : y + 3, x : x + 3].reshape(-1)
        patch = patch - in_order(patch) / patch.size
        value = in_order(patch[:, None] * filters) - 0.4 * np.sqrt(in_order(patch * patch))
        responses[y, x] = np.where(value > 0, value, 0.0)
    along_x = specified_pooling(responses.swapaxes(0, 1), max(h, w)).swapaxes(0, 1)
    return np.sqrt(specified_pooling(along_x, max(h, w))).reshape(-1)


def specified_distances(x):
    n = len(x)
    s = np.zeros((n, n))
    for column in x.T:
        s = s - column[:, None] * column[None, :]
    q = -np.diag(s)
    return np.maximum(0.0, (q[:, None] + q[None, :]) + 2.0 * s)


def specified_factor(matrix):
    u = np.triu(matrix)
    for i in range(len(u)):
        for k in range(i):
            u[i, i:] = u[i, i:] - u[k, i] * u[k, i:]
        pivot = np.sqrt(u[i, i])
        u[i, i + 1 :] = u[i, i + 1 :] / pivot
        u[i, i] = pivot
    return u


def specified_scores(x, labels, k, kernels):
    n = len(x)
    d = specified_distances(x)
    m = min(n, 512)
    chosen = [t * n // m for t in range(m)]
    positive = np.sort([d[i, j] for a, i in enumerate(chosen) for j in chosen[:a] if d[i, j] > 0])
    unit = positive[len(positive) // 2] if len(positive) else 1.0
    roots = (1.0, 1.189207115002721, 1.4142135623730951, 1.681792830507429)
    temperatures = np.array([2.0 ** (t // 4) * roots[t % 4] for t in range(29)])
    out = np.empty((n, len(kernels), k))
    for s, (width, ridge) in enumerate(kernels):
        scale = max(width * unit, 1e-300)
        matrix = np.array([[exp(-(v / scale)) for v in row] for row in d])
        np.fill_diagonal(matrix, 1.0 + max(ridge, 0.001))
        u = specified_factor(matrix)
        z, loss = np.zeros((n, k)), np.array([((t / 4 - 3.5) ** 2) / 2 for t in range(29)])
        for i in range(n):
            f = in_order([np.zeros(k), *(u[j, i] * z[j] for j in range(i))])
            out[i, s] = f * temperatures[np.argmin(loss)]
            z[i] = (((np.arange(k) == labels[i]) * 1.0 - 1.0 / k) - f) / u[i, i]
            f = f - max(f)
            for t, temperature in enumerate(temperatures):
                total = in_order(exp(temperature * v) for v in f)
                loss[t] = loss[t] + (log(total) - temperature * f[labels[i]])
    return out


def packed(matrix):
    return matrix[np.triu_indices(len(matrix))]


@pytest.mark.parametrize("n", [1, 2, ROWS, ROWS + 1, 300])
def test_distances_and_factor_are_those_of_the_specification(n):
    x = gaussian(n, 70).astype(np.float64)
    x[n // 2] = x[0]
    distances = squared_distances(np.ascontiguousarray(x.T))
    assert np.array_equal(distances, packed(specified_distances(x)))
    assert distances[row_starts(n)[0] + n // 2] == 0.0
    matrix = x @ x.T + 3.0 * np.eye(n)
    found = packed(matrix)
    for first in range(0, n, ROWS):
        factorise_rows(n, found, first)
    assert np.array_equal(found, packed(specified_factor(matrix)))
    assert np.allclose(found, packed(np.linalg.cholesky(matrix).T), rtol=1e-9, atol=1e-9)


def test_a_matrix_that_is_not_positive_definite_is_refused():
    with pytest.raises(InexactComputation, match="positive definite"):
        factorise_rows(3, np.ones(packed_size(3)), 0)
    with pytest.raises(InexactComputation, match="positive definite"):
        factorise_rows(3, np.full(packed_size(3), np.nan), 0)


@pytest.mark.parametrize("shape", [(8, 8, 1), (4, 5, 3), (14, 9, 1), (28, 28, 1), (33, 40, 2)])
def test_features_of_images_are_those_of_the_specification(shape):
    images = pictures(2, *shape)
    columns = kernel_columns(images, 5, Stream(7, 16))
    assert columns.shape == (dimensions(shape, 5), 2) and columns.flags.c_contiguous
    filters = specified_filters(shape[2], 5, 7)
    for i in range(2):
        assert np.array_equal(columns[:, i], specified_picture(images[i], filters))


@pytest.mark.parametrize("shape", [(5,), (3, 8, 1), (8, 8, 17), (100, 6, 1)])
def test_what_is_no_picture_is_taken_as_it_is(shape):
    features = np.random.default_rng(0).random((3, *shape), dtype=np.float32)
    assert not is_picture(shape)
    columns = kernel_columns(features, 5, Stream(0, 16))
    assert columns.dtype == np.float64 and np.array_equal(columns.T, features.reshape(3, -1))
    assert columns.shape[0] == dimensions(shape, 5)


@pytest.mark.parametrize(("n", "k"), [(1, 3), (90, 3), (12, 1), (530, 2)])
def test_scores_are_those_of_the_specification(n, k):
    x, labels = gaussian(n, 3), classes(n, k)
    kernels = TWO_KERNELS.kernels if n < 100 else ONE_KERNEL.kernels
    found = all_scores(x, labels, k, KernelEffort(4, kernels))
    assert np.array_equal(found, specified_scores(x.astype(np.float64), labels, k, kernels))


def test_every_prediction_is_the_ridge_regression_of_the_labels_before_it():
    n, k, width, ridge = 140, 4, 2.0, 0.1
    x, labels = gaussian(n, 6), classes(n, k)
    d = ((x[:, None].astype(np.float64) - x[None]) ** 2).sum(axis=2)
    positive = np.sort(d[np.triu_indices(n, 1)])
    kernel = np.exp(-d / (width * positive[positive.size // 2]))
    targets = np.eye(k)[labels] - 1.0 / k
    predictor = _predictor(x, k, KernelEffort(4, ((width, ridge),)))
    for i in range(n):
        score = predictor.predict(i, i + 1)[0, 0]
        if i % 9 == 0:
            solved = kernel[i, :i] @ np.linalg.solve(kernel[:i, :i] + ridge * np.eye(i), targets[:i])
            assert np.allclose(score, predictor._scales[0] * solved, atol=1e-10)
        predictor.learn(i, i + 1, labels[i : i + 1])


def test_later_labels_and_inputs_change_no_earlier_score():
    n, k, now = 150, 3, 90
    x, labels = gaussian(n, 4), classes(n, k)
    other_labels, other_x = labels.copy(), x.copy()
    other_labels[now:] = (labels[now:] + 1) % k
    other_x[now + 1 :] = x[:now:-1]  # the same inputs, so the same unit of length
    scores, others = all_scores(x, labels, k), all_scores(other_x, other_labels, k)
    assert np.array_equal(scores[: now + 1], others[: now + 1])
    assert not np.array_equal(scores[now + 1], others[now + 1])


def test_batches_learn_what_single_labels_teach():
    n, k = 100, 3
    x, labels = gaussian(n, 4), classes(n, k)
    single = _predictor(x, k, TWO_KERNELS)
    for i in range(80):
        single.predict(i, i + 1)
        single.learn(i, i + 1, labels[i : i + 1])
    batched = _predictor(x, k, TWO_KERNELS)
    batched.predict(0, 70)
    batched.learn(0, 70, labels[:70])
    batched.learn(70, 80, labels[70:80])
    assert np.array_equal(single.predict(80, 81), batched.predict(80, n)[:1])
    with pytest.raises(ValueError, match="80 labels known"):
        batched.predict(79, 80)


@pytest.mark.parametrize(
    ("features", "k"),
    [
        (np.zeros((80, 3), np.float32), 2),  # all alike
        (np.repeat(gaussian(4, 3), 30, axis=0), 3),  # most distances 0
        (np.full((70, 8, 8, 1), 0.5, np.float32), 2),
        (pictures(1, 8, 8, 1), 2),
        (gaussian(1, 1), 1),
        (gaussian(40, 2) * np.float32(1e-30), 2),
        (gaussian(30, 2), 1000),
    ],
)
def test_degenerate_inputs_have_finite_scores(features, k):
    for preset in (1, 5, 9):
        scores = all_scores(features, classes(len(features), k), k, KERNEL[preset])
        assert scores.shape == (len(features), len(KERNEL[preset].kernels), k)
        assert np.isfinite(scores).all()


def test_the_first_label_is_predicted_uniformly():
    assert not all_scores(gaussian(3, 2), classes(3, 4), 4)[0].any()


def test_codelengths():
    centres = gaussian(3, 5, seed=2) * 4
    labels = classes(200, 3)
    near = centres[labels] + gaussian(200, 5, seed=3)
    assert ideal_bits(near, labels, 3) < 30  # uniform: 317
    noise = classes(1000, 10)
    assert ideal_bits(gaussian(1000, 5), noise, 10) < 1000 * np.log2(10) * 1.005 + 8


def test_the_cost_is_known_and_capped_before_anything_is_allocated():
    def inputs(n, *shape):
        return Inputs(np.broadcast_to(np.float32(0), (n, *shape)), bytes(32))

    cost = FAMILY.cost(inputs(1797, 8, 8, 1), 10, 5)
    factors = 5 * 1797**3 // 6
    assert 8 * factors < cost.work < 30 * factors and 40 << 20 < cost.memory < 200 << 20
    assert FAMILY.cost(inputs(16384, 10), 2, 1).memory > 16384**2 * 8
    with pytest.raises(LimitExceeded, match="16,384"):
        FAMILY.cost(inputs(16385, 10), 2, 1)
    with pytest.raises(Unsupported, match="preset 11"):
        FAMILY.cost(inputs(10, 10), 2, 11)


def scores_digest(name):
    """SHA-256 of the scores for inputs made of Philox's words alone."""
    n, shape, k, preset = {"table": (150, (7,), 3, 5), "images": (70, (8, 8, 1), 4, 3)}[name]
    words = np.random.Philox(key=np.array([1, 2], np.uint64)).random_raw(n * int(np.prod(shape)) + n)
    features = ((words[n:] >> np.uint64(40)).astype(np.float64) / 2**24).astype(np.float32).reshape(n, *shape)
    labels = (words[:n] % np.uint64(k)).astype(np.int32)
    scores = all_scores(features, labels, k, KERNEL[preset], seed=5)
    return hashlib.sha256(scores.astype("<f8").tobytes()).hexdigest()


@pytest.mark.parametrize("name", ["table", "images"])
def test_golden_scores(name):
    assert scores_digest(name) == json.loads(GOLDEN.read_text())[name]


SETTINGS = [
    {"NUMBA_NUM_THREADS": "1"},
    {"NUMBA_NUM_THREADS": "2"},
    {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""},
]


@pytest.mark.parametrize("settings", SETTINGS)
def test_threads_and_instruction_sets_change_nothing(settings):
    code = "import test_kernel; print(test_kernel.scores_digest('images'))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parent,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **settings},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == json.loads(GOLDEN.read_text())["images"]
