"""The inputs that labels were encoded with, found again among what is given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from mdlcodec.container import LabelHeader
from mdlcodec.container.label_file import DIGEST_BYTES
from mdlcodec.errors import WrongInputs

if TYPE_CHECKING:
    from mdlcodec.data import Content, Inputs


def inputs_from(source: str, delimiter: str | None = None) -> Callable[[LabelHeader], Sequence[Content]]:
    """Inputs read from a file or folder (see data.read_candidates); a table may have its label column or not."""

    def find(header: LabelHeader) -> Sequence[Content]:
        from mdlcodec import data

        ignore, has_header = None, None
        if header.column is not None:
            ignore, has_header = header.column[0], header.column[1] is not None
        return data.read_candidates(
            source, limit=header.n, ignore=ignore, header=has_header, delimiter=delimiter
        )

    return find


def others_from(source: str, header: LabelHeader, delimiter: str | None = None) -> Sequence[Content]:
    """Examples beside the coded ones, as inputs_from finds these; of any number."""
    from mdlcodec import data

    column = header.column
    ignore, has_header = (None, None) if column is None else (column[0], column[1] is not None)
    return data.read_candidates(source, ignore=ignore, header=has_header, delimiter=delimiter)


def inputs_of(x: object) -> Callable[[LabelHeader], Sequence[Content]]:
    """Inputs given as an array (n, ...)."""

    def find(header: LabelHeader) -> Sequence[Content]:
        from mdlcodec import data

        return [data.content_of(x)]

    return find


def matching(candidates: Sequence[Content], header: LabelHeader) -> Inputs:
    """The one with the file's number of examples and digest, preprocessed. Raises as matching_content."""
    return matching_content(candidates, header).inputs()


def matching_content(candidates: Sequence[Content], header: LabelHeader) -> Content:
    """The one with the file's number of examples and digest. Raises WrongInputs where none is."""
    for content in candidates:
        if content.n == header.n and content.digest.startswith(header.input_digest):
            return content
    if all(content.n != header.n for content in candidates):
        raise WrongInputs(
            f"the file holds {header.n:,} labels, but these inputs have {candidates[0].n:,} examples; "
            "give the inputs that the labels were encoded with"
        )
    raise WrongInputs(
        "these are not the inputs that the labels were encoded with (their digest is "
        f"{candidates[0].digest[:DIGEST_BYTES].hex()}, the file's {header.input_digest.hex()}); "
        "give the same examples in the same order and dtype"
    )
