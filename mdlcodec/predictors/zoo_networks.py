"""Networks of the zoo that learn from the labels before (formats/prequential.md, "Networks by name").

So the networks of Blier & Ollivier 2018, figure 2, have prequential codelengths. The recipe is one for all, but for
the augmentation, which belongs to vggb.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from typing_extensions import override

from mdlcodec.container.ids import NetId
from mdlcodec.data.dataset import Inputs
from mdlcodec.limits import Cost
from mdlcodec.nn.graph import Graph
from mdlcodec.nn.node import Shape
from mdlcodec.nn.nodes import Linear
from mdlcodec.nn.zoo import ARCHITECTURES, Architecture
from mdlcodec.predictors.contract import PredictorFamily
from mdlcodec.predictors.network_predictor import NetworkPredictor, Recipe, network_cost
from mdlcodec.predictors.pictures import standardised
from mdlcodec.predictors.presets import ZOO_STEPS, effort_of

# images are shifted by up to a part of their smaller side
_SHIFTED_PART = 5


def _begun(graph: Graph) -> Graph:
    """The same, whose last layer's weights start as 0: before any label all classes are as likely."""
    last = graph.vertices[-1]
    assert isinstance(last.node, Linear)
    return Graph((*graph.vertices[:-1], replace(last, node=replace(last.node, gain=0.0))))


class ZooNetworkFamily(PredictorFamily):
    """A network of the zoo without branches."""

    def __init__(self, architecture: Architecture) -> None:
        self._architecture = architecture
        self.name, self.number = architecture.name, architecture.number

    def _recipe(self, inputs: Inputs, k: int, preset: int) -> tuple[Recipe, Shape]:
        """The recipe, and the shape (c, h, w) or (d,) in which examples enter. Raises BadData, Unsupported."""
        graph, entering = self._architecture.for_targets(inputs.features.shape[1:], k)
        augmented = self.number == NetId.VGGB
        recipe = Recipe(
            graph=_begun(graph),
            members=1,
            growth=10,
            batch=32,
            steps_base=2,
            steps_scale=effort_of(ZOO_STEPS, preset),
            steps_power=(3, 4),
            rate=3e-4,
            rate_steps=1e9,
            decay=0.0,
            beta2=0.999,
            horizon=10.0,
            smoothing=0.0,
            warp=None,
            training_shift=min(entering[1:]) // _SHIFTED_PART if augmented else None,
        )
        return recipe, entering

    @override
    def cost(self, inputs: Inputs, k: int, preset: int) -> Cost:
        recipe, entering = self._recipe(inputs, k, preset)
        cost = network_cost(inputs.n, entering, recipe)
        return replace(cost, memory=cost.memory + 2 * inputs.features.nbytes)

    @override
    def start(self, inputs: Inputs, k: int, preset: int, seed: int) -> NetworkPredictor:
        recipe, _ = self._recipe(inputs, k, preset)
        if not inputs.is_images:
            return NetworkPredictor(inputs.features, k, recipe, seed)
        enter = partial(standardised, like=inputs.features)
        return NetworkPredictor(standardised(inputs.features), k, recipe, seed, enter=enter)


FAMILIES: Mapping[int, ZooNetworkFamily] = {
    network.number: ZooNetworkFamily(network) for network in ARCHITECTURES.values() if network.is_prequential
}
