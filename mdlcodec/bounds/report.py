"""All bounds of one network on the examples it was trained with, at once, at one confidence."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from mdlcodec.bounds.catoni import catoni_bound
from mdlcodec.bounds.kl_inverse import binomial_tail_inverse, relative_entropy_inverse
from mdlcodec.bounds.layers import LayerRow, layer_rows
from mdlcodec.bounds.noise_search import Sigmas, found_noise, prior_of
from mdlcodec.bounds.noisy import NoisyNetwork, misses
from mdlcodec.bounds.occam import Description, description, modelled
from mdlcodec.bounds.robustness import LayerPrior, LayerValues
from mdlcodec.bounds.subject import Subject
from mdlcodec.errors import BadData
from mdlcodec.limits import integer
from mdlcodec.nn.exact_prediction import exact_outputs

_SEARCH_TRIALS = 4000
# four bounds and the sampling of the noisy network's errors can fail
EVENTS = 5

Say = Callable[[str], None]


@dataclass(frozen=True)
class Bound:
    """``value`` is at least the error rate, with the report's confidence for all of its bounds together.

    classifier: "network", or "noisy network" for the rate expected over the noise; nats: KL(posterior || prior);
    training_error: what the bound starts from (of the noisy network: at most this).
    """

    name: str
    classifier: str
    value: float
    nats: float
    training_error: float


@dataclass(frozen=True)
class Noise:
    """The noisy network: deviation and prior of each linear layer and convolution, in the network's order, and how
    often it erred in independent trials."""

    description: Description
    sigmas: Sigmas
    priors: tuple[LayerPrior, ...]
    trials: int
    errors: int
    training_error: float  # with confidence, at most

    @property
    def nats(self) -> float:
        """KL(posterior || prior), at most."""
        return max(self.description.nats + math.fsum(prior.nats for prior in self.priors), 0.0)


@dataclass(frozen=True)
class BoundReport:
    """What is known of one network; ``n`` examples, on ``errors`` of which it errs: their class is not among the
    ``top`` largest scores; ``layers``: Table 3."""

    n: int
    errors: int
    confidence: float
    description: Description
    noise: Noise
    bounds: tuple[Bound, ...]
    layers: tuple[LayerRow, ...]
    top: int = 1

    @property
    def training_error(self) -> float:
        """The rate of errors on the n examples."""
        return self.errors / self.n

    @property
    def best(self) -> Bound:
        """The smallest of the bounds; all hold at once, so it may be chosen."""
        return min(self.bounds, key=lambda bound: bound.value)


def bound_network(
    subject: Subject,
    *,
    confidence: float = 0.95,
    trials: int | None = None,
    seed: int = 0,
    top: int = 1,
    say: Say = lambda text: None,
) -> BoundReport:
    """Bounds on the error rate of a network from the bytes of its section; they hold together.

    trials: of the noisy network, n by default; seed: of its noise; top: an error is an example whose class is not
    among so many largest scores. Raises BadData for what does not fit.
    """
    if not 1 <= integer(top, "top") < subject.k:
        raise BadData(f"top is {top}, and there are {subject.k} classes; choose 1 to {subject.k - 1}")
    n, errors = len(subject.y), _errors(subject, top)
    epsilon = (1.0 - confidence) / EVENTS
    paid = description(subject.section_bytes, subject.others)
    noise = _noise(subject, n if trials is None else trials, seed, epsilon, top, say)
    rate, noisy_rate = errors / n, noise.training_error
    # PAC-Bayes with relative entropy: Maurer 2004, Theorem 5
    maurer = (noise.nats + math.log(2.0 * math.sqrt(n) / epsilon)) / n
    bounds = (
        Bound("Occam, Catoni", "network", catoni_bound(rate, paid.nats, n, epsilon), paid.nats, rate),
        Bound(
            "Occam, binomial tail",
            "network",
            binomial_tail_inverse(errors, n, math.log(epsilon) - paid.nats),
            paid.nats,
            rate,
        ),
        Bound(
            "robustness, Catoni",
            "noisy network",
            catoni_bound(noisy_rate, noise.nats, n, epsilon),
            noise.nats,
            noisy_rate,
        ),
        Bound(
            "robustness, relative entropy",
            "noisy network",
            relative_entropy_inverse(noisy_rate, maurer),
            noise.nats,
            noisy_rate,
        ),
    )
    return BoundReport(n, errors, confidence, paid, noise, bounds, layer_rows(subject, noise.priors), top)


def _errors(subject: Subject, top: int) -> int:
    if top == 1:
        return int(np.count_nonzero(subject.answers != subject.y))
    scores = exact_outputs(subject.architecture, subject.weights, subject.x)
    return int(np.count_nonzero(misses(scores, subject.y, top)))


def _noise(subject: Subject, trials: int, seed: int, epsilon: float, top: int, say: Say) -> Noise:
    network = NoisyNetwork(subject.architecture, subject.weights, subject.x, subject.y)
    paid = modelled(subject.equal_length_bits, subject.others)
    layers = []
    for layer in subject.architecture.layer_names:
        name = f"{layer}.weight"
        weight = subject.weights[name]
        layers.append(LayerValues.of(weight if name in subject.may_vary else weight[:0]))
    tried = 0

    def error_rate(sigmas: Sigmas) -> float:
        nonlocal tried
        tried += 1
        say(f"noise: {tried} settings tried")
        count = min(_SEARCH_TRIALS, trials)
        return network.errors(sigmas, count, _generator(seed, 0), top) / count

    sigmas = found_noise(layers, paid.nats, len(subject.y), error_rate)
    say(f"noise: sampling {trials:,} errors")
    chosen = tuple(prior_of(layer, sigma) for layer, sigma in zip(layers, sigmas, strict=True))
    errors = network.errors(sigmas, trials, _generator(seed, 1), top)
    at_most = binomial_tail_inverse(errors, trials, math.log(epsilon))
    return Noise(paid, sigmas, chosen, trials, errors, at_most)


def _generator(seed: int, stream: int) -> torch.Generator:
    """Random numbers of a seed; the search's and the report's are different ones."""
    word = np.random.SeedSequence([seed, stream]).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(word >> np.uint64(1)))
