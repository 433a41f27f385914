"""A number for every tensor of a network, or one for each layer: bits of codebooks, shares that go."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import TypeVar

from mdlcodec.data.dataset import quoted
from mdlcodec.errors import BadData

Number = TypeVar("Number", int, float)
ALL = "*"


def pairs(given: Number | Mapping[str, Number] | tuple[tuple[str, Number], ...]) -> list[tuple[str, Number]]:
    """Patterns of names with their numbers, what is for all tensors first."""
    if isinstance(given, int | float):
        return [(ALL, given)]
    found = list(given.items() if isinstance(given, Mapping) else given)
    return sorted(found, key=lambda pair: pair[0] != ALL)


def by_tensor(
    given: Number | Mapping[str, Number] | tuple[tuple[str, Number], ...], names: Iterable[str], what: str
) -> dict[str, Number]:
    """The number of each tensor that has one, by its name.

    A pattern is the name of a layer ("fc1") or of a tensor ("fc1.weight"), or of several as shells match names
    ("conv*"); of two that match, the later counts. Raises BadData for one that matches nothing; ``what``: what it
    is of.
    """
    names = list(names)
    found: dict[str, Number] = {}
    for pattern, number in pairs(given):
        matched = [name for name in names if matches(pattern, name)]
        if not matched and pattern != ALL:
            layers = list(dict.fromkeys(name.rpartition(".")[0] or name for name in names))
            raise BadData(
                f"{what} is for {quoted(pattern)}, and the network has no such layer; it has "
                f"{', '.join(map(quoted, layers[:_SHOWN]))}{', ..' if len(layers) > _SHOWN else ''}"
            )
        found |= dict.fromkeys(matched, number)
    return found


def matches(pattern: str, name: str) -> bool:
    """Whether a pattern is for the tensor of that name."""
    return fnmatchcase(name, pattern) or fnmatchcase(name.rpartition(".")[0], pattern)


_SHOWN = 12
