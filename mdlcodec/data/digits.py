"""``digits``: the 1,797 handwritten digits (8 x 8) that scikit-learn ships."""

from __future__ import annotations

from mdlcodec.data.arrays import array_content
from mdlcodec.data.dataset import Content, Labels, refuse_target
from mdlcodec.data.labels import labels_of_array


def accepts(source: str) -> bool:
    """Whether this reader is meant."""
    return source == "digits"


def read(source: str, *, target: str | None, limit: int | None) -> tuple[Content, Labels]:
    """Images (n, 8, 8) float64 and labels int64 (n,)."""
    from sklearn.datasets import load_digits  # here, because it takes a second

    refuse_target(target, "digits has its own labels")
    digits = load_digits()
    content = array_content(digits.images, limit)
    return content, labels_of_array(digits.target[:limit], content.n)


def candidates(source: str, *, limit: int | None, ignore: int | None, header: bool | None) -> list[Content]:
    """What the inputs can be when the labels are unknown."""
    return [read(source, target=None, limit=limit)[0]]
