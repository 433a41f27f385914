"""Layers, networks and warps: shapes, independence of the batch, repeatability."""

import numpy as np
import pytest
import torch

from mdlcodec.errors import InexactComputation
from mdlcodec.exact.engines import ENGINES
from mdlcodec.exact.linear import Arithmetic
from mdlcodec.exact.optimisers import Adam
from mdlcodec.exact.random import Stream
from mdlcodec.nn.layers import (
    Activate,
    AverageOverPlaces,
    Convolve,
    Drop,
    Flatten,
    FoldPlaces,
    FullyConnected,
    HalveByMaximum,
    Normalise,
    Pass,
)
from mdlcodec.nn.network import Network, count_activations, count_parameters
from mdlcodec.predictors.warps import Warp, warped

ARITHMETIC = Arithmetic(ENGINES["float64"])
LAYERS = (
    FoldPlaces(),
    Convolve(6),
    Normalise(),
    Activate(),
    HalveByMaximum(),
    Convolve(4, kernel=5),
    Activate(),
    Drop(60000),
    Flatten(),
    FullyConnected(3),
)


def _network(layers=LAYERS, shape=(8, 8, 1)) -> Network:
    return Network(layers, shape, ARITHMETIC, Stream(1, 1), Stream(1, 2))


def _trained(steps: int = 5) -> tuple[Network, np.ndarray]:
    network, x = _network(), Stream(1, 3).normals((20, 8, 8, 1))
    rule = Adam(network.weights)
    for _ in range(steps):
        rule.step(network.weights, network.gradient(x, np.arange(20) % 3, 0.1)[1], 0.01, 0.0)
    return network, x


@pytest.mark.parametrize("layer", [*LAYERS, AverageOverPlaces()], ids=lambda layer: type(layer).__name__)
def test_a_layer_gives_the_shape_it_states(layer):
    shape = (24,) if isinstance(layer, FullyConnected) else (8, 6, 2)
    weights = layer.initial(shape, Stream(0, 1))
    assert [w.shape for w in weights] == layer.shapes(shape)
    statistics = tuple(np.zeros(s, np.float32) for s in layer.statistics(shape))
    run = Pass(ARITHMETIC, training=True, statistics=statistics, noise=Stream(0, 2))
    y, saved = layer.forward(Stream(0, 3).normals((3, *shape)), weights, run)
    assert y.shape == (3, *layer.outputs(shape))
    dx, *gradients = layer.backward(saved, np.ones_like(y), True)
    assert [g.shape for g in gradients] == [w.shape for w in weights]
    assert isinstance(layer, FoldPlaces) or dx.shape == (3, *shape)


def test_counts():
    network = _network()
    assert network.weights.size == count_parameters(LAYERS, (8, 8, 1))
    assert network.state.size == network.weights.size + 12
    assert count_activations((Flatten(),), (8, 8, 1)) == 128


def test_training_lowers_the_loss_and_repeats():
    network, x = _trained(30)
    first = _network().gradient(x, np.arange(20) % 3, 0.0)[0]
    assert network.gradient(x, np.arange(20) % 3, 0.0)[0] < 0.7 * first
    again, _ = _trained(30)
    again.gradient(x, np.arange(20) % 3, 0.0)  # moves the running statistics alike
    assert again.state.tobytes() == network.state.tobytes()


def test_a_prediction_does_not_depend_on_the_batch():
    network, x = _trained()
    together = network.predict(x, network.state)
    alone = np.concatenate([network.predict(row[None].copy(), network.state) for row in x])
    assert together.tobytes() == alone.tobytes()


def test_training_that_diverges_is_an_error():
    network, x = _trained()
    network.weights[:] = np.float32(1e38)
    with pytest.raises(InexactComputation, match="NaN or infinite"):
        network.predict(x, network.state)


def test_fold_keeps_every_value():
    x = np.arange(2 * 4 * 6 * 3, dtype=np.float32).reshape(2, 4, 6, 3)
    y, _ = FoldPlaces().forward(x, [], Pass(ARITHMETIC, training=False))
    assert (y[0, 1, 2] == np.concatenate([x[0, 2, 4], x[0, 2, 5], x[0, 3, 4], x[0, 3, 5]])).all()


def test_no_warp_is_the_image():
    images = Stream(0, 1).normals((4, 7, 9, 2))
    rows = np.array([3, 0, 0])
    assert (warped(images, rows, Warp(0, 0, 0, 0, 0), Stream(0, 2)) == images[rows]).all()


def test_warps_move_little_and_differ():
    images = np.zeros((1, 21, 21, 1), np.float32)
    images[0, 8:13, 8:13] = 1
    out = warped(images, np.zeros(50, np.int64), Warp(0.2, 0.12, 0.15, 1.0, 1.0), Stream(0, 2))
    assert 0.8 < float(out.mean() / images.mean()) < 1.25
    assert len({image.tobytes() for image in out}) == 50
    assert float(out[:, 10, 10].min()) > 0.5


def test_a_shift_moves_by_its_pixels():
    images = np.zeros((1, 9, 9, 1), np.float32)
    images[0, 4, 4] = 1
    out = warped(images, np.zeros(200, np.int64), Warp(0, 0, 0, 2.0, 0), Stream(0, 2))[..., 0]
    y = (out.sum(2) * np.arange(9)).sum(1)
    assert np.abs(y - 4).max() <= 2.0 + 1e-5
    assert np.abs(y - 4).max() > 1.5


def test_varied_warps_are_weaker_and_mirrors_are_half():
    images = np.zeros((1, 21, 21, 1), np.float32)
    images[0, 8:13, 3:6] = 1
    rows = np.zeros(300, np.int64)
    full = warped(images, rows, Warp(0, 0, 0, 3.0, 0), Stream(0, 2))
    varied = warped(images, rows, Warp(0, 0, 0, 3.0, 0, varied=True), Stream(0, 2))
    moved = [np.abs(out - images[0]).sum((1, 2, 3)).mean() for out in (full, varied)]
    assert 0.3 * moved[0] < moved[1] < 0.8 * moved[0]
    mirrored = warped(images, rows, Warp(0, 0, 0, 0, 0, flip=True), Stream(0, 2))
    left = (mirrored == images[0]).all((1, 2, 3))
    assert ((mirrored == images[0, :, ::-1]).all((1, 2, 3)) ^ left).all()
    assert 100 < left.sum() < 200


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode, lambda: torch.device("meta")])
def test_the_callers_mode_of_torch_changes_nothing(mode):
    network, _ = _trained()
    with mode():
        other, _ = _trained()
    assert network.state.tobytes() == other.state.tobytes()
