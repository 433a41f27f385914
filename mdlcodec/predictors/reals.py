"""What predicts real numbers: a kernel machine, networks, or both side by side (formats/reals.md, section 5).

A score set is a mean and a deviation, in the units of the target's scale.
"""

from dataclasses import replace

import numpy as np

from mdlcodec.data.dataset import Inputs
from mdlcodec.limits import Cost
from mdlcodec.predictors import KERNEL_LIMIT, SEVERAL, mlp
from mdlcodec.predictors.contract import RealFamily
from mdlcodec.predictors.kernel_regression import FAMILY as KERNEL
from mdlcodec.predictors.objectives import REAL_SCORES
from mdlcodec.predictors.portfolio import Held, Portfolio, portfolio_memory
from mdlcodec.predictors.presets import SWITCHING, effort_of

_TARGETS: np.dtype[np.float64] = np.dtype(np.float64)


def _networks(inputs: Inputs, preset: int, seed: int) -> list[Held]:
    return [Held(network, inputs.n, 0) for network in mlp.FAMILY.networks(inputs, None, preset, seed)]


class _Networks(RealFamily):
    def cost(self, inputs: Inputs, preset: int) -> Cost:
        cost = mlp.FAMILY.cost(inputs, 1, preset)
        sets = cost.sets - 1  # no pool of the networks' own
        held = portfolio_memory(inputs.n, REAL_SCORES, sets)
        return replace(cost, sets=sets, memory=cost.memory + held)

    def start(self, inputs: Inputs, preset: int, seed: int) -> Portfolio:
        return Portfolio(_networks(inputs, preset, seed), REAL_SCORES, _TARGETS)


class _Kernel(RealFamily):
    def cost(self, inputs: Inputs, preset: int) -> Cost:
        return KERNEL.cost(inputs, preset)

    def start(self, inputs: Inputs, preset: int, seed: int) -> Portfolio:
        return Portfolio([Held(KERNEL.start(inputs, preset, seed), inputs.n, 0)], REAL_SCORES, _TARGETS)


class _Several(RealFamily):
    """Networks, and the kernel machine on the first examples."""

    def cost(self, inputs: Inputs, preset: int) -> Cost:
        costs = [_Networks().cost(inputs, preset), _Kernel().cost(_few(inputs, preset), preset)]
        return Cost(
            costs[0].parameters + costs[1].parameters,
            costs[0].work + costs[1].work,
            costs[0].memory + costs[1].memory,
            costs[0].sets + costs[1].sets,
        )

    def start(self, inputs: Inputs, preset: int, seed: int) -> Portfolio:
        few = _few(inputs, preset)
        machine = Held(KERNEL.start(few, preset, seed), few.n, 0)
        return Portfolio([*_networks(inputs, preset, seed), machine], REAL_SCORES, _TARGETS)


def _few(inputs: Inputs, preset: int) -> Inputs:
    """The first examples: all of up to 4,000, else as many as the preset of the switching code says."""
    if inputs.n <= KERNEL_LIMIT:
        return inputs
    return Inputs(inputs.features[: effort_of(SWITCHING, preset)], inputs.digest)


_FAMILIES: dict[str, RealFamily] = {"mlp": _Networks(), "kernel": _Kernel(), SEVERAL: _Several()}


def real_family(name: str) -> RealFamily:
    """The one of that name: ``several``, or a predictor that has reals."""
    return _FAMILIES[name]
