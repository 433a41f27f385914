"""``digits``: the 1,797 handwritten digits (8 x 8) that scikit-learn ships."""

from __future__ import annotations

from mdlcodec.data.arrays import array_content
from mdlcodec.data.dataset import AS_CLASSES, NOTHING_ASKED, AnyLabels, Asked, Choice, Content, refuse_columns
from mdlcodec.data.label_choice import labels_as


def accepts(source: str) -> bool:
    """Whether this reader is meant."""
    return source == "digits"


def read(
    source: str, *, asked: Asked, limit: int | None, choice: Choice = AS_CLASSES
) -> tuple[Content, AnyLabels]:
    """Images (n, 8, 8) float64 and labels int64 (n,)."""
    from sklearn.datasets import load_digits  # here, because it takes a second

    refuse_columns(asked, "digits has its own labels")
    digits = load_digits()
    content = array_content(digits.images, limit)
    return content, labels_as(choice, digits.target[:limit], content.n)


def candidates(
    source: str, *, limit: int | None, ignore: int | None, header: bool | None, delimiter: str | None = None
) -> list[Content]:
    """What the inputs can be when the labels are unknown."""
    return [read(source, asked=NOTHING_ASKED, limit=limit)[0]]
