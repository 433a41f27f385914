"""Networks of the zoo that learn from the labels before: which there are, and the augmentation of vggb."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from label_sets import blobs, images

from mdlcodec import data
from mdlcodec.container.ids import NetId
from mdlcodec.errors import BadData
from mdlcodec.nn.zoo import ARCHITECTURES
from mdlcodec.predictors.network_predictor import NetworkPredictor
from mdlcodec.predictors.pictures import standardised
from mdlcodec.predictors.zoo_networks import FAMILIES

sys.path.insert(0, str(Path(__file__).parents[1] / "formats"))

from decoder.named_networks import NUMBERS, RECIPE, STEPS, layers_of, mirrored_and_shifted
from decoder.training import Member
from decoder.training import NetworkPredictor as Described


def test_those_without_branches():
    assert set(NUMBERS) == set(FAMILIES)
    names = {family.name for family in FAMILIES.values()}
    assert names == {name for name in ARCHITECTURES if not name.startswith(("resnet", "mobilenet"))}


def test_only_vggb_sees_images_mirrored_and_shifted():
    inputs = data.from_arrays(images(9, 35)[0], None).inputs
    shifts = {number: family._recipe(inputs, 4, 1)[0].training_shift for number, family in FAMILIES.items()}
    assert {number for number, shift in shifts.items() if shift is not None} == {NetId.VGGB}
    assert shifts[NetId.VGGB] == 7


def test_training_with_mirrored_and_shifted_images_is_as_the_page_says():
    x, y = images(20, 8)
    inputs = data.from_arrays(x, None).inputs
    recipe, _ = FAMILIES[NetId.TINY_CNN]._recipe(inputs, 4, 1)
    features = standardised(inputs.features)
    found = NetworkPredictor(features, 4, replace(recipe, training_shift=2), seed=3)
    member = Member(layers_of(NetId.TINY_CNN, features.shape[1:], 4), 3, 0, RECIPE, mirrored_and_shifted(2))
    told = Described(features, 4, [member], [(STEPS[1], 3, 4)], [[0]])
    start = 0
    while start < 20:
        stop = found.block_end(start)
        assert told.block_end(start) == min(20, stop)
        stop = min(20, stop)
        assert found.predict(start, stop).tobytes() == told.predict(start, stop).tobytes()
        found.learn(start, stop, y[start:stop])
        told.learn(start, stop, y[start:stop])
        start = stop
    plain = NetworkPredictor(features, 4, recipe, seed=3)
    plain.learn(0, 8, y[:8])
    other = NetworkPredictor(features, 4, replace(recipe, training_shift=2), seed=3)
    other.learn(0, 8, y[:8])
    assert plain.predict(8, 20).tobytes() != other.predict(8, 20).tobytes()


def test_columns_do_not_fit_networks_of_images():
    inputs = data.from_arrays(blobs(20, 3)[0], None).inputs
    with pytest.raises(BadData, match="--net tiny-cnn needs images"):
        FAMILIES[NetId.TINY_CNN].cost(inputs, 4, 1)
    assert FAMILIES[NetId.SHALLOW].cost(inputs, 4, 1).parameters > 5000
    assert np.isfinite(FAMILIES[NetId.NARROW_MLP].start(inputs, 4, 1, 0).predict(0, 20)).all()
