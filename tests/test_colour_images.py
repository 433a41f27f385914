"""Large images in colour: filters, passes, views, Muon, presets; files of an early version."""

import math
import sys
from pathlib import Path

import numpy as np
import pytest
from label_sets import coloured, images

from mdlcodec import data
from mdlcodec.codes.contract import Given, Settings
from mdlcodec.codes.prequential import LearnedClasses
from mdlcodec.container.ids import NetId
from mdlcodec.data.targets import Classes
from mdlcodec.errors import Unsupported
from mdlcodec.exact.choice import chosen_arithmetic
from mdlcodec.exact.jacobi import eigenvectors
from mdlcodec.exact.muon import Muon, Part
from mdlcodec.exact.random import Stream
from mdlcodec.nn.work import step_work
from mdlcodec.predictors import augmentation, cnn, colour_images
from mdlcodec.predictors.images import ImagePredictor, image_cost
from mdlcodec.predictors.pictures import standardised
from mdlcodec.predictors.presets import COLOUR, ColourEffort
from mdlcodec.predictors.whitening import whitening_of

sys.path.insert(0, str(Path(__file__).parents[1] / "formats"))

from decoder import colour_images as second_decoder
from decoder.portfolio import run as run_portfolio

SHAPE = (3, 32, 32)


def _features(x: np.ndarray) -> np.ndarray:
    return standardised(data.from_arrays(x, None).inputs.features)


def _predictor(n: int = 40, preset: int = 4, at_once: int | None = None):
    x, y = coloured(n)
    features = _features(x)
    recipe = colour_images.recipes_for((3, 22, 20), 4, preset, whitening_of(features))[0]
    return ImagePredictor(features, 4, recipe, seed=0, at_once=at_once), y.astype(np.int64)


@pytest.mark.parametrize("preset", COLOUR)
def test_every_preset_states_its_cost(preset):
    recipe = colour_images.recipes_for(SHAPE, 10, preset)[0]
    cost = image_cost(60000, SHAPE, recipe)
    assert cost.sets == recipe.members + (recipe.members > 1)
    parameters = recipe.graph.parameters(SHAPE).values()
    assert cost.parameters == recipe.members * sum(math.prod(parameter.shape) for parameter in parameters)
    step = step_work(recipe.graph, SHAPE, 64)
    assert step > 3 * 64 * recipe.graph.operations(SHAPE) // 2
    steps = recipe.members * recipe.steps(60000)
    assert steps * step < cost.work < 3 * steps * step


def test_the_schedule_is_what_is_taken():
    predictor, y = _predictor(40)
    recipe = predictor._recipe
    start = 0
    while start < 40:
        stop = min(40, predictor.block_end(start))
        predictor.learn(start, stop, y[start:stop])
        start = stop
    member = predictor._members[0]
    assert member.steps == recipe.steps(40)
    assert recipe.images(30) <= recipe.batch_of(40) * (member.steps + 1)
    assert recipe.images(30) == math.floor(60 * 30**0.75)


@pytest.mark.parametrize("preset", COLOUR)
@pytest.mark.parametrize("side", [20, 21, 28, 33, 64])
def test_every_preset_takes_every_size(side, preset):
    for shape in ((3, side, side), (3, side, side + 2)):
        for recipe in colour_images.recipes_for(shape, 7, preset):
            assert recipe.graph.shapes(shape)[-1] == (7,)


def test_filters_make_patches_white():
    x = Stream(5, 1).normals((300, 20, 22, 3))
    x = x + 0.7 * np.roll(x, 1, 2) + np.float32(2.0) + 0.5 * x[..., ::-1]
    features = _features(x)
    node = whitening_of(features)
    assert node.outputs((3, 20, 22)) == (24, 19, 21)
    from mdlcodec.nn.node import Pass

    arithmetic = chosen_arithmetic()
    run = Pass(arithmetic, training=False)
    array, read = arithmetic.functions.array, arithmetic.functions.read
    value = read(node.forward(run, [], None, array(features))[0])
    flat = value.reshape(-1, 24).astype(np.float64)
    assert np.abs(flat[:, :12] + flat[:, 12:]).max() < 1e-5
    assert np.abs(flat.mean(0)).max() < 0.01
    assert np.abs(flat[:, :12].T @ flat[:, :12] / len(flat) - np.eye(12)).max() < 0.02


def test_filters_of_images_that_are_all_alike():
    for x in (np.zeros((9, 20, 20, 1), np.float32), np.full((9, 20, 20, 3), 7.0, np.float32)):
        node = whitening_of(standardised(x))
        assert np.isfinite(node.weights).all() and np.isfinite(node.bias).all()


def test_eigenvectors_are_those_of_the_matrix():
    for size in (1, 2, 5, 12):
        x = Stream(size, 1).normals((30, size)).astype(np.float64)
        matrix = x.T @ x
        values, vectors = eigenvectors(matrix)
        assert np.abs(matrix @ vectors - vectors * values).max() < 1e-11
        assert np.abs(vectors.T @ vectors - np.eye(size)).max() < 1e-13
        assert np.allclose(np.sort(values), np.linalg.eigvalsh(matrix))
    assert eigenvectors(np.zeros((3, 3)))[1].tolist() == np.eye(3).tolist()


def test_shifts_reflect_and_mirror():
    pixels = np.arange(2 * 5 * 6, dtype=np.float32).reshape(2, 5, 6, 1)
    rows, mirrored = np.array([1, 0, 1]), np.array([False, True, True])
    seen = augmentation.shifted(pixels, rows, mirrored, 2, Stream(1, 4))
    stream = Stream(1, 4)
    down, right = stream.below(5, 3) - 2, stream.below(5, 3) - 2
    assert down.tolist() != right.tolist()
    padded = np.pad(pixels, ((0, 0), (2, 2), (2, 2), (0, 0)), "reflect")
    for i in range(3):
        image = padded[rows[i]]
        if mirrored[i]:  # a shift to the right of what is mirrored is one to the left
            image = image[:, ::-1]
            part = image[2 + down[i] : 7 + down[i], 2 - right[i] : 8 - right[i]]
        else:
            part = image[2 + down[i] : 7 + down[i], 2 + right[i] : 8 + right[i]]
        assert (seen[i] == part).all()


def test_pasted_rectangles_have_the_share_that_is_told():
    shares = []
    for index in range(200):
        x = np.broadcast_to(np.arange(8, dtype=np.float32)[:, None, None, None], (8, 20, 10, 3)).copy()
        mixed = augmentation.pasted(x, Stream(0, 4, index))
        if mixed is None:
            assert (x == np.arange(8)[:, None, None, None]).all()
            continue
        shares.append(mixed.share)
        for i, other in enumerate(mixed.others):
            if other != i:
                assert (x[i] == other).mean() == pytest.approx(mixed.share)
    assert 70 < len(shares) < 130
    assert 0.4 < np.mean(shares) < 0.6
    assert max(shares) < 1


def test_every_example_is_seen_once_a_pass_and_new_ones_join_it():
    predictor, _ = _predictor(40)
    member = predictor._members[0]
    member.enter(0, 12)
    first, faces = member._rows(12, 8)
    member.enter(12, 20)
    rest, _ = member._rows(20, 12)
    assert sorted([*first, *rest]) == list(range(20))
    again, others = member._rows(20, 20)
    assert sorted(again) == list(range(20))
    seen = dict(zip(again, others, strict=True))
    assert [seen[i] for i in first] == [not face for face in faces]  # the other way round in the next pass
    assert 0 < np.sum(faces) < 8


def test_muon_moves_matrices_by_orthogonal_ones():
    arithmetic = chosen_arithmetic()
    for rows, columns in ((6, 40), (40, 6)):
        w = Stream(1, 1).normals((rows * columns,))
        g = Stream(2, 1).normals((rows * columns,))
        parts = [Part(0, w.size, rows, 1.0, 0.0)]
        moved = w.copy()
        Muon(moved, parts, arithmetic).step(moved, g, 0.1)
        scaled = w * np.sqrt(rows) / np.linalg.norm(w)
        update = ((scaled - moved) / 0.1).reshape(rows, columns)
        sizes = np.linalg.svd(update, compute_uv=False)
        assert 0.5 < sizes.min() and sizes.max() < 1.4
        assert np.sum(update.reshape(-1) * g) > 0


def test_muon_follows_nesterov_elsewhere():
    arithmetic, w = chosen_arithmetic(), np.ones(3, np.float32)
    optimiser, momentum = Muon(w, [Part(0, 3, None, 0.5, 0.8)], arithmetic), 0.0
    expected = np.ones(3)
    for step in range(4):
        g = np.array([1.0, -2.0, step], np.float32)
        optimiser.step(w, g, 0.1)
        momentum = 0.8 * momentum + g
        expected -= 0.05 * (0.8 * momentum + g)
    assert np.allclose(w, expected, atol=1e-6)
    zero = np.zeros(4, np.float32)
    Muon(zero, [Part(0, 4, 2, 0.5, 0.8)], arithmetic).step(zero, zero.copy(), 0.1)
    assert (zero == 0).all()


def test_a_prediction_does_not_depend_on_how_many_are_made_at_once():
    found = set()
    for at_once in (None, 1, 7):
        predictor, y = _predictor(30, at_once=at_once)
        predictor.learn(0, 8, y[:8])
        found.add(predictor.predict(8, 30).tobytes())
    assert len(found) == 1


def test_several_members_are_pooled():
    x = coloured(20)[0]
    features = _features(x)
    recipe = colour_images.recipes_for((3, 22, 20), 4, 8, whitening_of(features))[0]
    both = ImagePredictor(features, 4, recipe, seed=0)
    assert (recipe.members, both.sets) == (2, 3)
    scores = both.predict(0, 20)
    mean = np.exp(scores[:, :2] - scores[:, :2].max(2, keepdims=True))
    mean = (mean / mean.sum(2, keepdims=True)).mean(1)
    assert np.allclose(np.exp(scores[:, 2]), np.maximum(mean, 1e-300))
    assert (scores[:, 0] != scores[:, 1]).any()


def test_a_second_kind_learns_the_first_examples_alone(monkeypatch):
    """Both and their pools are score sets until then, the first kind alone after; the second decoder agrees."""
    small = {5: (ColourEffort(9, (4, 6, 6), 1), ColourEffort(6, (2, 4, 4), 2))}
    monkeypatch.setattr(colour_images, "COLOUR", small)
    monkeypatch.setattr(colour_images, "COLOUR_FIRST", 9)
    monkeypatch.setattr(second_decoder, "PRESETS", {5: [(9, 4, 6, 1), (6, 2, 4, 2)]})
    monkeypatch.setattr(second_decoder, "FIRST", 9)
    x, y = coloured(14)
    dataset = data.from_arrays(x, y)
    k = len(dataset.labels.values)
    prepared = LearnedClasses(
        Given(dataset.inputs, Classes(k), Settings(NetId.COLOUR_CNN, 5, 0)), colour_images.FAMILY
    )
    learner = prepared.learner()
    assert learner.sets == 1 + 3 + 4
    payload = prepared.encode(dataset.labels.classes, lambda *told: None).payload
    assert (prepared.decode(payload, lambda *told: None).values == dataset.labels.classes).all()
    portfolio = second_decoder.ColourImages(dataset.inputs.features, k, 5, 0)
    labels, again, scores, _ = run_portfolio(portfolio, 14, k, payload)
    assert (labels == dataset.labels.classes).all()
    assert again == payload
    assert [len(sets) for sets in scores] == [8] * 9 + [1] * 5
    cost = colour_images.FAMILY.cost(dataset.inputs, k, 5)
    assert cost.sets == 8
    found = []
    start = 0
    while start < 14:
        learner.retire(start)
        stop = min(14, learner.block_end(start))
        found += list(learner.predict(start, stop))
        learner.learn(start, stop, dataset.labels.classes[start:stop])
        start = stop
    assert all(one.tobytes() == np.array(other).tobytes() for one, other in zip(found, scores, strict=True))


def test_files_of_an_early_version_are_refused():
    inputs = data.from_arrays(coloured(30)[0], None).inputs
    for preset in COLOUR:
        with pytest.raises(
            Unsupported, match=r"early mdlcodec 0\.1, whose networks of large images in colour"
        ):
            cnn.FAMILY.start(inputs, 4, preset, 0)
    cnn.FAMILY.start(inputs, 4, 3, 0)
    with pytest.raises(Unsupported, match="network number 19"):
        colour_images.FAMILY.start(inputs, 4, 3, 0)
    for x in (coloured(30)[0][:, :19], images(30, 20)[0]):
        with pytest.raises(Unsupported, match="network number 19"):
            colour_images.FAMILY.start(data.from_arrays(x, None).inputs, 4, 4, 0)
