"""What presets 4 to 9 learn large images in colour with (formats/prequential.md, "Large images in colour")."""

from dataclasses import replace

from typing_extensions import override

from mdlcodec.container.ids import NetId
from mdlcodec.data.dataset import Inputs
from mdlcodec.limits import Cost
from mdlcodec.nn.node import Shape
from mdlcodec.predictors.contract import ImageFamily, Predictor
from mdlcodec.predictors.images import ImagePredictor, ImageRecipe, image_cost
from mdlcodec.predictors.pictures import large_shape, standardised, stopped
from mdlcodec.predictors.presets import COLOUR
from mdlcodec.predictors.stages import stages
from mdlcodec.predictors.whitening import Whitening, unfitted_whitening, whitening_of


def recipe_for(shape: Shape, k: int, preset: int, whitening: Whitening | None = None) -> ImageRecipe:
    """How images of that shape (c, h, w) are learned; ``whitening``: of these inputs, None to know what it
    costs."""
    effort = COLOUR[preset]
    filters = unfitted_whitening(shape[0]) if whitening is None else whitening
    return ImageRecipe(
        graph=stages(filters, effort.widths).for_outputs(k),
        members=effort.members,
        scale=effort.images,
    )


class ColourImagesFamily(ImageFamily):
    """Networks of large images in colour."""

    name = "cnn"
    number: int = NetId.COLOUR_CNN

    @override
    def cost(self, inputs: Inputs, k: int, preset: int) -> Cost:
        shape = large_shape(self.number, inputs, preset)
        cost = image_cost(inputs.n, shape, recipe_for(shape, k, preset))
        memory = cost.memory + 2 * inputs.features.nbytes  # the images as they came, and standardised
        return Cost(cost.parameters, cost.work, memory, cost.sets)

    @override
    def start(self, inputs: Inputs, k: int, preset: int, seed: int) -> ImagePredictor:
        shape, features = large_shape(self.number, inputs, preset), standardised(inputs.features)
        return ImagePredictor(features, k, recipe_for(shape, k, preset, whitening_of(features)), seed)

    @override
    def alone(self, inputs: Inputs, k: int, preset: int, seed: int) -> list[Predictor]:
        shape, features = large_shape(self.number, inputs, preset), standardised(inputs.features)
        recipe = recipe_for(shape, k, preset, whitening_of(features))
        return [
            ImagePredictor(features, k, replace(recipe, members=1, scale=stopped(recipe.scale, i)), seed, i)
            for i in range(recipe.members)
        ]

    @override
    def costs_alone(self, inputs: Inputs, k: int, preset: int) -> list[Cost]:
        shape = large_shape(self.number, inputs, preset)
        recipe = recipe_for(shape, k, preset)
        scales = (stopped(recipe.scale, i) for i in range(recipe.members))
        return [image_cost(inputs.n, shape, replace(recipe, members=1, scale=scale)) for scale in scales]


FAMILY = ColourImagesFamily()
