"""What only the sender chooses, and a file need not say."""

from __future__ import annotations

import numbers
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from typing_extensions import TypedDict

from mdlcodec.errors import BadData
from mdlcodec.limits import integer

if TYPE_CHECKING:
    from mdlcodec.observe.contract import Observer

_REALS = ("prior", "strength", "rho", "tamade")
_NOT_CHOSEN = ("observers", "method")
DEFAULT_SPARSIFY = "entropy"
_FLAGS = ("rgp", "teacher", "priced", "as_published")
# how sparse networks are trained: names of Options, and of sender.sparsify.contract.Choices
TRAINING = (
    "bits", "strength", "shares", "gamma", "rho", "tamade", "rgp", "teacher", "priced", "copies", "moved",
    "as_published",
)  # fmt: skip


class Chosen(TypedDict, total=False):
    """The same as keywords; see ``Options``."""

    sparsify: str | None
    bits: int | Mapping[str, int] | None
    strength: float | None
    shares: float | Mapping[str, float] | None
    gamma: Iterable[float] | None
    rho: float | None
    tamade: float | None
    rgp: bool | None
    teacher: bool | None
    priced: bool | None
    copies: int | Iterable[int] | None
    moved: float | Iterable[float] | None
    as_published: bool | None
    dimension: int | None
    prior: float | None


@dataclass(frozen=True)
class Options:
    """None for a code's own choice; codes check the values."""

    sparsify: str | None = None  # how the network that is transmitted becomes sparse
    # of an index into the codebook of its weights; one for each layer as pairs: see `sender.by_layer`
    bits: int | Mapping[str, int] | tuple[tuple[str, int], ...] | None = None
    dimension: int | None = None  # of the random subspace
    prior: float | None = None  # variance of the prior over weights
    strength: float | None = None  # what the sparsifier calls so
    # of the weights of each layer that go; one for each layer as pairs
    shares: float | Mapping[str, float] | tuple[tuple[str, float], ...] | None = None
    gamma: tuple[float, ...] | None = None  # of VIBNet's layers
    rho: float | None = None  # factor of squared weights
    tamade: float | None = None  # share by which the loss may rise when small weights go
    rgp: bool | None = None  # whether weights that cannot act go
    teacher: bool | None = None  # whether what is left learns soft labels of a dense network
    priced: bool | None = None  # whether training ends under the price of bits, in place of codebooks
    # moved ones of the images that a network is trained on, while weights leave and afterwards; how far
    copies: int | Iterable[int] | None = None
    moved: float | Iterable[float] | None = None
    as_published: bool | None = None  # whether the settings are the paper's
    observers: tuple[Observer, ...] = ()  # of the training of a network that is transmitted
    # how that network is trained, instead of the code's own way: takes and gives what the code's own does
    method: Callable[..., Any] | None = None

    @classmethod
    def of(cls, chosen: Mapping[str, Any]) -> Options:
        """Options of keywords. Raises TypeError for one that does not exist."""
        known = [field.name for field in fields(cls) if field.name not in _NOT_CHOSEN]
        unknown = [name for name in chosen if name not in known]
        if unknown:
            raise TypeError(f"no option {unknown[0]!r}; there are {', '.join(known)}")
        return cls(**chosen)

    def given(self) -> list[str]:
        """Names of those that are not None."""
        names = [field.name for field in fields(self) if field.name not in _NOT_CHOSEN]
        return [name for name in names if getattr(self, name) is not None]

    def training(self) -> dict[str, Any]:
        """Of TRAINING, those that are not None: keywords of sender.sparsify.contract.Choices."""
        return {name: getattr(self, name) for name in TRAINING if getattr(self, name) is not None}

    def most_copies(self) -> int:
        """Of an image at a time, 0 for a code's own choice. Raises BadData as ``checked`` does."""
        return 0 if self.copies is None else max(_pair(self.copies, "copies", integer))

    def checked(self) -> Options:
        """The same in the types above; raises BadData for what is of another."""
        if not isinstance(self.sparsify, str | None):
            raise BadData(f"sparsify is of type {type(self.sparsify).__name__}; give its name as a string")
        own: dict[str, Any] = {}
        if self.dimension is not None:
            own["dimension"] = integer(self.dimension, "dimension")
        if self.copies is not None:
            own["copies"] = _pair(self.copies, "copies", integer)
        if self.moved is not None:
            own["moved"] = _pair(self.moved, "moved", _real)
        if self.bits is not None:
            own["bits"] = _by_layer(self.bits, "bits", integer)
        if self.shares is not None:
            own["shares"] = _by_layer(self.shares, "shares", _real)
        for name in _REALS:
            if getattr(self, name) is not None:
                own[name] = _real(getattr(self, name), name)
        for name in _FLAGS:
            if not isinstance(getattr(self, name), bool | None):
                raise BadData(f"{name} is of type {type(getattr(self, name)).__name__}; give True or False")
        if self.gamma is not None:
            if isinstance(self.gamma, str) or not isinstance(self.gamma, Iterable):
                raise BadData(f"gamma is of type {type(self.gamma).__name__}; give a list of numbers")
            own["gamma"] = tuple(_real(one, "gamma") for one in self.gamma)
        return replace(self, **own)


def _pair(value: object, name: str, number: Callable[[Any, str], Any]) -> tuple[Any, Any]:
    """A number twice, or two numbers."""
    if isinstance(value, str) or not isinstance(value, Iterable):
        return (number(value, name),) * 2
    found = tuple(number(one, name) for one in value)
    if len(found) not in (1, 2):
        raise BadData(
            f"{name} has {len(found)} numbers; give one, or two: while weights leave, and afterwards"
        )
    return found[0], found[-1]


def _by_layer(value: object, name: str, number: Callable[[Any, str], Any]) -> object:
    """One number, or pairs of a layer's name and its number."""
    if not isinstance(value, Mapping | tuple):
        return number(value, name)
    found = list(value.items() if isinstance(value, Mapping) else value)
    if not found or not all(isinstance(pair, tuple | list) and len(pair) == 2 for pair in found):
        raise BadData(f"{name} is empty, or no dict; give a number, or one by the name of each layer")
    if not all(isinstance(layer, str) for layer, _ in found):
        raise BadData(f"{name} has names of layers that are no strings; give a dict of numbers by them")
    return tuple((layer, number(one, name)) for layer, one in found)


def _real(value: object, name: str) -> float:
    if not isinstance(value, numbers.Real) or isinstance(value, bool):
        raise BadData(f"{name} is of type {type(value).__name__}; give a number")
    return float(value)


NO_OPTIONS = Options()
