"""Pruning by Dynamic Network Surgery (Guo, Yao & Chen 2016), then codebooks: Zhou et al. 2018, appendix A.1.

Three parts: a dense baseline by SGD with momentum and an inverse-time learning rate; surgery, with Adam on the
shadow weights; codebooks with trained centres. The schedules are of A.1's kind, in fewer and smaller steps than its
51,000 of 1,024 examples; what A.1 leaves open (the decay, the stages, Adam's rate) is chosen here, and the weight
decay is a tenth of A.1's. Added to A.1: no tensor falls below a smallest share of weights (mean + 4 standard
deviations is beyond the largest weight of a small layer), and units that died leave between
stages, which saves time.
"""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import torch
from torch.nn import functional

from mdlcodec.nn.architectures import Layered
from mdlcodec.sender.descent import checked_loss, scaled
from mdlcodec.sender.sparsify.adam import Adam
from mdlcodec.sender.sparsify.centres import quantise
from mdlcodec.sender.sparsify.float_network import Tensors, batches, forward, random_weights
from mdlcodec.sender.sparsify.task import Task
from mdlcodec.sender.sparsify.units import live_units, shrunk


@dataclass(frozen=True)
class Recipe:
    """Settings of the three parts."""

    lengths: tuple[int, int, int] = (4000, 12000, 1000)  # steps of the parts
    batch: int = 128
    rate: float = 0.01  # SGD's first learning rate ...
    decay: float = 0.05  # ... divided by 1 + decay * (steps // 125)
    momentum: float = 0.9
    weight_decay: float = 5e-4
    adam_rate: float = 1e-3  # in the second half of the surgery, and with the centres, falling to 0
    # c of the threshold mean + c * std, by stage
    multiples: tuple[float, ...] = (0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0)
    rising: float = 0.6  # the last multiple holds from this share of the surgery on
    probabilities: tuple[float, ...] = (1.0, 0.1, 0.01, 0.001)  # of updating the masks in a step, by quarter
    hysteresis: float = 0.1  # weights between 1 - h and 1 + h thresholds keep their mask
    least: float = 0.02  # share of a tensor's weights that stays


RECIPE = Recipe()


def number_of_steps(_architecture: Layered, effort: float, n: int) -> int:
    """Steps of `sparsify` for n examples."""
    return sum(scaled(length, effort, n) for length in RECIPE.lengths)


def sparsify(task: Task, recipe: Recipe = RECIPE) -> Tensors:
    """The pruned and quantised network, without dead units. Raises InexactComputation when training diverges."""
    batch = task.batch(recipe.batch)
    generator = torch.Generator().manual_seed(task.seed)
    tensors = random_weights(task.shapes(), generator)
    lengths = [task.scaled(length) for length in recipe.lengths]
    counter = itertools.count(1)

    def progress(loss: float) -> None:
        task.progress(next(counter), sum(lengths), loss)

    order = batches(len(task.x), batch, generator)
    momentum: Tensors = {}
    for done in range(lengths[0]):
        gradients, loss = _gradients(task, tensors, next(order))
        rate = recipe.rate / (1 + recipe.decay * (done * recipe.lengths[0] // lengths[0] // 125))
        for name, gradient in gradients.items():
            pull = gradient + recipe.weight_decay * tensors[name]
            momentum[name] = recipe.momentum * momentum.get(name, torch.zeros_like(pull)) + pull
            tensors[name] = tensors[name] - rate * momentum[name]
        progress(loss)
    tensors = _surgery(task, tensors, lengths[1], order, recipe, generator, progress)
    tensors = quantise(task, tensors, lengths[2], batch, recipe.adam_rate, generator, progress)
    return shrunk(task.architecture, tensors, live_units(task.architecture, tensors))


def _surgery(
    task: Task,
    tensors: Tensors,
    steps: int,
    order: Iterator[torch.Tensor],
    recipe: Recipe,
    generator: torch.Generator,
    progress: Callable[[float], None],
) -> Tensors:
    """The pruned tensors; gradients of the masked network move the shadow weights (Guo et al., section 3.2)."""
    architecture, optimiser = task.architecture, Adam()
    masks = {name: torch.ones_like(tensor) for name, tensor in tensors.items()}
    stage = -1
    for done in range(steps):
        part = done / steps
        now = min(int(part / recipe.rising * (len(recipe.multiples) - 1)), len(recipe.multiples) - 1)
        probability = recipe.probabilities[int(part * len(recipe.probabilities))]
        if now != stage or torch.rand((), generator=generator).item() < probability:
            for name, tensor in tensors.items():
                masks[name] = _mask(tensor, masks[name], recipe.multiples[now], recipe)
        if now != stage:
            stage = now
            units = live_units(architecture, _masked(tensors, masks))
            masks, tensors = shrunk(architecture, masks, units), shrunk(architecture, tensors, units)
            optimiser.shrink(partial(shrunk, architecture, units=units))
        gradients, loss = _gradients(task, _masked(tensors, masks), next(order))
        for name, gradient in gradients.items():
            tensors[name].grad = gradient
        optimiser.update(tensors, recipe.adam_rate * min(1.0, 2 * (1 - part)))
        progress(loss)
    return _masked(tensors, masks)


def _masked(tensors: Tensors, masks: Tensors) -> Tensors:
    """The weights that the network computes with."""
    return {name: tensor * masks[name] for name, tensor in tensors.items()}


def _mask(tensor: torch.Tensor, mask: torch.Tensor, multiple: float, recipe: Recipe) -> torch.Tensor:
    """The mask (0 or 1) after an update, with hysteresis around mean + multiple * std of sizes: Guo et al., eq. 3.

    The threshold is no higher than lets the recipe's ``least`` share of the tensor pass.
    """
    sizes = tensor.abs()
    if not sizes.any():
        return torch.zeros_like(mask)
    kept = max(1, round(recipe.least * sizes.numel()))
    limit = torch.topk(sizes.flatten(), kept).values[-1] / (1 + recipe.hysteresis)
    threshold = torch.minimum(sizes.mean() + multiple * sizes.std(correction=0), limit)
    mask = torch.where(sizes < (1 - recipe.hysteresis) * threshold, torch.zeros_like(mask), mask)
    return torch.where(sizes >= (1 + recipe.hysteresis) * threshold, torch.ones_like(mask), mask)


def _gradients(task: Task, tensors: Tensors, chosen: torch.Tensor) -> tuple[Tensors, float]:
    """Gradients of the mean loss (nats) of the chosen examples for the tensors that it depends on, and the loss."""
    leaves = {name: tensor.detach().requires_grad_() for name, tensor in tensors.items()}
    loss = functional.cross_entropy(forward(task.architecture, task.x[chosen], leaves), task.y[chosen])
    loss.backward()
    return {name: leaf.grad for name, leaf in leaves.items() if leaf.grad is not None}, checked_loss(
        loss.item()
    )
