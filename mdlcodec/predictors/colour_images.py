"""What presets 4 to 9 learn large images in colour with (formats/prequential.md, "Large images in colour").

A narrow form of Jordan 2024, "94% on CIFAR-10 in 3.29 seconds on a single GPU": whitened patches, then stages that
begin as the identity.
"""

from dataclasses import replace

import numpy as np
from typing_extensions import override

from mdlcodec.container.ids import NetId
from mdlcodec.data.dataset import Inputs
from mdlcodec.errors import Unsupported
from mdlcodec.exact.integers import DIGITS
from mdlcodec.limits import Cost
from mdlcodec.nn.graph import Graph, channels_first, sequence
from mdlcodec.nn.node import Node, Shape
from mdlcodec.nn.nodes import Convolution, Gelu, Linear, MaxPooling, Normalisation
from mdlcodec.predictors import in_large_colour
from mdlcodec.predictors.contract import ImageFamily, Predictor
from mdlcodec.predictors.images import ImagePredictor, ImageRecipe, image_cost
from mdlcodec.predictors.pictures import standardised, stopped
from mdlcodec.predictors.presets import COLOUR, check_preset
from mdlcodec.predictors.whitening import Whitening, unfitted_whitening, whitening_memory, whitening_of

_STATISTICS_RATE = 0.2


def _half(channels: int, *pooling: Node) -> list[Node]:
    gain = float(np.sqrt(1.0 / 3.0))
    kernels = Convolution(channels, padding=1, bias=False, gain=gain, digits=DIGITS, identity=True)
    return [kernels, *pooling, Normalisation(rate=_STATISTICS_RATE, gain=False), Gelu()]


def _graph(whitening: Whitening, widths: tuple[int, ...]) -> Graph:
    nodes: list[Node] = [whitening, Gelu()]
    for width in widths:
        nodes += [*_half(width, MaxPooling()), *_half(width)]
    # scores of size 1 / root of the width
    output = Linear(gain=float(np.sqrt(1.0 / widths[-1])), digits=DIGITS, bias=False)
    return sequence(*nodes, MaxPooling(kernel=None), output)


def recipe_for(shape: Shape, k: int, preset: int, whitening: Whitening | None = None) -> ImageRecipe:
    """How images of that shape (c, h, w) are learned; ``whitening``: of these inputs, None to know what it
    costs."""
    effort = COLOUR[preset]
    filters = unfitted_whitening(shape[0]) if whitening is None else whitening
    return ImageRecipe(
        graph=_graph(filters, effort.widths).for_outputs(k),
        members=effort.members,
        scale=effort.images,
    )


class ColourImagesFamily(ImageFamily):
    """Networks of large images in colour."""

    name = "cnn"
    number: int = NetId.COLOUR_CNN

    def _shape(self, inputs: Inputs, preset: int) -> Shape:
        check_preset(preset)
        if not in_large_colour(inputs, preset):
            raise Unsupported(
                f"the file uses network number {self.number} for these images, or with preset {preset}, which this "
                "version does not know; upgrade mdlcodec"
            )
        return channels_first(inputs.features.shape[1:])

    @override
    def cost(self, inputs: Inputs, k: int, preset: int) -> Cost:
        shape = self._shape(inputs, preset)
        cost = image_cost(inputs.n, shape, recipe_for(shape, k, preset))
        # the images as they came, and standardised, and patches of the first ones
        memory = cost.memory + 2 * inputs.features.nbytes + whitening_memory(inputs.features.shape)
        return Cost(cost.parameters, cost.work, memory, cost.sets)

    @override
    def start(self, inputs: Inputs, k: int, preset: int, seed: int) -> ImagePredictor:
        shape, features = self._shape(inputs, preset), standardised(inputs.features)
        return ImagePredictor(features, k, recipe_for(shape, k, preset, whitening_of(features)), seed)

    @override
    def alone(self, inputs: Inputs, k: int, preset: int, seed: int) -> list[Predictor]:
        shape, features = self._shape(inputs, preset), standardised(inputs.features)
        recipe = recipe_for(shape, k, preset, whitening_of(features))
        return [
            ImagePredictor(features, k, replace(recipe, members=1, scale=stopped(recipe.scale, i)), seed, i)
            for i in range(recipe.members)
        ]

    @override
    def costs_alone(self, inputs: Inputs, k: int, preset: int) -> list[Cost]:
        shape = self._shape(inputs, preset)
        recipe = recipe_for(shape, k, preset)
        scales = (stopped(recipe.scale, i) for i in range(recipe.members))
        return [image_cost(inputs.n, shape, replace(recipe, members=1, scale=scale)) for scale in scales]


FAMILY = ColourImagesFamily()
