"""What presets 5 to 9 learn large grey images with (formats/prequential.md, "Large grey images").

Networks with selective batches beside wider ones that see mirrored and pasted images, and others that see warped
ones. Which is right for the images shows as their labels come, and kinds together are better than any alone.
"""

from dataclasses import replace
from functools import partial

from typing_extensions import override

from mdlcodec.container.ids import NetId
from mdlcodec.data.dataset import Inputs
from mdlcodec.limits import Cost
from mdlcodec.nn.node import Shape
from mdlcodec.predictors.cnn import large_recipe, large_warp
from mdlcodec.predictors.contract import ImageFamily, Predictor
from mdlcodec.predictors.images import ImagePredictor, ImageRecipe, image_cost
from mdlcodec.predictors.network_predictor import NetworkPredictor, Recipe, network_cost
from mdlcodec.predictors.pictures import large_shape, standardised, stopped
from mdlcodec.predictors.presets import GREY
from mdlcodec.predictors.side_by_side import SideBySide
from mdlcodec.predictors.stages import stages
from mdlcodec.predictors.whitening import Whitening, unfitted_whitening, whitening_of


def _groups(kinds: int) -> list[list[int]]:
    """Kinds that are pooled: the first and each other one; all, if they are more than two."""
    pairs = [[0, other] for other in range(1, kinds)]
    return pairs if kinds == 2 else [*pairs, list(range(kinds))]


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

    @override
    def cost(self, inputs: Inputs, k: int, preset: int) -> Cost:
        shape = large_shape(self.number, inputs, preset)
        selective, wide = recipes_for(shape, k, preset)
        costs = [network_cost(inputs.n, shape, selective)]
        costs += [image_cost(inputs.n, shape, recipe) for recipe in wide]
        memory = 2 * inputs.features.nbytes  # the images as they came, and standardised
        return Cost(
            sum(cost.parameters for cost in costs),  # integers
            sum(cost.work for cost in costs),  # integers
            sum(cost.memory for cost in costs) + memory,  # integers
            sum(cost.sets for cost in costs) + len(_groups(len(costs))),  # integers
        )

    @override
    def start(self, inputs: Inputs, k: int, preset: int, seed: int) -> SideBySide:
        shape, features = large_shape(self.number, inputs, preset), standardised(inputs.features)
        selective, wide = recipes_for(shape, k, preset, whitening_of(features))
        enter = partial(standardised, like=inputs.features)
        kinds: list[Predictor] = [NetworkPredictor(features, k, selective, seed)]
        first = selective.members
        for recipe in wide:
            kinds.append(ImagePredictor(features, k, recipe, seed, first))
            first += recipe.members
        return SideBySide(kinds, _groups(len(kinds)), enter)

    @override
    def alone(self, inputs: Inputs, k: int, preset: int, seed: int) -> list[Predictor]:
        shape, features = large_shape(self.number, inputs, preset), standardised(inputs.features)
        selective, wide = _one_by_one(*recipes_for(shape, k, preset, whitening_of(features)))
        enter = partial(standardised, like=inputs.features)
        firsts, others = enumerate(selective), enumerate(wide, len(selective))
        return [
            *(NetworkPredictor(features, k, recipe, seed, i, enter=enter) for i, recipe in firsts),
            *(ImagePredictor(features, k, recipe, seed, i, enter=enter) for i, recipe in others),
        ]

    @override
    def costs_alone(self, inputs: Inputs, k: int, preset: int) -> list[Cost]:
        shape = large_shape(self.number, inputs, preset)
        selective, wide = _one_by_one(*recipes_for(shape, k, preset))
        return [
            *(network_cost(inputs.n, shape, recipe) for recipe in selective),
            *(image_cost(inputs.n, shape, recipe) for recipe in wide),
        ]


FAMILY = GreyImagesFamily()
