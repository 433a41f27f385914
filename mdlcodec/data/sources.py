"""The readers, and finding the one that a name asks for. A new reader is one new file and one line here."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from mdlcodec.data import cifar_binary, digits, idx, image_folder, npz, parquet, table
from mdlcodec.data.dataset import AS_CLASSES, AnyLabels, Asked, Choice, Content, Dataset, Inputs, quoted
from mdlcodec.errors import BadData


class Reader(Protocol):
    """What a reader module has. ``limit`` is None or at least 1; every function raises BadData."""

    def accepts(self, source: str) -> bool:
        """Whether the name ``source`` is for this reader."""

    def read(
        self, source: str, *, asked: Asked, limit: int | None, choice: Choice = AS_CLASSES
    ) -> tuple[Content, AnyLabels]:
        """Inputs and labels; ``asked`` is for tables, others refuse it."""

    def candidates(
        self,
        source: str,
        *,
        limit: int | None,
        ignore: int | None,
        header: bool | None,
        delimiter: str | None,
    ) -> list[Content]:
        """What the inputs can be when the labels are unknown (see read_candidates)."""


READERS: tuple[Reader, ...] = (
    digits,
    npz,
    idx,
    cifar_binary,
    image_folder,  # any other folder
    parquet,
    table,
)


def _reader_of(source: str, limit: int | None) -> Reader:
    if limit is not None and limit < 1:
        raise BadData(f"--limit {limit} leaves no examples; give at least 1")
    reader = next((reader for reader in READERS if reader.accepts(source)), None)
    if source != "digits" and not Path(source).exists():
        raise BadData(f"there is no file or folder {quoted(source)}; give data that exists, or digits")
    if source != "digits" and not (Path(source).is_file() or Path(source).is_dir()):
        raise BadData(f"{quoted(source)} is no regular file and no folder; copy the data into one")
    if reader is None:
        raise BadData(
            f"cannot tell what {quoted(source)} is; give digits, an .npz file, a folder of IDX files, of "
            "CIFAR's .bin files or of images by class, or a table named .csv, .tsv, .data or .txt (also "
            ".gz, .xz), .parquet or .arrow"
        )
    return reader


def read(
    source: str,
    *,
    target: str | None = None,
    limit: int | None = None,
    labels: bool = True,
    choice: Choice = AS_CLASSES,
    target_index: int | None = None,
    header: bool | None = None,
    delimiter: str | None = None,
    keep: bool = False,
) -> Dataset:
    """Read ``source``: 'digits', an .npz file, a table, or images: as IDX or CIFAR's .bin files, a folder of
    them or one by its name, or as a folder of images by class.

    ``target``: for tables, the label column by name or by index from 0 (negative from the end), a name winning;
    ``target_index``: by index alone; default the last. ``header``: whether a table's first line names its
    columns; None lets the rule decide, and the dataset's notes say what it did; ``delimiter``: what separates its
    cells, None for what the first line tells. ``limit``: only the first so many examples. ``labels=False`` needs
    no labels and returns none; every column of a table is an input then.
    ``choice``: what the labels are taken as; ``keep``: the dataset has its content. Raises BadData.
    """
    if not labels:
        content = read_candidates(source, limit=limit, header=header, delimiter=delimiter)[0]
        return Dataset(content.inputs(), None, content.notes, content if keep else None)
    asked = Asked(target, target_index, header, delimiter)
    reader = _reader_of(source, limit)
    content, answers = reader.read(source, asked=asked, limit=limit, choice=choice.checked())
    return Dataset(content.inputs(), answers, content.notes, content if keep else None)


def read_candidates(
    source: str,
    *,
    limit: int | None = None,
    ignore: int | None = None,
    header: bool | None = None,
    delimiter: str | None = None,
) -> list[Content]:
    """What the inputs can be when a decoder reads them: a table without column ``ignore``, then all of it.

    ``header``: whether a table begins with a header line (the decoder knows: the file holds the label
    column's name, or none); None decides as the encoder does; ``delimiter``: as for ``read``. Nothing is
    preprocessed yet. Raises BadData.
    """
    reader = _reader_of(source, limit)
    return reader.candidates(source, limit=limit, ignore=ignore, header=header, delimiter=delimiter)


def read_inputs(
    source: str,
    *,
    limit: int | None = None,
    ignore: int | None = None,
    header: bool | None = None,
    digest: bytes = b"",
) -> list[Inputs]:
    """Those of ``read_candidates`` whose digest begins with ``digest``, preprocessed. Raises BadData."""
    candidates = read_candidates(source, limit=limit, ignore=ignore, header=header)
    return [content.inputs() for content in candidates if content.digest.startswith(digest)]
