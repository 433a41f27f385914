"""What a plane was asked for, checked, with defaults that suit the data."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mdlcodec.errors import BadData
from mdlcodec.nn.graph import channels_first
from mdlcodec.studies.information_plane.checkpoints import checkpoints as checkpoints_of
from mdlcodec.studies.information_plane.descent import OPTIMISERS, RATES
from mdlcodec.studies.information_plane.estimators import estimators
from mdlcodec.studies.information_plane.examples import CONTROLS, FULL_BATCH, Problem
from mdlcodec.studies.information_plane.networks import OUTPUT, check_units, graph_named, representations
from mdlcodec.studies.information_plane.training import Recipe


@dataclass(frozen=True)
class _Defaults:
    net: str
    batch: int
    epochs: int
    seeds: int
    variance: float


# of Shwartz-Ziv & Tishby 2017 and of section 6 of 2018; epochs and seeds of data so that MNIST's takes minutes
_OF_SYMMETRIC = _Defaults("10-7-5-4-3", 512, 8000, 5, 1e-3)
_OF_DATA = _Defaults("500-250-100-50-20", 128, 100, 2, 0.1)


@dataclass(frozen=True)
class Asked:
    """``names``: of the estimators; ``controls``: what is run beside."""

    net: str
    activation: str
    optimiser: str
    rate: float
    batch: int
    epochs: int
    seeds: int
    controls: tuple[str, ...]
    checkpoints: int
    names: tuple[str, ...]
    variance: float
    beta: float

    @classmethod
    def checked(
        cls,
        problem: Problem,
        net: str | None,
        activation: str,
        optimiser: str,
        rate: float | None,
        batch: int | None,
        epochs: int | None,
        seeds: int | None,
        control: Sequence[str],
        checkpoints: int,
        estimate: Sequence[str] | None,
        variance: float | None,
        beta: float,
    ) -> Asked:
        """Raises BadData for what does not exist or does not fit the problem."""
        own = _OF_SYMMETRIC if problem.known else _OF_DATA
        if optimiser not in OPTIMISERS:
            raise BadData(f"no optimiser {optimiser!r}; choose one of {', '.join(OPTIMISERS)}")
        for name in control:
            if name not in CONTROLS:
                raise BadData(f"no control {name!r}; choose of {', '.join(CONTROLS)}")
        asked = cls(
            own.net if net is None else net,
            activation,
            optimiser,
            RATES[optimiser] if rate is None else rate,
            own.batch if batch is None else batch,
            own.epochs if epochs is None else epochs,
            own.seeds if seeds is None else seeds,
            tuple(dict.fromkeys(control)),
            checkpoints,
            _named(estimate),
            own.variance if variance is None else variance,
            beta,
        )
        _check_positive(rate=asked.rate, variance=asked.variance, beta=asked.beta)
        for what, number in (("batch", asked.batch), ("epochs", asked.epochs), ("seeds", asked.seeds)):
            if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number < 1 << 31:
                raise BadData(f"{what} is {number!r}; give how many, 1 or more")
        checkpoints_of(1, checkpoints)
        asked._check_network(problem)
        return asked

    @classmethod
    def of_activations(cls, estimate: Sequence[str] | None, variance: float | None, beta: float) -> Asked:
        """Of estimates alone. Raises BadData."""
        variance = _OF_DATA.variance if variance is None else variance
        _check_positive(variance=variance, beta=beta)
        return cls("", "", "", 0.0, 0, 0, 1, (), 0, _named(estimate), variance, beta)

    def recipe(self, problem: Problem, control: str, seed: int) -> Recipe:
        """Of a run."""
        full = control == FULL_BATCH
        steps = self.epochs * (1 if full else -(-len(problem.x) // self.batch))
        return Recipe(
            self.net,
            self.activation,
            self.optimiser,
            self.rate,
            self.batch,
            full,
            checkpoints_of(steps, self.checkpoints),
            seed,
            problem.classes,
        )

    def told(self, problem: Problem) -> dict[str, Any]:
        """For people and JSON."""
        names = ("net", "activation", "optimiser", "rate", "batch", "epochs", "seeds", "variance", "beta")
        return {name: getattr(self, name) for name in names} | {
            "controls": list(self.controls),
            "trained_on": len(problem.x),
            "tested_on": len(problem.x_test),
        }

    def _check_network(self, problem: Problem) -> None:
        graph, shape = graph_named(self.net, self.activation, problem.classes), problem.x.shape[1:]
        names = representations(graph)
        found = graph.shapes(channels_first(shape))[1:]
        for vertex, given in zip(graph.vertices, found, strict=True):
            if self.names and vertex.name in names:
                check_units(f"layer {vertex.name} of {self.net}", math.prod(given))
        if OUTPUT in (vertex.name for vertex in graph.vertices):
            raise BadData(f"a node of {self.net} is called {OUTPUT}; give it another name")


def _named(estimate: Sequence[str] | None) -> tuple[str, ...]:
    there = tuple(estimators(1.0, 1.0))
    for name in estimate or ():
        if name not in there:
            raise BadData(f"no estimator {name!r}; choose of {', '.join(map(repr, there))}")
    return there if estimate is None else tuple(dict.fromkeys(estimate))


def _check_positive(**numbers: float) -> None:
    for what, number in numbers.items():
        if not 0.0 < number < math.inf:
            raise BadData(f"{what} is {number!r}; give a number above 0")
