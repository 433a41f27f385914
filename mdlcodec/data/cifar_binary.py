"""CIFAR's binary version: records of label bytes and one image of 32 x 32 (formats/data.md, CIFAR)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mdlcodec.data.arrays import array_content
from mdlcodec.data.bounded import MAX_BYTES, list_bounded, open_bounded
from mdlcodec.data.dataset import AS_CLASSES, AnyLabels, Asked, Choice, Content, quoted, refuse_columns
from mdlcodec.data.label_choice import labels_as
from mdlcodec.errors import BadData
from mdlcodec.limits import check_reading

_NAME = re.compile(r"(data_batch_[1-5]|test_batch|train|test)\.bin")
_BATCHES = [f"data_batch_{number}.bin" for number in range(1, 6)]
_SIDE, _CHANNELS = 32, 3
_IMAGE_BYTES = _CHANNELS * _SIDE * _SIDE


@dataclass(frozen=True)
class _Layout:
    """How a record begins: so many label bytes, of which the last is the class, below ``classes``."""

    label_bytes: int
    classes: int

    @property
    def record_bytes(self) -> int:
        return self.label_bytes + _IMAGE_BYTES


_COPIES = 2  # of what is read
_CIFAR10 = _Layout(1, 10)
_CIFAR100 = _Layout(2, 100)  # coarse label, fine label


def accepts(source: str) -> bool:
    """Whether this reader is meant."""
    path = Path(source)
    if path.is_dir():
        return any(map(_NAME.fullmatch, list_bounded(path)))
    return path.suffix == ".bin"


def _files(source: str) -> tuple[list[Path], _Layout]:
    """The files to read one after the other, and what their records are."""
    path = Path(source)
    if not path.is_dir():
        return [path], _CIFAR100 if path.name in ("train.bin", "test.bin") else _CIFAR10
    names = set(list_bounded(path))
    if "train.bin" in names and names.isdisjoint(_BATCHES):
        return [path / "train.bin"], _CIFAR100
    for name in _BATCHES:
        if name not in names:
            raise BadData(f"the folder {quoted(source)} has no {name}; put it there, or name a .bin file")
    return [path / name for name in _BATCHES], _CIFAR10


def _read_records(source: str, limit: int | None) -> tuple[np.ndarray, _Layout]:
    """The first ``limit`` records, uint8 (n, record_bytes), of files that hold whole records."""
    paths, layout = _files(source)
    left = MAX_BYTES // layout.record_bytes if limit is None else limit
    parts, total, held = [], 0, 0
    for path in paths:
        if not path.is_file():
            raise BadData(f"{quoted(path)} is no regular file; give CIFAR's .bin files")
        size = path.stat().st_size
        total += size
        if size == 0 or size % layout.record_bytes:
            raise BadData(
                f"{quoted(path)} has {size} bytes, which are not records of {layout.record_bytes}; "
                "is it a file of CIFAR's binary version, and complete?"
            )
        if total > MAX_BYTES:
            raise BadData(f"{quoted(path)} makes it more than {MAX_BYTES} bytes; give less data")
        wanted = min(left, size // layout.record_bytes)
        left -= wanted
        held += wanted * layout.record_bytes
        check_reading(_COPIES * held, quoted(path))
        with open_bounded(path) as stream:
            data = stream.read(wanted * layout.record_bytes)
        if len(data) != wanted * layout.record_bytes:
            raise BadData(f"{quoted(path)} became shorter while it was read; try again")
        parts.append(np.frombuffer(data, np.uint8).reshape(wanted, layout.record_bytes))
    return np.concatenate(parts), layout


def _content(records: np.ndarray, layout: _Layout) -> Content:
    planes = records[:, layout.label_bytes :].reshape(-1, _CHANNELS, _SIDE, _SIDE)
    images = np.ascontiguousarray(planes.transpose(0, 2, 3, 1))
    return array_content(images, None, images.nbytes + records.nbytes)


def read(
    source: str, *, asked: Asked, limit: int | None, choice: Choice = AS_CLASSES
) -> tuple[Content, AnyLabels]:
    """Images (n, 32, 32, 3) uint8 and labels uint8 (n,); of CIFAR-100 the fine ones."""
    refuse_columns(asked, "CIFAR's records have their labels inside")
    records, layout = _read_records(source, limit)
    labels = records[:, layout.label_bytes - 1]
    if labels.max() >= layout.classes:
        raise BadData(
            f"{quoted(source)} has a label of {labels.max()}, but there are {layout.classes} classes; "
            "is it a file of CIFAR's binary version?"
        )
    content = _content(records, layout)
    return content, labels_as(choice, labels, content.n)


def candidates(
    source: str, *, limit: int | None, ignore: int | None, header: bool | None, delimiter: str | None = None
) -> list[Content]:
    """The images; the label bytes may be anything."""
    return [_content(*_read_records(source, limit))]
