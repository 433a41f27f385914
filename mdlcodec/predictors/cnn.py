"""The small convolutional network for images (`--net cnn`; formats/prequential.md, "cnn")."""

import numpy as np
from typing_extensions import override

from mdlcodec.container.ids import NetId
from mdlcodec.data.dataset import Inputs
from mdlcodec.errors import BadData
from mdlcodec.exact.integers import DIGITS, INPUT_DIGITS
from mdlcodec.exact.sums import column_sums_of_squares
from mdlcodec.limits import Cost
from mdlcodec.nn.graph import Graph, channels_first, sequence
from mdlcodec.nn.node import Node, Shape
from mdlcodec.nn.nodes import Convolution, Flatten, Fold, Linear, MaxPooling, Normalisation, Rectify
from mdlcodec.nn.nodes.flatten import CHANNELS_LAST
from mdlcodec.predictors.contract import PredictorFamily
from mdlcodec.predictors.network_predictor import NetworkPredictor, Recipe, network_cost
from mdlcodec.predictors.presets import CNN, CNN_LARGE, Effort, LargeEffort, effort_of
from mdlcodec.predictors.warps import Warp

# from this side on, 2x2 places are folded into channels first
_LARGE_SIDE = 20
# more pooling until the map is no larger than this
_SMALLEST_MAP = 14


def _convolution(channels: int, first: bool = False) -> list[Node]:
    """A convolution that keeps the size; ``first``: the inputs enter it."""
    digits = INPUT_DIGITS if first else DIGITS
    return [Convolution(channels, padding=1, digits=digits), Normalisation(), Rectify()]


def _fold(shape: Shape) -> Node:
    return Fold() if shape[1] % 2 == 0 and shape[2] % 2 == 0 else MaxPooling()


def _outputs() -> list[Node]:
    return [Flatten(CHANNELS_LAST), Linear(gain=0.1, digits=DIGITS)]


def _graph(shape: Shape, k: int, width: int) -> Graph:
    """The network for images of that shape (c, h, w)."""
    side = min(shape[1:])
    pool: list[Node] = [MaxPooling()] if side >= 2 else []
    if side >= _LARGE_SIDE:
        half = _convolution(width // 2)
        nodes = [_fold(shape), *_convolution(width // 2, first=True), *half, *pool, *_convolution(width)]
    else:
        nodes = [*_convolution(width, first=True), *_convolution(width), *pool, *_convolution(width)]
    return sequence(*nodes, *_outputs()).for_outputs(k)


def _large_graph(shape: Shape, k: int, width: int, wide: int) -> Graph:
    nodes = [_fold(shape), *_convolution(width, first=True), *_convolution(width), MaxPooling()]
    nodes += _convolution(2 * width) * wide
    side = min(shape[1:]) // 4
    while side > _SMALLEST_MAP:
        nodes += [MaxPooling(), *_convolution(2 * width)]
        side //= 2
    return sequence(*nodes, *_outputs()).for_outputs(k)


def _large_recipe(shape: Shape, k: int, amount: LargeEffort) -> Recipe:
    """What presets from 4 on do with images from 20 places on."""
    places = min(shape[1:]) / 28.0
    return Recipe(
        graph=_large_graph(shape, k, amount.width, amount.wide),
        members=amount.members,
        growth=10,
        batch=32,
        steps_base=2,
        steps_scale=amount.steps,
        steps_power=(3, 5),
        rate=4e-3,
        rate_steps=5000.0,
        decay=0.0,
        beta2=0.99,
        horizon=10.0,
        smoothing=0.0,
        # colours are of scenes, where left and right are alike; drawings and letters are grey
        warp=Warp(0.3, 0.18, 0.22, 1.9 * places, 1.9 * places, varied=True, flip=shape[0] == 3),
        selective=True,
        shifted=True,
    )


def recipe_for(shape: Shape, k: int, preset: int) -> Recipe:
    """How images of that shape (c, h, w) are learned; raises Unsupported for an unknown preset."""
    if min(shape[1:]) >= _LARGE_SIDE and preset in CNN_LARGE:
        return _large_recipe(shape, k, CNN_LARGE[preset])
    return _recipe(shape, k, effort_of(CNN, preset))


def _recipe(shape: Shape, k: int, amount: Effort) -> Recipe:
    side = min(shape[1:])
    return Recipe(
        graph=_graph(shape, k, amount.width),
        members=amount.members,
        growth=10,
        batch=32,
        steps_base=2,
        steps_scale=amount.steps,
        steps_power=(3, 4),
        rate=4e-3,
        rate_steps=5000.0,
        decay=0.0,
        beta2=0.99,
        horizon=10.0,
        smoothing=0.0 if side >= _LARGE_SIDE else 0.1,
        warp=Warp(0.2, 0.12, 0.15, side / 22.0, side / 22.0),
    )


def standardised(images: np.ndarray) -> np.ndarray:
    """Images divided by the root of their mean square (float64, then float32)."""
    flat = images.reshape(-1, 1)
    mean_square = column_sums_of_squares(flat)[0] / np.float64(flat.shape[0])
    if mean_square == 0.0:
        return images
    out = np.empty_like(images)
    for i in range(images.shape[0]):  # image by image: no float64 copy of the whole
        out[i] = (images[i].astype(np.float64) / np.sqrt(mean_square)).astype(np.float32)
    return out


class ConvolutionalFamily(PredictorFamily):
    """Convolutional networks of images."""

    name = "cnn"
    number: int = NetId.CNN

    def _check(self, inputs: Inputs) -> Shape:
        if not inputs.is_images:
            raise BadData("--net cnn needs images, and these inputs are columns; choose --net mlp or kernel")
        return channels_first(inputs.features.shape[1:])

    @override
    def cost(self, inputs: Inputs, k: int, preset: int) -> Cost:
        shape = self._check(inputs)
        cost = network_cost(inputs.n, shape, recipe_for(shape, k, preset))
        # the images as they came, and standardised
        return Cost(cost.parameters, cost.work, cost.memory + 2 * inputs.features.nbytes, cost.sets)

    @override
    def start(self, inputs: Inputs, k: int, preset: int, seed: int) -> NetworkPredictor:
        recipe = recipe_for(self._check(inputs), k, preset)
        return NetworkPredictor(standardised(inputs.features), k, recipe, seed)


FAMILY = ConvolutionalFamily()
