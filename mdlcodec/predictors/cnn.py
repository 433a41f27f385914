"""The small convolutional network for images (`--net cnn`; formats/prequential.md, "cnn")."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from typing_extensions import override

from mdlcodec.container.ids import NetId
from mdlcodec.data.dataset import Inputs
from mdlcodec.errors import Unsupported
from mdlcodec.exact.integers import DIGITS, INPUT_DIGITS
from mdlcodec.limits import Cost
from mdlcodec.nn.graph import Graph, channels_first, sequence
from mdlcodec.nn.node import Node, Shape
from mdlcodec.nn.nodes import Convolution, Flatten, Fold, Linear, MaxPooling, Normalisation, Rectify
from mdlcodec.nn.nodes.flatten import CHANNELS_LAST
from mdlcodec.predictors import LARGE_SIDE, number_of_images
from mdlcodec.predictors.contract import ImageFamily, Predictor
from mdlcodec.predictors.network_predictor import NetworkPredictor, Recipe, network_cost
from mdlcodec.predictors.pictures import check_images, standardised, stopped
from mdlcodec.predictors.presets import CNN, CNN_LARGE, Effort, LargeEffort, effort_of
from mdlcodec.predictors.warps import Warp

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
    if side >= LARGE_SIDE:
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


def large_warp(shape: Shape) -> Warp:
    """How images of that shape (c, h, w), 20 places a side or more, are warped in training."""
    places = min(shape[1:]) / 28.0
    return Warp(0.3, 0.18, 0.22, 1.9 * places, 1.9 * places, varied=True)


def large_recipe(shape: Shape, k: int, amount: LargeEffort) -> Recipe:
    """What presets from 4 on do with images from 20 places on."""
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
        warp=large_warp(shape),
        selective=True,
        shifted=True,
    )


def recipe_for(shape: Shape, k: int, preset: int) -> Recipe:
    """How images of that shape (c, h, w) are learned; raises Unsupported for an unknown preset."""
    if min(shape[1:]) >= LARGE_SIDE and preset in CNN_LARGE:
        return large_recipe(shape, k, CNN_LARGE[preset])
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
        smoothing=0.0 if side >= LARGE_SIDE else 0.1,
        warp=Warp(0.2, 0.12, 0.15, side / 22.0, side / 22.0),
    )


class ConvolutionalFamily(ImageFamily):
    """Convolutional networks of images."""

    name = "cnn"
    number: int = NetId.CNN

    def _recipe(self, inputs: Inputs, k: int, preset: int) -> Recipe:
        check_images(inputs)
        if number_of_images(inputs, preset) == NetId.COLOUR_CNN:
            raise Unsupported(
                "the file is of an early mdlcodec 0.1, whose networks of large images in colour this version no "
                "longer has; decode it with the version that wrote it"
            )
        return recipe_for(channels_first(inputs.features.shape[1:]), k, preset)

    @override
    def cost(self, inputs: Inputs, k: int, preset: int) -> Cost:
        recipe = self._recipe(inputs, k, preset)
        cost = network_cost(inputs.n, channels_first(inputs.features.shape[1:]), recipe)
        # the images as they came, and standardised
        return Cost(cost.parameters, cost.work, cost.memory + 2 * inputs.features.nbytes, cost.sets)

    @override
    def start(self, inputs: Inputs, k: int, preset: int, seed: int) -> NetworkPredictor:
        recipe = self._recipe(inputs, k, preset)
        enter = partial(standardised, like=inputs.features)
        return NetworkPredictor(standardised(inputs.features), k, recipe, seed, enter=enter)

    def _stopped(self, inputs: Inputs, k: int, preset: int) -> Iterator[Recipe]:
        recipe = self._recipe(inputs, k, preset)
        for member in range(recipe.members):
            yield replace(recipe, members=1, steps_scale=stopped(recipe.steps_scale, member))

    @override
    def alone(self, inputs: Inputs, k: int, preset: int, seed: int) -> list[Predictor]:
        features, enter = standardised(inputs.features), partial(standardised, like=inputs.features)
        recipes = enumerate(self._stopped(inputs, k, preset))
        return [NetworkPredictor(features, k, recipe, seed, i, enter=enter) for i, recipe in recipes]

    @override
    def costs_alone(self, inputs: Inputs, k: int, preset: int) -> list[Cost]:
        shape = channels_first(inputs.features.shape[1:])
        return [network_cost(inputs.n, shape, recipe) for recipe in self._stopped(inputs, k, preset)]


FAMILY = ConvolutionalFamily()
