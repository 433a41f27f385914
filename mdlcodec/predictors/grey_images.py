"""What presets 5 to 9 learn large grey images with (formats/prequential.md, "Large grey images").

Networks with selective batches beside wider ones that see mirrored and pasted images, and others that see warped
ones. Which is right for the images shows as their labels come, and kinds together are better than any alone.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from typing_extensions import override

from mdlcodec.container.ids import NetId
from mdlcodec.data.dataset import Inputs
from mdlcodec.errors import Unsupported
from mdlcodec.limits import Cost
from mdlcodec.nn.graph import channels_first
from mdlcodec.nn.node import Shape
from mdlcodec.predictors import number_of_images
from mdlcodec.predictors.cnn import large_recipe, large_warp
from mdlcodec.predictors.contract import ImageFamily, Predictor
from mdlcodec.predictors.images import ImagePredictor, ImageRecipe, image_cost
from mdlcodec.predictors.network_predictor import NetworkPredictor, Recipe, network_cost
from mdlcodec.predictors.pictures import standardised, stopped
from mdlcodec.predictors.presets import GREY, check_preset
from mdlcodec.predictors.side_by_side import SideBySide
from mdlcodec.predictors.stages import stages
from mdlcodec.predictors.whitening import Whitening, unfitted_whitening, whitening_memory, whitening_of


class Kinds(SideBySide):
    """Predictors of several kinds: their score sets, then logarithms of mean probabilities of the last score set of
    the first kind and of each other one, then of all, if they are more than two."""

    def __init__(self, members: Sequence[Predictor]) -> None:
        super().__init__(members)
        self.sets += _pools(len(members)) - 1  # integers

    @override
    def pools(self, scores: np.ndarray) -> list[np.ndarray]:
        groups = [scores[[0, other]] for other in range(1, len(scores))]
        return [self.pool(group) for group in (groups if len(groups) == 1 else [*groups, scores])]


def _pools(kinds: int) -> int:
    return 1 if kinds == 2 else kinds


def recipes_for(
    shape: Shape, k: int, preset: int, whitening: Whitening | None = None
) -> tuple[Recipe, list[ImageRecipe]]:
    """How images of that shape (1, h, w) are learned by networks of each kind; ``whitening``: of these inputs, None
    to know what it costs."""
    effort = GREY[preset]
    filters = unfitted_whitening(shape[0]) if whitening is None else whitening
    wide = [
        ImageRecipe(stages(filters, kind.widths).for_outputs(k), kind.members, kind.images, warp)
        for kind, warp in ((effort.mirrored, None), (effort.warped, large_warp(shape)))
        if kind is not None
    ]
    return large_recipe(shape, k, effort.selective), wide


def _one_by_one(selective: Recipe, wide: list[ImageRecipe]) -> tuple[list[Recipe], list[ImageRecipe]]:
    """Each network on its own, with its stopping time."""
    first = [
        replace(selective, members=1, steps_scale=stopped(selective.steps_scale, i))
        for i in range(selective.members)
    ]
    return first, [
        replace(recipe, members=1, scale=stopped(recipe.scale, i))
        for recipe in wide
        for i in range(recipe.members)
    ]


class GreyImagesFamily(ImageFamily):
    """Networks of large grey images."""

    name = "cnn"
    number: int = NetId.GREY_CNN

    def _shape(self, inputs: Inputs, preset: int) -> Shape:
        check_preset(preset)
        if number_of_images(inputs, preset) != self.number:
            raise Unsupported(
                f"the file uses network number {self.number} for these images, or with preset {preset}, which this "
                "version does not know; upgrade mdlcodec"
            )
        return channels_first(inputs.features.shape[1:])

    @override
    def cost(self, inputs: Inputs, k: int, preset: int) -> Cost:
        shape = self._shape(inputs, preset)
        selective, wide = recipes_for(shape, k, preset)
        costs = [network_cost(inputs.n, shape, selective)]
        costs += [image_cost(inputs.n, shape, recipe) for recipe in wide]
        # the images as they came, and standardised, and patches of the first ones
        memory = 2 * inputs.features.nbytes + whitening_memory(inputs.features.shape)
        return Cost(
            sum(cost.parameters for cost in costs),  # integers
            sum(cost.work for cost in costs),  # integers
            sum(cost.memory for cost in costs) + memory,  # integers
            sum(cost.sets for cost in costs) + _pools(len(costs)),  # integers
        )

    @override
    def start(self, inputs: Inputs, k: int, preset: int, seed: int) -> Kinds:
        shape, features = self._shape(inputs, preset), standardised(inputs.features)
        selective, wide = recipes_for(shape, k, preset, whitening_of(features))
        kinds: list[Predictor] = [NetworkPredictor(features, k, selective, seed)]
        first = selective.members
        for recipe in wide:
            kinds.append(ImagePredictor(features, k, recipe, seed, first))
            first += recipe.members
        return Kinds(kinds)

    @override
    def alone(self, inputs: Inputs, k: int, preset: int, seed: int) -> list[Predictor]:
        shape, features = self._shape(inputs, preset), standardised(inputs.features)
        selective, wide = _one_by_one(*recipes_for(shape, k, preset, whitening_of(features)))
        return [
            *(NetworkPredictor(features, k, recipe, seed, i) for i, recipe in enumerate(selective)),
            *(ImagePredictor(features, k, recipe, seed, i) for i, recipe in enumerate(wide, len(selective))),
        ]

    @override
    def costs_alone(self, inputs: Inputs, k: int, preset: int) -> list[Cost]:
        shape = self._shape(inputs, preset)
        selective, wide = _one_by_one(*recipes_for(shape, k, preset))
        return [
            *(network_cost(inputs.n, shape, recipe) for recipe in selective),
            *(image_cost(inputs.n, shape, recipe) for recipe in wide),
        ]


FAMILY = GreyImagesFamily()
