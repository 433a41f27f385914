"""Training that pays for the bits of the network: the loss plus the price of writing the quantised weights.

Minimises  mean loss (nats) + exchange * (ln 2 / n) * bits(network),  which at exchange 1 is the length of the
two-part code itself (Blier & Ollivier 2018, section 3.1; Hinton & van Camp 1993): one bit of the network is worth
one bit of labels. Weights are integers times one step per tensor, the steps learned; the loss sees the rounded
weights and its gradient passes straight through the rounding, as in entropy-penalised training (Oktay et al. 2020).
"""

import math
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch.nn import functional

from mdlcodec.nn.architectures import Layered, Shape
from mdlcodec.sender.descent import checked_loss, cooled, scaled
from mdlcodec.sender.sparsify import quantisation
from mdlcodec.sender.sparsify.adam import Adam
from mdlcodec.sender.sparsify.augmentation import moved_copies
from mdlcodec.sender.sparsify.float_network import Tensors, batches, forward
from mdlcodec.sender.sparsify.task import Task
from mdlcodec.sender.sparsify.units import live_units, shrunk


@dataclass(frozen=True)
class Recipe:
    """Settings; moments are fractions of all steps."""

    widths: tuple[int, ...]  # hidden units to begin with
    steps: int
    rate: float  # largest learning rate of the weights, in quantisation steps
    exchange: float  # bits of labels that one bit of the network is worth
    batch: int = 128
    copies: int = 4  # moved copies of the training images
    strength: float = 1.0  # of their movements
    priced_from: float = 0.05  # the price grows from nothing here ...
    priced_in_full: float = 0.5  # ... to its full amount here
    quantised_from: float = 0.3  # until then the loss sees the weights before rounding
    cooling_from: float = 0.3  # the learning rate falls along a cosine from here to the end
    step_rate: float = 2e-3  # learning rate of the logarithms of the quantisation steps


# by the architecture's name
RECIPES = {
    "lenet5": Recipe(widths=(8, 16, 64), steps=40_000, rate=0.015, exchange=1.2),
    "lenet-300-100": Recipe(widths=(100, 40), steps=40_000, rate=0.01, exchange=0.3),
}
_WARM_UP = 300  # steps of a learning rate that rises
_REFRESHED = 50  # steps between two looks at what the weights cost
# steps between two removals of dead units: a multiple of _REFRESHED, as prices have shapes too
_SHRUNK = 1000
_LOOKED_AT = 4096  # examples whose features set the first step
_BIAS_STEP = 0.2
_BIAS_PRICE = 5.0  # bits


def number_of_steps(architecture: Layered, effort: float, n: int) -> int:
    """Steps of `sparsify` for n examples."""
    return scaled(RECIPES[architecture.name].steps, effort, n)


def sparsify(task: Task, recipe: Recipe | None = None) -> Tensors:
    """The trained and quantised network, without dead units: levels times a step for each tensor.

    ``recipe``: the architecture's by default. Raises InexactComputation when the training diverges.
    """
    recipe = recipe or RECIPES[task.architecture.name]
    recipe = replace(recipe, steps=task.scaled(recipe.steps), batch=task.batch(recipe.batch))
    generator = torch.Generator().manual_seed(task.seed)
    x, y = task.x, task.y
    if task.are_images:
        x = task.arranged(moved_copies(task.pictures(), recipe.copies, recipe.strength, generator))
        y = y.repeat(recipe.copies + 1)
    return _train(task, recipe, x, y, generator)


def _train(
    task: Task, recipe: Recipe, x: torch.Tensor, y: torch.Tensor, generator: torch.Generator
) -> Tensors:
    """The network trained on ``x`` (m, ...), as `arranged` gives it, of the classes ``y`` (m,) int64.

    These may be more than the task's examples, whose number sets the price of a bit.
    """
    architecture, largest = task.architecture, 2 ** (task.bits - 1) - 1
    size = x[:_LOOKED_AT].float().square().mean().sqrt().item()
    values, steps = _start(task.shapes(recipe.widths), size, generator)
    optimiser = Adam()
    price = recipe.exchange * math.log(2) / len(task.x)
    order = batches(len(x), recipe.batch, generator)
    prices: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}
    recent = 0.0
    for done in range(recipe.steps):
        part = done / recipe.steps
        chosen = next(order)
        for tensor in (*values.values(), *steps.values()):
            tensor.grad = None
            tensor.requires_grad_()
        hard = part >= recipe.quantised_from
        shown = {
            name: (quantisation.straight_through(v, largest) if hard else v) * steps[name].exp()
            for name, v in values.items()
        }
        loss = functional.cross_entropy(forward(architecture, x[chosen].float(), shown), y[chosen])
        loss.backward()
        recent += (checked_loss(loss.item()) - recent) * (0.01 if done else 1)
        with torch.no_grad():
            if done % _REFRESHED == 0:
                prices = _prices(values, largest)
            ramp = (part - recipe.priced_from) / (recipe.priced_in_full - recipe.priced_from)
            _add_price(values, prices, price * min(max(ramp, 0.0), 1.0))
            rate = _schedule(part, done, recipe)
            optimiser.update({n: t for n, t in values.items() if t.grad is not None}, rate * recipe.rate)
            optimiser.update(
                {n + " step": t for n, t in steps.items() if hard or "weight" in n}, rate * recipe.step_rate
            )
        if (done + 1) % _SHRUNK == 0 and part > recipe.priced_in_full:
            values = _remove_dead(architecture, values, largest, optimiser)
        task.progress(done + 1, recipe.steps, recent)
    return _finish(architecture, values, steps, largest)


def _start(shapes: dict[str, Shape], size: float, generator: torch.Generator) -> tuple[Tensors, Tensors]:
    """Random weights in units of the steps, and the logarithms of the steps, one for each tensor.

    ``shapes``: of the layers' weights, in order; ``size``: root mean square of the inputs.
    """
    values: Tensors = {}
    steps: Tensors = {}
    for name, shape in shapes.items():
        values[f"{name}.weight"] = torch.randn(shape, generator=generator) * 0.8
        steps[f"{name}.weight"] = torch.tensor(math.log(1.2 / math.sqrt(math.prod(shape[1:]))))
        values[f"{name}.bias"] = torch.zeros(shape[0])
        steps[f"{name}.bias"] = torch.tensor(math.log(_BIAS_STEP))
    # what suits pixels from 0 to 1, a third in root mean square, suits features of any size
    steps[f"{next(iter(shapes))}.weight"] -= math.log(3 * size or 1.0)
    return values, steps


def _prices(values: Tensors, largest: int) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    """What `quantisation.slopes` needs, per tensor."""
    out = {}
    for name, value in values.items():
        quantised = quantisation.levels(value, largest)
        if name.endswith("weight"):
            significance = quantisation.significance_prices(quantised)
        else:
            significance = torch.tensor(_BIAS_PRICE)
        out[name] = significance, quantisation.level_prices(quantised, largest)
    return out


def _add_price(values: Tensors, prices: dict[str, tuple[torch.Tensor, torch.Tensor]], price: float) -> None:
    """Adds the gradient of the price (nats a bit) to the gradients of the loss."""
    for name, value in values.items():
        if value.grad is not None:
            value.grad += price * quantisation.slopes(value, *prices[name])


def _schedule(part: float, done: int, recipe: Recipe) -> float:
    """The learning rate as a share of its largest: warm-up, flat, cosine."""
    if part < recipe.cooling_from:
        return min(1.0, (done + 1) / _WARM_UP)
    return cooled(part, recipe.cooling_from) + 1e-3


def _remove_dead(architecture: Layered, values: Tensors, largest: int, optimiser: Adam) -> Tensors:
    """The values without the units that the quantised weights leave dead."""
    values = {name: value.detach() for name, value in values.items()}
    units = live_units(architecture, {name: quantisation.levels(v, largest) for name, v in values.items()})
    optimiser.shrink(partial(shrunk, architecture, units=units))
    return shrunk(architecture, values, units)


def _finish(architecture: Layered, values: Tensors, steps: Tensors, largest: int) -> Tensors:
    """Levels times steps; steps are rounded to 8 significant bits, so that every product is short."""
    tensors = {}
    for name, value in values.items():
        step = steps[name].detach().exp().bfloat16().float()
        tensors[name] = quantisation.levels(value.detach(), largest) * step + 0.0
    return shrunk(architecture, tensors, live_units(architecture, tensors))
