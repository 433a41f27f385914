"""Whether labels are classes or real numbers (formats/reals.md, "What is a real number")."""

from __future__ import annotations

import numpy as np

from mdlcodec.data.dataset import AnyLabels, Choice, LabelColumn, quoted
from mdlcodec.data.labels import label_array, labels_of_array, labels_of_words
from mdlcodec.data.numbers import canonical_integer
from mdlcodec.data.reals import are_many, reals_of_array, reals_of_words
from mdlcodec.errors import BadData


def labels_as(choice: Choice, y: object, n: int, form: str = "npy") -> AnyLabels:
    """Labels of an array (n,) or (n, 1), as they are to be taken: see labels.labels_of_array, reals.reals_of_array.

    Of their own accord floats without NaN are reals when their different values are many (`reals.are_many`).
    """
    if choice.checked().kind == "classes":
        return labels_of_array(y, n, form)
    array = label_array(y, n)
    if choice.kind == "auto" and choice.precision is None:
        if array.dtype.kind != "f" or np.isnan(array).any() or not are_many(np.unique(array).size, n):
            return labels_of_array(y, n, form)
    elif array.dtype.kind not in "iuf":
        raise BadData(f"labels of dtype {quoted(array.dtype)} are no real numbers; take them as classes")
    return reals_of_array(array, form, None, choice.precision)


def words_as(choice: Choice, words: list[str], codes: np.ndarray, column: LabelColumn | None) -> AnyLabels:
    """Labels ``words[codes]``, cells of a table or names, as they are to be taken.

    Of their own accord numbers, not all of them integers, are reals when their different values are many, and they
    can be written again as they were.
    """
    if choice.kind == "classes":
        return labels_of_words(words, codes, column)
    automatic = choice.kind == "auto" and choice.precision is None
    if automatic and (all(map(canonical_integer, words)) or not are_many(len(words), codes.size)):
        return labels_of_words(words, codes, column)
    reals = reals_of_words(words, codes, column, choice.precision)
    if reals is not None:
        return reals
    if automatic:
        return labels_of_words(words, codes, column)
    raise BadData(
        "the labels are not all numbers, or are written in several ways (such as 1.50 and 1.5), so that they would "
        "not come back as they were; choose a --precision, or take them as classes"
    )
