"""Fully connected networks (`--net mlp`; formats/prequential.md, "mlp") beside a linear model."""

from dataclasses import replace

import numpy as np
from typing_extensions import override

from mdlcodec.container.ids import PROBE_PRESET, NetId
from mdlcodec.data.dataset import Inputs
from mdlcodec.exact.integers import DIGITS, INPUT_DIGITS
from mdlcodec.limits import Cost
from mdlcodec.nn.graph import Graph, sequence
from mdlcodec.nn.nodes import Dropout, Linear, Rectify
from mdlcodec.predictors.contract import PredictorFamily
from mdlcodec.predictors.encoding import encoded, mean_square_norm
from mdlcodec.predictors.network_predictor import NetworkPredictor, Recipe, network_cost
from mdlcodec.predictors.presets import MLP, MLP_PROBE, Effort, effort_of
from mdlcodec.predictors.side_by_side import SideBySide

# of 65536: values kept of the inputs and of hidden units; members take them in turn
_KEPT = ((45875, 45875), (52429, 52429), (45875, 32768))


# of probes: more of the inputs is dropped, and nothing is encoded
_KEPT_OF_PROBES = (32768, 45875)


def _recipe(graph: Graph, steps: int, rate: float, decay: float) -> Recipe:
    return Recipe(
        graph=graph,
        members=1,
        growth=10,
        batch=64,
        steps_base=20,
        steps_scale=steps,
        steps_power=(1, 1),
        rate=rate,
        rate_steps=1e9,
        decay=decay,
        beta2=0.999,
        horizon=8.0,
        smoothing=0.0,
        warp=None,
    )


def _recipes(inputs_gain: float, k: int, amount: Effort) -> list[Recipe]:
    """The networks' recipes, then the linear model's; ``inputs_gain`` for the first layers' weights."""
    recipes = []
    for member in range(amount.members):
        kept_inputs, kept = _KEPT[member % len(_KEPT)]
        graph = sequence(
            Dropout(kept_inputs),
            Linear(amount.width, inputs_gain, INPUT_DIGITS),
            Rectify(),
            Dropout(kept),
            Linear(amount.width, digits=DIGITS),
            Rectify(),
            Dropout(kept),
            Linear(gain=0.0, digits=DIGITS),
        )
        recipes.append(_recipe(graph.for_outputs(k), amount.steps, 1e-3, 0.01))
    linear = sequence(Linear(gain=0.0, digits=INPUT_DIGITS)).for_outputs(k)
    return [*recipes, _recipe(linear, 1, 2e-3, 0.03)]


def _probe_recipes(inputs_gain: float, k: int) -> list[Recipe]:
    """The same of probes: one network with one hidden layer, and the linear model."""
    kept_inputs, kept = _KEPT_OF_PROBES
    network = sequence(
        Dropout(kept_inputs),
        Linear(MLP_PROBE.width, inputs_gain, INPUT_DIGITS),
        Rectify(),
        Dropout(kept),
        Linear(gain=0.0, digits=DIGITS),
    ).for_outputs(k)
    linear = sequence(Linear(gain=0.0, digits=INPUT_DIGITS)).for_outputs(k)
    recipes = [_recipe(network, MLP_PROBE.steps, 2e-3, 0.01), _recipe(linear, 1, 2e-3, 0.03)]
    return [replace(recipe, batch=128, steps_base=5, steps_power=(4, 5), horizon=20.0) for recipe in recipes]


def _columns(features: np.ndarray) -> np.ndarray:
    """Images: (h, w, c) -> h * w * c."""
    return features.reshape(len(features), -1)


class FullyConnectedFamily(PredictorFamily):
    """Networks of several widths of dropout beside a linear model."""

    name = "mlp"
    number: int = NetId.MLP

    @override
    def cost(self, inputs: Inputs, k: int, preset: int) -> Cost:
        """K is 1 for the one output of real numbers."""
        width = 1
        for extent in inputs.features.shape[1:]:
            width *= extent
        if preset == PROBE_PRESET:
            shape, recipes = (width,), _probe_recipes(1.0, k)
        else:
            # the encoding adds at most three columns to each of many, 512 to all of few
            shape, recipes = (4 * width + 512,), _recipes(1.0, k, effort_of(MLP, preset))
        costs = [network_cost(inputs.n, shape, recipe) for recipe in recipes]
        features = 8 * inputs.n * shape[0]
        return Cost(
            sum(cost.parameters for cost in costs),  # integers
            sum(cost.work for cost in costs),  # integers
            sum(cost.memory for cost in costs) + features,  # integers
            sets=len(recipes) + 1,
        )

    @override
    def start(self, inputs: Inputs, k: int, preset: int, seed: int) -> SideBySide:
        def enter(features: np.ndarray) -> np.ndarray:
            columns = _columns(features)
            return columns if preset == PROBE_PRESET else encoded(columns, _columns(inputs.features))

        return SideBySide(self.networks(inputs, k, preset, seed), enter=enter)

    def networks(self, inputs: Inputs, k: int | None, preset: int, seed: int) -> list[NetworkPredictor]:
        """The members, of k classes, or None: of real numbers; then the linear model."""
        features = _columns(inputs.features)
        features = features if preset == PROBE_PRESET else encoded(features)
        power = mean_square_norm(features)
        # weights N(0, 2 / |x|^2): the first layer's outputs have variance 2, whatever the inputs' scale
        gain = float(np.sqrt(2.0 * features.shape[1] / power)) if power > 0.0 else 1.0
        recipes = (
            _probe_recipes(gain, 1 if k is None else k)
            if preset == PROBE_PRESET
            else _recipes(gain, 1 if k is None else k, effort_of(MLP, preset))
        )
        return [NetworkPredictor(features, k, recipe, seed, number) for number, recipe in enumerate(recipes)]


FAMILY = FullyConnectedFamily()
