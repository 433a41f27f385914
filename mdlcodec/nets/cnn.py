"""The small convolutional network for images (`--net cnn`; formats/prequential.md, "cnn")."""

import numpy as np

from mdlcodec.data.dataset import Inputs
from mdlcodec.errors import BadData
from mdlcodec.exact.sums import column_sums_of_squares
from mdlcodec.nets.layers import (
    Activate,
    Convolve,
    Flatten,
    FoldPlaces,
    FullyConnected,
    HalveByMaximum,
    Layer,
    Normalise,
    Shape,
)
from mdlcodec.nets.predictor import Cost
from mdlcodec.training.augmentation import Warp
from mdlcodec.training.network_predictor import NetworkPredictor, Recipe, network_cost
from mdlcodec.training.presets import CNN, Effort, effort_of

# from this side on, 2x2 places are folded into channels first
_LARGE_SIDE = 20


def _convolution(channels: int) -> list[Layer]:
    return [Convolve(channels), Normalise(), Activate()]


def _layers(shape: Shape, k: int, width: int) -> tuple[Layer, ...]:
    """Layers for images of that shape (h, w, c)."""
    side = min(shape[:2])
    pool: list[Layer] = [HalveByMaximum()] if side >= 2 else []
    if side >= _LARGE_SIDE:
        fold: list[Layer] = [FoldPlaces()] if shape[0] % 2 == 0 and shape[1] % 2 == 0 else pool
        layers = [*fold, *_convolution(width // 2), *_convolution(width // 2), *pool, *_convolution(width)]
    else:
        layers = [*_convolution(width), *_convolution(width), *pool, *_convolution(width)]
    return (*layers, Flatten(), FullyConnected(k, gain=0.1))


def recipe_for(shape: Shape, k: int, preset: int) -> Recipe:
    """How images of that shape (h, w, c) are learned; raises Unsupported for an unknown preset."""
    return _recipe(shape, k, effort_of(CNN, preset))


def _recipe(shape: Shape, k: int, amount: Effort) -> Recipe:
    side = min(shape[:2])
    return Recipe(
        layers=_layers(shape, k, amount.width),
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


def _standardised(images: np.ndarray) -> np.ndarray:
    """Images divided by the root of their mean square (float64, then float32)."""
    flat = images.reshape(-1, 1)
    mean_square = column_sums_of_squares(flat)[0] / np.float64(flat.shape[0])
    if mean_square == 0.0:
        return images
    out = np.empty_like(images)
    for i in range(images.shape[0]):  # image by image: no float64 copy of the whole
        out[i] = (images[i].astype(np.float64) / np.sqrt(mean_square)).astype(np.float32)
    return out


class ConvolutionalFamily:
    """See `mdlcodec.nets.predictor.PredictorFamily`."""

    name = "cnn"
    number = 2

    def _check(self, inputs: Inputs) -> Shape:
        if not inputs.is_images:
            raise BadData("--net cnn needs images, and these inputs are columns; choose --net mlp or kernel")
        height, width, channels = inputs.features.shape[1:]
        return (height, width, channels)

    def cost(self, inputs: Inputs, k: int, preset: int) -> Cost:
        """See PredictorFamily.cost."""
        shape, amount = self._check(inputs), effort_of(CNN, preset)
        cost = network_cost(inputs.n, shape, _recipe(shape, k, amount))
        # the images as they came, and standardised
        return Cost(cost.parameters, cost.steps, cost.memory + 2 * inputs.features.nbytes)

    def start(self, inputs: Inputs, k: int, preset: int, seed: int) -> NetworkPredictor:
        """See PredictorFamily.start."""
        recipe = _recipe(self._check(inputs), k, effort_of(CNN, preset))
        return NetworkPredictor(_standardised(inputs.features), k, recipe, seed)


FAMILY = ConvolutionalFamily()
