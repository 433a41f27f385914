"""The predictors that the switching code runs side by side (formats/switching.md, "Predictors")."""

from collections.abc import Iterator
from dataclasses import replace

from typing_extensions import override

from mdlcodec.container.ids import NetId
from mdlcodec.data.dataset import Inputs
from mdlcodec.exact.cholesky import packed_size
from mdlcodec.limits import Cost
from mdlcodec.nn.graph import channels_first
from mdlcodec.predictors import KERNEL_LIMIT, SEVERAL, cnn, kernel, mlp
from mdlcodec.predictors.contract import PredictorFamily
from mdlcodec.predictors.neighbours import NeighboursPredictor, neighbours_work
from mdlcodec.predictors.network_predictor import NetworkPredictor, Recipe, network_cost
from mdlcodec.predictors.portfolio import Held, Portfolio, portfolio_memory
from mdlcodec.predictors.presets import KERNEL, SWITCHING, effort_of

# no block is larger than this part of the labels, and so many: networks' blocks are a tenth of the labels before
_BLOCKS = 10
# steps of the copies of one network, in sixths of its schedule's: stopping times
_SIXTHS = (6, 5, 4, 3)


def _few(inputs: Inputs, preset: int) -> Inputs:
    """The first examples: all of up to 4,000, else as many as the preset says."""
    if inputs.n <= KERNEL_LIMIT:
        return inputs
    return Inputs(inputs.features[: effort_of(SWITCHING, preset)], inputs.digest)


def _stopped(recipe: Recipe) -> Iterator[Recipe]:
    """One network a recipe: the recipe's members, each with a stopping time of its own."""
    for member in range(recipe.members):
        steps = max(1, recipe.steps_scale * _SIXTHS[member % len(_SIXTHS)] // 6)
        yield replace(recipe, members=1, steps_scale=steps)


def _image_recipes(inputs: Inputs, k: int, preset: int) -> list[Recipe]:
    return list(_stopped(cnn.recipe_for(channels_first(inputs.features.shape[1:]), k, preset)))


def switched(inputs: Inputs, k: int, preset: int, seed: int) -> Portfolio:
    """The predictors for these inputs, before any label; raises Unsupported for an unknown preset."""
    n, entries = inputs.n, []
    if inputs.is_images:
        features = cnn.standardised(inputs.features)
        for number, recipe in enumerate(_image_recipes(inputs, k, preset)):
            entries.append(Held(NetworkPredictor(features, k, recipe, seed, number), n, 1))
    else:
        entries.append(Held(mlp.FAMILY.start(inputs, k, preset, seed), n, 1))
    few, effort = _few(inputs, preset), effort_of(KERNEL, preset)
    distances = kernel.example_distances(few.features, effort, seed)
    machine = kernel.KernelPredictor(few.n, k, distances, effort)
    entries.append(Held(machine, few.n, machine.sets))
    entries.append(Held(NeighboursPredictor(few.n, k, distances), few.n, 0))
    return Portfolio(entries, k)


def switched_cost(inputs: Inputs, k: int, preset: int) -> Cost:
    """What running them takes, before anything is allocated; raises as `switched` does."""
    few = _few(inputs, preset)
    pooled = [kernel.FAMILY.cost(few, k, preset)]
    memory = 0
    if inputs.is_images:
        shape = channels_first(inputs.features.shape[1:])
        pooled += [network_cost(inputs.n, shape, recipe) for recipe in _image_recipes(inputs, k, preset)]
        memory = 2 * inputs.features.nbytes  # the images standardised
    else:
        pooled.append(mlp.FAMILY.cost(inputs, k, preset))
    neighbours = Cost(0, neighbours_work(few.n, k), 8 * packed_size(few.n), NeighboursPredictor.sets)
    sets = sum(cost.sets for cost in [*pooled, neighbours]) + len(pooled) + 2  # integers: the pools
    memory += portfolio_memory(inputs.n // _BLOCKS + _BLOCKS, k, sets)
    total = Cost(0, 0, memory, len(pooled) + 2)
    for cost in [*pooled, neighbours]:
        total = Cost(
            total.parameters + cost.parameters,
            total.work + cost.work,
            total.memory + cost.memory,
            total.sets + cost.sets,
        )
    return total


class SwitchedFamily(PredictorFamily):
    """Several predictors at once, under the switch distribution."""

    name = SEVERAL
    number: int = NetId.NONE

    @override
    def cost(self, inputs: Inputs, k: int, preset: int) -> Cost:
        return switched_cost(inputs, k, preset)

    @override
    def start(self, inputs: Inputs, k: int, preset: int, seed: int) -> Portfolio:
        return switched(inputs, k, preset, seed)


FAMILY = SwitchedFamily()
