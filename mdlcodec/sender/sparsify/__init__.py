"""Training a small sparse network for the two-part code. Adding a sparsifier is one new file and one line here."""

from __future__ import annotations

import math

from mdlcodec.errors import BadData
from mdlcodec.nn.zoo import Architecture
from mdlcodec.sender.by_layer import pairs
from mdlcodec.sender.examples import MOST_COPIES, have_copies
from mdlcodec.sender.float_network import Tensors
from mdlcodec.sender.loop import Trainer, check_finite
from mdlcodec.sender.sparsify import dns, entropy
from mdlcodec.sender.sparsify.after_fit import AfterFit
from mdlcodec.sender.sparsify.contract import Choices, Sparsifier
from mdlcodec.sender.sparsify.drr import Relaxation
from mdlcodec.sender.sparsify.hard_concrete import HardConcrete
from mdlcodec.sender.sparsify.layerwise import Layerwise
from mdlcodec.sender.sparsify.magnitude import Magnitude
from mdlcodec.sender.sparsify.penalised import penalised
from mdlcodec.sender.sparsify.pmmp import MinimaxPruning
from mdlcodec.sender.sparsify.rl1 import Sizes
from mdlcodec.sender.sparsify.vib import InformationBottleneck

__all__ = ["SPARSIFIERS", "Choices", "Sparsifier", "check_choices", "sparse_network", "steps_of"]

SPARSIFIERS = {
    "entropy": Sparsifier(
        entropy.sparsify,
        entropy.number_of_steps,
        (1e-6, 1e3),
        (0.03, 3.0),
        frozenset({"copies", "moved"}),
        of_texts=True,
    ),
    "dns": Sparsifier(
        dns.sparsify, dns.number_of_steps, (0.01, 100.0), (1.0, 5.0), frozenset({"as_published"})
    ),
    "vib": penalised(InformationBottleneck),
    "pmmp": penalised(MinimaxPruning),
    "drr": penalised(Relaxation),
    "rl1": penalised(Sizes),
    "layerwise": penalised(Layerwise),
    "hard-concrete": penalised(HardConcrete),
    "magnitude": penalised(Magnitude),
    "after-fit": penalised(AfterFit),
}


def steps_of(architecture: Architecture, sparsify: str, choices: Choices, effort: float, n: int) -> int:
    """The steps of BATCH examples that `sparse_network` takes for n examples; raises BadData for an unknown
    sparsifier."""
    return _named(sparsify).steps(architecture, choices, effort, n)


def check_choices(sparsify: str | Sparsifier, choices: Choices, *, text: bool = False) -> None:
    """Raise BadData for a sparsifier that does not exist, or not for networks over the bytes of a ``text``, and for
    choices that it does not take."""
    name = sparsify if isinstance(sparsify, str) else "of your own"
    chosen = _named(sparsify) if isinstance(sparsify, str) else sparsify
    if text and not chosen.of_texts:
        others = ", ".join(other for other, one in SPARSIFIERS.items() if one.of_texts)
        raise BadData(f"the sparsifier {name} trains no network over bytes; choose one of {others}")
    for _, bits in pairs(choices.bits):
        if not 2 <= bits <= 8:
            raise BadData(f"no codebooks of {bits} bits; choose 2 to 8")
    for option in choices.given():
        if option != "strength" and option not in chosen.takes:
            takes = ", ".join(["strength", *sorted(chosen.takes)])
            raise BadData(f"the sparsifier {name} takes no {option}; it takes {takes}")
    least, largest = chosen.strengths
    if choices.strength is not None and not least <= choices.strength <= largest:  # NaN neither
        raise BadData(
            f"strength {choices.strength:g} is out of range for the sparsifier {name}; choose one of {least:g} to "
            f"{largest:g}"
        )
    if choices.shares is not None and choices.strength is not None:
        raise BadData("strength and shares both say how much goes; choose one")
    for _, share in () if choices.shares is None else pairs(choices.shares):
        if not 0 <= share < 1:
            raise BadData(f"shares are of weights that go, 0 and more but below 1, not {share:g}")
    for gamma in choices.gamma or ():
        if not 0 < gamma < math.inf:
            raise BadData(f"gamma is made of positive numbers, not {gamma:g}")
    numbers = [("rho", choices.rho, 1e9), ("tamade", choices.tamade, 1e3)]
    numbers += [("moved", moved, 10.0) for moved in choices.moved or ()]
    for what, value, most in numbers:
        if value is not None and not 0 <= value <= most:
            raise BadData(f"{what} is a number of 0 to {most:g}, not {value:g}")
    for copies in choices.copies or ():
        if not 0 <= copies <= MOST_COPIES:
            raise BadData(f"copies are 0 to {MOST_COPIES} of each image, not {copies}")


def sparse_network(trainer: Trainer, *, sparsify: str | Sparsifier, choices: Choices) -> Tensors:
    """Trains the task's network sparse, with at most ``2**choices.bits`` values in every tensor of weights.

    ``sparsify``: the name of a way in SPARSIFIERS, or one of one's own.

    Returns float32 tensors by the network's names and in its order, finite, without the units that cannot influence
    the output. Ordinary float32: the result differs between machines. Raises BadData as `check_choices` does,
    InexactComputation when the training diverges.
    """
    check_choices(sparsify, choices, text=trainer.task.is_text)
    if not have_copies(trainer.task) and not (choices.copies is None and choices.moved is None):
        raise BadData("images of classes have moved copies, and these are none; leave copies and moved out")
    choices.bits_of(
        trainer.task.graph.parameters(trainer.task.inputs)
    )  # is there every layer, before training?
    train = _named(sparsify).train if isinstance(sparsify, str) else sparsify.train
    tensors = train(trainer, choices)
    check_finite(tensors)
    return {name: tensors[name] for name in trainer.task.graph.tensors(trainer.task.inputs)}


def _named(sparsify: str) -> Sparsifier:
    if sparsify not in SPARSIFIERS:
        raise BadData(f"no way to sparsify named {sparsify!r}; choose one of {', '.join(SPARSIFIERS)}")
    return SPARSIFIERS[sparsify]
