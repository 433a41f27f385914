"""What is left of a pruned network, as the papers count it."""

import numpy as np
import pytest

from mdlcodec.nn.zoo import LENET5, LENET_300_100
from mdlcodec.report.structure import structure_of


def _weights(shapes, reads=None):
    weights = {}
    for layer, shape in shapes.items():
        weights[f"{layer}.weight"] = np.ones(shape, np.float32)
        weights[f"{layer}.bias"] = np.zeros(shape[0], np.float32)
    if reads is not None:
        first = next(iter(weights.values()))
        first[:, reads:] = 0
    return weights


def test_the_vibnet_posters_own_lenet_300_100():
    """Table 1: 97-71-33 is 3.59 % of the weights and 16.98 % of the activations."""
    weights = _weights({"fc1": (71, 784), "fc2": (33, 71), "fc3": (10, 33)}, reads=97)
    found = structure_of(LENET_300_100, weights, (28, 28, 1), 10)
    assert str(found) == "97-71-33"
    assert f"{100 * found.weights_share:.2f}" == "3.59"
    assert f"{100 * found.activations_share:.2f}" == "16.98"
    assert found.multiply_adds == 97 * 71 + 71 * 33 + 33 * 10 == found.nonzeros


def test_lenet5():
    weights = _weights({"conv1": (5, 1, 5, 5), "conv2": (9, 5, 5, 5), "fc1": (20, 9 * 16), "fc2": (10, 20)})
    found = structure_of(LENET5, weights, (28, 28, 1), 10)
    assert str(found) == "5-9-20"
    dense = 125 + 9 * 125 + 20 * 144 + 200
    assert found.weights_share == pytest.approx(dense / 430_500)
    assert found.multiply_adds == 125 * 24 * 24 + 9 * 125 * 64 + 20 * 144 + 200
    assert found.activations_share == pytest.approx((5 * 144 + 9 * 16 + 20) / (20 * 144 + 50 * 16 + 500))


def test_nothing_pruned():
    weights = _weights({"fc1": (300, 784), "fc2": (100, 300), "fc3": (10, 100)})
    found = structure_of(LENET_300_100, weights, (28, 28, 1), 10)
    assert (found.weights_share, found.activations_share, found.nominal) == (1.0, 1.0, 266_200)
