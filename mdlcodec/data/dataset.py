"""What every reader hands on: inputs as one feature matrix, labels as class indices."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Protocol

import numpy as np

from mdlcodec.data.targets import Classes, Target
from mdlcodec.errors import BadData


@dataclass(frozen=True)
class Inputs:
    """The inputs both sides hold, preprocessed without looking at labels.

    ``features`` is float32, C-contiguous: (n, d) for columns, (n, h, w, c) for images.
    ``digest`` is the SHA-256 (32 bytes) of what the user gave, before preprocessing (formats/data.md).
    """

    features: np.ndarray
    digest: bytes

    @property
    def n(self) -> int:
        """Number of examples."""
        return int(self.features.shape[0])

    @property
    def is_images(self) -> bool:
        """Whether the examples are images (h, w, c) rather than columns."""
        return self.features.ndim == 4


@dataclass(frozen=True)
class LabelColumn:
    """Where a table's labels stood: index from 0 among all columns; name None without a header line."""

    index: int
    name: str | None


@dataclass(frozen=True)
class Labels:
    """Labels as class indices: ``classes`` int32 (n,) into the sorted distinct ``values`` (k,).

    ``form`` is how they came: 'npy', 'csv', 'idx' or 'idx.gz'. ``column`` is set for tables only.
    """

    classes: np.ndarray
    values: np.ndarray
    form: str
    column: LabelColumn | None = None

    @property
    def change(self) -> None:
        """Classes are never changed."""

    @property
    def n(self) -> int:
        """Number of labels."""
        return int(self.classes.shape[0])

    @property
    def coded(self) -> np.ndarray:
        """What codes are given."""
        return self.classes

    @property
    def target(self) -> Classes:
        """What receivers know of the classes before they are decoded."""
        return Classes(len(self.values))

    def cells(self) -> Iterable[str]:
        """As cells of a table, not yet quoted: floats in the shortest form that reads back."""
        printed = [str(value) for value in self.values]
        return (printed[code] for code in self.classes)

    def array(self) -> np.ndarray:
        """The labels themselves, (n,), in the dtype of ``values``."""
        labels: np.ndarray = self.values[self.classes]
        return labels


class AnyLabels(Protocol):
    """Labels of any target: classes (Labels) or numbers (reals.RealLabels). ``form``, ``column``: see Labels."""

    @property
    def form(self) -> str:
        """How they came."""

    @property
    def column(self) -> LabelColumn | None:
        """Where they stood in a table."""

    @property
    def n(self) -> int:
        """Number of labels."""

    @property
    def target(self) -> Target:
        """What receivers know of them before they are decoded."""

    @property
    def coded(self) -> np.ndarray:
        """What codes are given."""

    @property
    def change(self) -> float | None:
        """The largest by which a precision changed one; None where none was asked for."""

    def array(self) -> np.ndarray:
        """The labels themselves, (n,), in their own dtype."""

    def cells(self) -> Iterable[str]:
        """As cells of a table, not yet quoted."""


@dataclass(frozen=True)
class Dataset:
    """Inputs, and the labels where they were asked for; ``notes``: what was decided in reading them, for people;
    ``content``: the inputs as they were read, if that was kept."""

    inputs: Inputs
    labels: AnyLabels | None
    notes: tuple[str, ...] = ()
    content: Content | None = field(default=None, repr=False, compare=False)

    @property
    def class_labels(self) -> Labels:
        """The labels, where a command needs classes. Raises BadData for others."""
        if not isinstance(self.labels, Labels):
            raise BadData("this needs labels that are classes, and these are real numbers; say --as classes")
        return self.labels


@dataclass(frozen=True)
class Asked:
    """What the user said of a table: its label column by ``target`` (a name, or an index) or by ``index`` alone,
    whether the first line is a header line, and what separates cells; None where nothing was said."""

    target: str | None = None
    index: int | None = None
    header: bool | None = None
    delimiter: str | None = None


NOTHING_ASKED = Asked()


@dataclass(frozen=True)
class Choice:
    """What labels are taken as: ``kind`` is auto, classes or reals; ``precision`` of reals, see --precision."""

    kind: str = "classes"
    precision: str | None = None

    def checked(self) -> Choice:
        """The same; raises BadData for what does not exist or does not fit together."""
        if self.kind not in ("auto", "classes", "reals"):
            raise BadData(f"labels cannot be taken as {quoted(self.kind)}; choose auto, classes or reals")
        if self.precision is not None and self.kind == "classes":
            raise BadData("a precision is for reals, and these labels are to be classes; leave it out")
        return self

    @classmethod
    def given(cls, kind: str, precision: str | float | None) -> Choice:
        """Of arguments: a number becomes the decimal number that it is written as, without an exponent."""
        if precision is None or isinstance(precision, str):
            return cls(kind, precision)
        try:
            return cls(kind, format(Decimal(str(precision)), "f"))
        except InvalidOperation:  # what it says is refused where a precision is read
            return cls(kind, str(precision))


AS_CLASSES = Choice()


@dataclass(frozen=True)
class Content:
    """Inputs as read, not yet preprocessed: a digest, and the features on demand (they cost time).

    ``notes``: what was decided in reading them, for people. ``raw``: what was read, an array (n, ...) or a tuple
    of a table's columns (cells.Cells).
    """

    n: int
    digest: bytes
    features: Callable[[], np.ndarray]
    notes: tuple[str, ...] = ()
    raw: object = field(default=None, repr=False)

    def inputs(self) -> Inputs:
        """Preprocess."""
        return Inputs(self.features(), self.digest)


def quoted(text: object) -> str:
    """A name from outside, fit for one line on a terminal: escaped, in quotes, at most 80 characters."""
    shown = str(text)
    return ascii(shown if len(shown) <= 80 else shown[:77] + "...")


def refuse_masked(array: object, name: str) -> None:
    """Raise BadData when entries of a numpy masked array are masked: they have no values."""
    if isinstance(array, np.ma.MaskedArray) and np.ma.is_masked(array):
        raise BadData(f"{name} has masked entries; give them values with {name}.filled(...)")


def refuse_columns(asked: Asked, what: str) -> None:
    """Raise BadData when something was said of columns in data that has none with names."""
    if asked.target is not None:
        raise BadData(
            f"--target {quoted(asked.target)} chooses a column of a table, but {what}; leave it out"
        )
    said = (
        ("--target-index", asked.index),
        ("--header", asked.header),
        ("--delimiter", asked.delimiter),
    )
    for option, given in said:
        if given is not None:
            raise BadData(f"{option} is for tables, but {what}; leave it out")
