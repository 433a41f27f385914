"""Options of `encode` for what only the sender chooses."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click


class Numbers(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.4 on
    """Numbers with commas between."""

    name = "numbers"

    def __init__(self, number: type[int] | type[float] = float, example: str = "0.1,0.2,0.05") -> None:
        self._number, self._example = number, example

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, ...]:
        """Of a text."""
        try:
            return tuple(self._number(part) for part in str(value).split(","))
        except ValueError:
            self.fail(f"{value!r} is no list of numbers; write it as {self._example}", param, ctx)


class ByLayer(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.4 on
    """A number for all layers, one for each as NAME=NUMBER, or both, with commas between."""

    name = "by layer"

    def __init__(self, number: type[int] | type[float]) -> None:
        self._number = number

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | float | tuple[tuple[str, int | float], ...]:
        """Of a text."""
        try:
            found = tuple(self._pair(part) for part in str(value).split(","))
        except ValueError:
            self.fail(f"{value!r} is no number, nor one by layer; write it as 4,fc1=5,conv*=6", param, ctx)
        return found[0][1] if len(found) == 1 and found[0][0] == "*" else found

    def _pair(self, text: str) -> tuple[str, int | float]:
        """NAME=NUMBER, or a number for all layers. Raises ValueError."""
        layer, equals, number = text.rpartition("=")
        if equals and not layer:
            raise ValueError(text)
        return (layer if equals else "*"), self._number(number)


_OPTIONS = (
    click.option(
        "--sparsify",
        metavar="NAME",
        help="With --code two-part: how the network becomes sparse: entropy, dns, vib, pmmp, drr, rl1, layerwise, "
        "hard-concrete, magnitude or after-fit. [default: entropy]",
    ),
    click.option(
        "--bits",
        type=ByLayer(int),
        metavar="B",
        help="With --code two-part: at most 2^B values, one of them zero, in each of the network's tensors; "
        "B is 2 to 8, or one for each layer, as in 4,fc1=5,conv*=6. [default: 4]",
    ),
    click.option(
        "--strength",
        type=float,
        metavar="A",
        help="How much --sparsify takes away: alpha in nats of all labels (pmmp, drr, rl1, "
        "layerwise, hard-concrete), vib's s of gamma_i = s L m_i / 2, the share that goes (magnitude, after-fit), "
        "the last multiple of the thresholds (dns), bits of labels that a bit of the network is worth (entropy, "
        "and with --code variational: 1, with --network-only 0.8).",
    ),
    click.option(
        "--shares",
        type=ByLayer(float),
        metavar="S",
        help="With --sparsify magnitude or after-fit, in place of --strength: the share of each layer that goes, "
        "as in 0.9 or conv*=0.65,fc1=0.95; of layers that are not named nothing goes.",
    ),
    click.option(
        "--gamma",
        type=Numbers(),
        metavar="G,G,..",
        help="With --sparsify vib: one for each layer with noise.",
    ),
    click.option(
        "--rho",
        type=float,
        metavar="R",
        help="With the methods from vib on: factor of the squared weights, nats of all labels. [default: 0]",
    ),
    click.option(
        "--tamade",
        type=float,
        metavar="D",
        help="With these: after training, the largest threshold goes under which the loss is at most 1 + D times "
        "what it was; 0: none. [default: 0.01, and 0 for vib and magnitude]",
    ),
    click.option(
        "--rgp/--no-rgp",
        default=None,
        help="With these: whether weights that cannot act become 0. [default: --rgp]",
    ),
    click.option(
        "--teacher/--no-teacher",
        default=None,
        help="With these, for classes: whether what is left learns the soft labels of a dense network of its kind. "
        "[default: --teacher for vib, else --no-teacher]",
    ),
    click.option(
        "--priced/--codebooks",
        default=None,
        help="With these: whether training ends under the price of bits, as entropy's does, or with codebooks of "
        "k-means. [default: --priced]",
    ),
    click.option(
        "--copies",
        type=Numbers(int, "12, or 4,12"),
        metavar="N[,N]",
        help="With --code two-part, for images: moved copies of each that a network is trained on (of two numbers "
        "the second when weights have left); 0 for images whose classes change when they are moved. [default: 4, "
        "and 0 for after-fit and dns]",
    ),
    click.option(
        "--moved",
        type=Numbers(float, "1.5, or 1,1.5"),
        metavar="M[,M]",
        help="How far these are moved, as a multiple of 6 degrees, 6 % of the size, 8 % of shear and 3 % of the "
        "side. [default: 1]",
    ),
    click.option(
        "--as-published",
        is_flag=True,
        default=None,
        help="With --sparsify dns: 51,000 steps of 1,024 examples and all else as Zhou et al. 2018, A.1, say.",
    ),
    click.option(
        "--dimension",
        type=int,
        metavar="D",
        help="With --code subspace: the subspace's dimension. [default: the one with the shortest file of a few]",
    ),
    click.option(
        "--prior",
        type=float,
        metavar="V",
        help="With --code variational: the variance of the Gaussian prior over weights. [default: learned]",
    ),
)
_NAMES = (
    "sparsify", "bits", "strength", "shares", "gamma", "rho", "tamade", "rgp", "teacher", "priced",
    "copies", "moved", "as_published", "dimension", "prior",
)  # fmt: skip


def sender_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command these options, as one argument ``chosen``: a dict of those that were given."""

    @functools.wraps(command)
    def with_chosen(*args: Any, **rest: Any) -> None:
        chosen = {name: rest.pop(name) for name in _NAMES}
        command(*args, chosen={name: value for name, value in chosen.items() if value is not None}, **rest)

    for option in reversed(_OPTIONS):
        with_chosen = option(with_chosen)
    return with_chosen
