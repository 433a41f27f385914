"""What a way of training a sparse network is, and what a sender may choose of one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields

import torch

from mdlcodec.nn.graph import Graph, Vertex
from mdlcodec.nn.zoo import Architecture
from mdlcodec.sender.by_layer import by_tensor
from mdlcodec.sender.examples import COPIES
from mdlcodec.sender.float_network import Tensors
from mdlcodec.sender.loop import Trainer
from mdlcodec.sender.task import Task

BITS = 4  # of a tensor's codebook


@dataclass(frozen=True)
class Choices:
    """What a sender chooses; None for a method's own.

    ``bits``: at most 2^bits values a tensor, or of each layer (`sender.by_layer`); ``strength``: what the method
    calls so; ``shares``: of each layer's weights that go, in its place; ``gamma``: one for each layer
    with noise; ``rho``: factor of the squared weights, counted as a strength in nats is; ``tamade``: share by
    which the loss may rise, 0 to leave it out; ``rgp``: whether weights that cannot act go; ``teacher``: whether
    what is left learns the soft labels of a dense network; ``priced``: whether
    training goes on under the price of bits in place of codebooks; ``copies`` of the images and how far they are
    ``moved`` (see `sender.moved_copies`): while weights leave, and afterwards; ``as_published``: settings of the
    paper rather than ours.
    """

    bits: int | tuple[tuple[str, int], ...] = BITS
    strength: float | None = None
    shares: float | tuple[tuple[str, float], ...] | None = None
    gamma: tuple[float, ...] | None = None
    rho: float | None = None
    tamade: float | None = None
    rgp: bool | None = None
    teacher: bool | None = None
    priced: bool | None = None
    copies: tuple[int, int] | None = None
    moved: tuple[float, float] | None = None
    as_published: bool = False

    def bits_of(self, names: Iterable[str]) -> dict[str, int]:
        """Of each tensor. Raises BadData for a layer that there is not."""
        names = list(names)
        return dict.fromkeys(names, BITS) | by_tensor(self.bits, names, "bits")

    def copies_of(self, afterwards: bool, copies: int, moved: float) -> tuple[int, float]:
        """How many copies and how far they are moved, while weights leave or afterwards; as given for None."""
        return (
            copies if self.copies is None else self.copies[afterwards],
            moved if self.moved is None else self.moved[afterwards],
        )

    def given(self) -> list[str]:
        """Names of those that are not a method's own choice, but for ``bits``."""
        values = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "bits"}
        return [name for name, value in values.items() if value is not None and value is not False]


@dataclass(frozen=True)
class Sparsifier:
    """A way to train a sparse network whose tensors have at most 2^bits values each.

    ``steps``: of BATCH examples, of an architecture, choices, an effort and so many examples; ``strengths``: the
    least and the largest that it takes; ``frontier``: between which it goes from little to much; ``takes``: the
    names of the other choices that it takes; ``of_share``: whether strengths are the share of weights that go;
    ``of_texts``: whether it trains networks over bytes.
    """

    train: Callable[[Trainer, Choices], Tensors]
    steps: Callable[[Architecture, Choices, float, int], int]
    strengths: tuple[float, float] = (1e-9, 1e9)
    frontier: tuple[float, float] = (1e-2, 1e2)
    takes: frozenset[str] = frozenset()
    of_share: bool = False
    of_texts: bool = False


class Method(ABC):
    """What one method adds to the training of `penalised`: parameters, a penalty, and what is left in the end.

    Weights are those that gradients move, by the names of the network's tensors; each has its gradient of the mean
    loss when ``penalise`` is called, and moves by Adam afterwards.
    """

    strength: float  # by default
    strengths: tuple[float, float]  # the least and the largest
    frontier: tuple[float, float]  # between which it goes from little to much
    takes: frozenset[str] = frozenset({"rho", "tamade", "rgp", "teacher", "priced", "copies", "moved"})
    of_share = False  # whether strengths are the share of weights that go
    of_texts = True  # whether it trains networks over bytes
    tamade = 0.01  # by default
    rgp = True
    taught = False  # by a teacher, where there are classes
    priced = True
    longer = 1  # training of what is left: times as many steps, at so many times the rate, as others take
    exchange: float | None = None  # of labels' bits for one of the network's; None: as `entropy` has it
    copies = COPIES  # moved ones of the images that it is trained on, by default

    def __init__(self, task: Task, graph: Graph, choices: Choices, steps: int, rng: torch.Generator) -> None:
        """``steps``: of the training; ``rng``: for whatever is drawn."""
        self.task, self.graph, self.choices, self.steps, self.rng = task, graph, choices, steps, rng
        self.chosen = self.strength if choices.strength is None else choices.strength

    def extra(self) -> dict[str, tuple[torch.Tensor, float]]:
        """What else is trained, with its share of the learning rate."""
        return {}

    def shown(self, weights: Tensors) -> Tensors:
        """The weights that the network computes with in training."""
        return weights

    def entering(self, vertex: Vertex, value: torch.Tensor) -> torch.Tensor:
        """A value (m, ...) as it enters a vertex in training."""
        return value

    @abstractmethod
    def penalise(self, weights: Tensors, part: float, price: float) -> None:
        """Adds the gradient of the penalty; ``part`` of the training is done, ``price``: of a nat, in mean
        losses."""

    def moved(  # noqa: B027  # most methods do nothing
        self, weights: Tensors, statistics: Tensors, done: int
    ) -> None:
        """After a step, ``done`` of them before it: what else happens to the weights."""

    @abstractmethod
    def left(self, weights: Tensors) -> Tensors:
        """The weights of the network that is left: what went is 0."""
