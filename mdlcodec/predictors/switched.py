"""The predictors that the switching code runs side by side (formats/switching.md, "Predictors")."""

from functools import partial

from typing_extensions import override

from mdlcodec.container.ids import NetId
from mdlcodec.data.dataset import Inputs
from mdlcodec.errors import Unsupported
from mdlcodec.exact.cholesky import packed_size
from mdlcodec.limits import Cost
from mdlcodec.predictors import KERNEL_LIMIT, SEVERAL, cnn, colour_images, grey_images, kernel, mlp
from mdlcodec.predictors.contract import ImageFamily, PredictorFamily
from mdlcodec.predictors.neighbours import NeighboursPredictor, neighbours_work
from mdlcodec.predictors.portfolio import Held, Portfolio, portfolio_memory
from mdlcodec.predictors.presets import KERNEL, SWITCHING, effort_of


def _few(inputs: Inputs, preset: int) -> Inputs:
    """The first examples: all of up to 4,000, else as many as the preset says."""
    if inputs.n <= KERNEL_LIMIT:
        return inputs
    return Inputs(inputs.features[: effort_of(SWITCHING, preset)], inputs.digest)


def _of_images(number: int) -> ImageFamily:
    """The networks of images, by the number in the file: 0 for those of `cnn`."""
    small: ImageFamily = cnn.FAMILY
    large: dict[int, ImageFamily] = {
        NetId.COLOUR_CNN: colour_images.FAMILY,
        NetId.GREY_CNN: grey_images.FAMILY,
    }
    return large.get(number, small)


def _check_none(number: int) -> None:
    """Raise Unsupported for a number of networks of images, where the inputs are columns."""
    if number != NetId.NONE:
        raise Unsupported(
            f"the file uses network number {number} for columns, which this version does not know; upgrade mdlcodec"
        )


class SwitchedFamily(PredictorFamily):
    """Several predictors at once, under the switch distribution."""

    name = SEVERAL

    def __init__(self, number: int = NetId.NONE) -> None:
        """``number``: of the network in the file, which says what is learned of images."""
        self.number = number

    @override
    def cost(self, inputs: Inputs, k: int, preset: int) -> Cost:
        few = _few(inputs, preset)
        pooled = [kernel.FAMILY.cost(few, k, preset)]
        memory = 0
        if inputs.is_images:
            pooled += _of_images(self.number).costs_alone(inputs, k, preset)
            memory = 2 * inputs.features.nbytes  # the images standardised
        else:
            _check_none(self.number)
            pooled.append(mlp.FAMILY.cost(inputs, k, preset))
        neighbours = Cost(0, neighbours_work(few.n, k), 8 * packed_size(few.n), NeighboursPredictor.sets)
        sets = sum(cost.sets for cost in [*pooled, neighbours]) + len(pooled) + 2  # integers: the pools
        memory += portfolio_memory(inputs.n, k, sets)
        total = Cost(0, 0, memory, len(pooled) + 2)
        for cost in [*pooled, neighbours]:
            total = Cost(
                total.parameters + cost.parameters,
                total.work + cost.work,
                total.memory + cost.memory,
                total.sets + cost.sets,
            )
        return total

    @override
    def start(self, inputs: Inputs, k: int, preset: int, seed: int) -> Portfolio:
        n = inputs.n
        if inputs.is_images:
            entries = [Held(one, n, 1) for one in _of_images(self.number).alone(inputs, k, preset, seed)]
        else:
            _check_none(self.number)
            entries = [Held(mlp.FAMILY.start(inputs, k, preset, seed), n, 1)]
        few, effort = _few(inputs, preset), effort_of(KERNEL, preset)
        distances = kernel.example_distances(few.features, effort, seed)
        beside = partial(kernel.distances_beside, few.features, effort, seed)
        machine = kernel.KernelPredictor(few.n, k, distances, effort, beside)
        entries.append(Held(machine, few.n, machine.sets))
        entries.append(Held(NeighboursPredictor(few.n, k, distances, beside), few.n, 0))
        return Portfolio(entries, k)
