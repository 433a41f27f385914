"""What presets 4 to 9 learn large images in colour with (formats/prequential.md, "Large images in colour").

Networks of one kind learn all labels; others, beside them, the first ones, and are pooled with them so long.
"""

from dataclasses import replace
from functools import partial

import numpy as np
from typing_extensions import override

from mdlcodec.container.ids import NetId
from mdlcodec.data.dataset import Inputs
from mdlcodec.limits import Cost
from mdlcodec.nn.node import Shape
from mdlcodec.predictors.contract import ImageFamily, Predictor
from mdlcodec.predictors.images import ImagePredictor, ImageRecipe, image_cost
from mdlcodec.predictors.pictures import large_shape, standardised, stopped
from mdlcodec.predictors.portfolio import Held, Portfolio, portfolio_memory
from mdlcodec.predictors.presets import COLOUR, COLOUR_FIRST
from mdlcodec.predictors.stages import stages
from mdlcodec.predictors.whitening import Whitening, unfitted_whitening, whitening_of


def recipes_for(shape: Shape, k: int, preset: int, whitening: Whitening | None = None) -> list[ImageRecipe]:
    """How images of that shape (c, h, w) are learned: by networks for all labels, and by those for the first ones,
    if the preset has them; ``whitening``: of these inputs, None to know what it costs."""
    filters = unfitted_whitening(shape[0]) if whitening is None else whitening
    return [
        ImageRecipe(stages(filters, kind.widths).for_outputs(k), kind.members, kind.images)
        for kind in COLOUR[preset]
        if kind is not None
    ]


def _examples(n: int) -> tuple[int, int]:
    """How many examples each kind of networks learns."""
    return n, min(n, COLOUR_FIRST)


def _one_by_one(recipes: list[ImageRecipe]) -> list[ImageRecipe]:
    """Each network on its own, with its stopping time."""
    return [
        replace(recipe, members=1, scale=stopped(recipe.scale, i))
        for recipe in recipes
        for i in range(recipe.members)
    ]


class ColourImagesFamily(ImageFamily):
    """Networks of large images in colour."""

    name = "cnn"
    number: int = NetId.COLOUR_CNN

    def _begun(self, inputs: Inputs, k: int, preset: int) -> tuple[np.ndarray, list[ImageRecipe]]:
        """Images as they enter, and how they are learned."""
        shape, features = large_shape(self.number, inputs, preset), standardised(inputs.features)
        return features, recipes_for(shape, k, preset, whitening_of(features))

    @override
    def cost(self, inputs: Inputs, k: int, preset: int) -> Cost:
        shape = large_shape(self.number, inputs, preset)
        recipes = recipes_for(shape, k, preset)
        costs = [
            image_cost(n, shape, recipe) for n, recipe in zip(_examples(inputs.n), recipes, strict=False)
        ]
        sets = sum(cost.sets for cost in costs)  # integers
        memory = 2 * inputs.features.nbytes  # the images as they came, and standardised
        if len(costs) > 1:
            sets += 2 + len(costs)  # the pools
            memory += portfolio_memory(inputs.n, k, sets)
        return Cost(
            sum(cost.parameters for cost in costs),  # integers
            sum(cost.work for cost in costs),  # integers
            sum(cost.memory for cost in costs) + memory,  # integers
            sets,
        )

    @override
    def start(self, inputs: Inputs, k: int, preset: int, seed: int) -> Predictor:
        features, recipes = self._begun(inputs, k, preset)
        enter = partial(standardised, like=inputs.features)
        kinds, first = [], 0
        for n, recipe in zip(_examples(inputs.n), recipes, strict=False):
            kinds.append(Held(ImagePredictor(features[:n], k, recipe, seed, first, enter=enter), n, 1))
            first += recipe.members
        return kinds[0].predictor if len(kinds) == 1 else Portfolio(kinds, k)

    @override
    def alone(self, inputs: Inputs, k: int, preset: int, seed: int) -> list[Predictor]:
        features, recipes = self._begun(inputs, k, preset)
        networks, enter = enumerate(_one_by_one(recipes)), partial(standardised, like=inputs.features)
        return [ImagePredictor(features, k, recipe, seed, i, enter=enter) for i, recipe in networks]

    @override
    def costs_alone(self, inputs: Inputs, k: int, preset: int) -> list[Cost]:
        shape = large_shape(self.number, inputs, preset)
        recipes = _one_by_one(recipes_for(shape, k, preset))
        return [image_cost(inputs.n, shape, recipe) for recipe in recipes]


FAMILY = ColourImagesFamily()
