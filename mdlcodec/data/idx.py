"""IDX files as MNIST's site ships them: a folder with the ``train-*`` pair, or an images file by its name."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from mdlcodec.data.arrays import array_content
from mdlcodec.data.bounded import MAX_BYTES, list_bounded, open_bounded
from mdlcodec.data.dataset import AS_CLASSES, AnyLabels, Asked, Choice, Content, quoted, refuse_columns
from mdlcodec.data.label_choice import labels_as
from mdlcodec.errors import BadData
from mdlcodec.limits import check_reading

_NAME = re.compile(r"(.*)(images|labels)([-.])idx([13])-ubyte(\.gz)?")


def accepts(source: str) -> bool:
    """Whether this reader is meant."""
    path = Path(source)
    if _NAME.fullmatch(path.name) is not None:
        return True
    return path.is_dir() and any(_NAME.fullmatch(name) and "images" in name for name in list_bounded(path))


def _first_that_exists(paths: list[Path]) -> Path | None:
    return next((path for path in paths if path.is_file()), None)


def _images_path(source: str) -> Path:
    path = Path(source)
    if path.is_dir():
        names = ["train-images-idx3-ubyte", "train-images.idx3-ubyte"]
        images = _first_that_exists([path / (name + gz) for name in names for gz in ("", ".gz")])
        if images is None:
            raise BadData(
                f"the folder {quoted(source)} has no train-images-idx3-ubyte or .gz; name the data itself"
            )
        return images
    if "images" not in path.name:
        raise BadData(f"{quoted(source)} holds labels; name the file of images beside it")
    return path


def _labels_path(images: Path) -> Path:
    match = _NAME.fullmatch(images.name)
    assert match is not None
    stem = f"{match[1]}labels{match[3]}idx1-ubyte"
    labels = _first_that_exists([images.with_name(stem + gz) for gz in ("", ".gz")])
    if labels is None:
        raise BadData(f"there is no {quoted(stem)} or .gz beside {quoted(images)}; put the labels there")
    return labels


def _read_idx(path: Path, rank: int, limit: int | None) -> np.ndarray:
    """The first ``limit`` entries of an IDX file of bytes whose header agrees with its length."""
    with open_bounded(path) as stream:
        header = stream.read(4 + 4 * rank)
        if header[:4] != bytes([0, 0, 8, rank]) or len(header) != 4 + 4 * rank:
            raise BadData(f"{quoted(path)} is no IDX file of bytes with {rank} axes; is it the right file?")
        shape = [int(length) for length in np.frombuffer(header, ">u4", offset=4)]
        each = 1
        for length in shape[1:]:
            each *= length
        if shape[0] * each > MAX_BYTES:
            raise BadData(
                f"{quoted(path)} asks for {shape[0] * each} bytes, more than {MAX_BYTES}; give less data"
            )
        wanted = shape[0] if limit is None else min(limit, shape[0])
        check_reading(wanted * each, quoted(path))
        data = stream.read(wanted * each)
        length = len(data)
        while block := stream.read(1 << 20):
            length += len(block)
    if length != shape[0] * each:
        raise BadData(
            f"{quoted(path)} has {length} bytes where its header asks for {shape[0] * each}; get it again"
        )
    return np.frombuffer(data, np.uint8).reshape([wanted, *shape[1:]])


def _content(path: Path, limit: int | None) -> Content:
    images = _read_idx(path, 3, limit)
    return array_content(images, limit, images.nbytes)  # integers


def read(
    source: str, *, asked: Asked, limit: int | None, choice: Choice = AS_CLASSES
) -> tuple[Content, AnyLabels]:
    """Images (n, h, w) uint8 and labels uint8 (n,)."""
    refuse_columns(asked, "IDX labels have their own file")
    images = _images_path(source)
    labels = _labels_path(images)
    content = _content(images, limit)
    form = "idx.gz" if labels.suffix == ".gz" else "idx"
    return content, labels_as(choice, _read_idx(labels, 1, limit), content.n, form)


def candidates(
    source: str, *, limit: int | None, ignore: int | None, header: bool | None, delimiter: str | None = None
) -> list[Content]:
    """The images alone."""
    return [_content(_images_path(source), limit)]
