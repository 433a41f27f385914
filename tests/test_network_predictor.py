"""The training loop of networks: schedules, selective batches, shifted predictions, batches of predictions."""

import math

import numpy as np
import pytest

from mdlcodec.exact.random import Stream
from mdlcodec.nn.graph import channels_first
from mdlcodec.nn.work import step_work
from mdlcodec.predictors.cnn import recipe_for
from mdlcodec.predictors.network_predictor import NetworkPredictor, network_cost
from mdlcodec.predictors.presets import CNN_LARGE

SHAPE = (20, 20, 1)


def _images(n: int) -> tuple[np.ndarray, np.ndarray]:
    images, labels = Stream(3, 1).normals((n, *SHAPE)), (np.arange(n) % 3).astype(np.int32)
    for i, label in enumerate(labels):
        images[i, 6 * label : 6 * label + 6] += 2
    return images, labels


def _predictor(n: int, preset: int = 4, at_once: int | None = None) -> tuple[NetworkPredictor, np.ndarray]:
    images, labels = _images(n)
    recipe = recipe_for(channels_first(SHAPE), 3, preset)
    return NetworkPredictor(images, 3, recipe, seed=0, at_once=at_once), labels


@pytest.mark.parametrize("preset", CNN_LARGE)
def test_every_preset_states_its_cost(preset):
    recipe = recipe_for((1, 28, 28), 10, preset)
    cost = network_cost(60000, (1, 28, 28), recipe)
    assert cost.sets == 2
    parameters = recipe.graph.parameters((1, 28, 28)).values()
    assert cost.parameters == recipe.members * sum(math.prod(parameter.shape) for parameter in parameters)
    step = step_work(recipe.graph, (1, 28, 28), recipe.batch)
    assert step > 3 * recipe.batch * recipe.graph.operations((1, 28, 28))
    assert recipe.total_steps(60000) * step < cost.work < 3 * recipe.total_steps(60000) * step


@pytest.mark.parametrize("side", [20, 21, 28, 64, 100])
def test_maps_shrink_to_what_a_last_layer_can_take(side):
    shape = (3, side, side + 3)
    last = recipe_for(shape, 10, 5).graph.shapes(shape)[-3]  # before it is flattened
    assert 4 <= min(last[1:]) <= 14


def test_easy_examples_are_drawn_less_often():
    predictor, _ = _predictor(400)
    member = predictor._members[0]
    member._known[:200] = 0.96
    rows = np.concatenate([member._rows(400) for _ in range(200)])
    assert rows.size == 200 * 32
    # 1/8 of the draws of one half are kept, all of the other's: 1/9 of a batch
    assert abs((rows < 200).mean() - 1 / 9) < 0.02
    member._known[:] = 0.96
    assert member._rows(400).size == 32


def test_training_notes_how_easy_examples_are():
    predictor, labels = _predictor(100)
    predictor.learn(0, 60, labels[:60])
    known = predictor._members[0]._known
    assert (known[60:] == 0).all()
    assert 0.3 < known[:60].mean() <= 1


def test_shifted_predictions_are_of_the_shifted_images():
    images, labels = _images(64)
    moved = np.zeros_like(images)
    moved[:, :, :-1] = images[:, :, 1:]
    recipe = recipe_for(channels_first(SHAPE), 3, 4)
    plain = NetworkPredictor(images, 3, recipe, seed=0)
    plain.learn(0, 32, labels[:32])
    sets = plain.predict(32, 64)
    assert sets.shape == (32, 2, 3)
    plain._features = moved
    alone = [np.exp(sets[:, 0]), np.exp(plain.predict(32, 64)[:, 0])]
    for shift, axis in ((1, 2), (-1, 1), (1, 1)):
        plain._features = np.roll(images, shift, axis)
        edge = 0 if shift == 1 else -1
        plain._features[(slice(None), edge) if axis == 1 else (slice(None), slice(None), edge)] = 0
        alone.append(np.exp(plain.predict(32, 64)[:, 0]))
    assert np.abs(np.mean(alone, 0) - np.exp(sets[:, 1])).max() < 1e-12


def test_a_prediction_does_not_depend_on_how_many_are_made_at_once():
    found = set()
    for at_once in (None, 1, 7):
        predictor, labels = _predictor(50, at_once=at_once)
        predictor.learn(0, 20, labels[:20])
        found.add(predictor.predict(20, 50).tobytes())
    assert len(found) == 1


@pytest.mark.parametrize("preset", range(1, 10))
@pytest.mark.parametrize("side", [1, 3, 8, 19, 20, 33])
def test_every_preset_takes_every_size(side, preset):
    for shape in ((1, side, side), (3, side, side + 2)):
        recipe = recipe_for(shape, 7, preset)
        assert recipe.graph.shapes(shape)[-1] == (7,)
        assert network_cost(100, shape, recipe).parameters > 0
