"""A folder of images by class, or all in one: content gives the order (formats/data.md, Folders of images)."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from mdlcodec.data.arrays import array_content, array_digest
from mdlcodec.data.bounded import MAX_BYTES, MAX_FILES, list_bounded
from mdlcodec.data.dataset import AS_CLASSES, AnyLabels, Asked, Choice, Content, quoted, refuse_columns
from mdlcodec.data.image_file import ENDINGS, is_image, pixels
from mdlcodec.data.label_choice import words_as
from mdlcodec.errors import BadData
from mdlcodec.limits import check_reading

_NAMES_SHOWN = 5
_COPIES = 2  # of the pixels, while they are put in order


def accepts(source: str) -> bool:
    """Whether this reader is meant: by any folder that the readers before do not want."""
    return Path(source).is_dir()


@dataclass
class _Listed:
    """What a folder holds: class ('' without class folders) and path of every image, ascending; and the rest."""

    images: list[tuple[str, str]] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    without_images: list[str] = field(default_factory=list)

    def notes(self) -> tuple[str, ...]:
        """Lines for people: classes and files that are not read."""
        lines = []
        if self.without_images:
            lines.append(
                f"left out, as no image in them is read: {_counted(self.without_images, 'class folder')}; "
                "no label is of these classes"
            )
        if self.left_out:
            lines.append(
                f"left out, as they are not named as images that are read: {_counted(self.left_out, 'file')}"
            )
        return tuple(lines)


def _counted(names: list[str], what: str) -> str:
    shown = ", ".join(map(quoted, names[:_NAMES_SHOWN])) + (", ..." if len(names) > _NAMES_SHOWN else "")
    return f"{len(names):,} {what}{'s' if len(names) > 1 else ''} ({shown})"


def _add_class(listed: _Listed, source: str, folder: str) -> None:
    """Add what lies in a class folder."""
    images = 0
    seen = len(listed.images) + len(listed.left_out)
    for name in list_bounded(os.path.join(source, folder), MAX_FILES - seen):
        path = os.path.join(folder, name)
        if name.startswith("."):
            continue
        if is_image(path):
            listed.images.append((folder, path))
            images += 1
        elif os.path.isdir(os.path.join(source, path)):
            raise BadData(
                f"the class folder {quoted(folder)} holds a folder, {quoted(name)}; "
                "give a folder whose folders are the classes, with nothing but images in each"
            )
        else:
            listed.left_out.append(path)
    if not images:
        listed.without_images.append(folder)


def _find(source: str) -> _Listed:
    """The images of a folder, by class or all in one, and what else is in it. Raises BadData."""
    listed = _Listed()
    flat = []
    for name in list_bounded(source):
        if name.startswith("."):
            continue
        if os.path.isdir(os.path.join(source, name)):
            _add_class(listed, source, name)
        elif is_image(name):
            flat.append(("", name))
        else:
            listed.left_out.append(name)
    if listed.images and flat:
        raise BadData(
            f"{quoted(source)} holds class folders and, beside them, {quoted(flat[0][1])}; "
            "put every image into the folder of its class"
        )
    if not listed.images and not flat:
        raise BadData(
            f"{quoted(source)} holds no images ({', '.join(ENDINGS)}), nor MNIST's or CIFAR's files; "
            "give a folder with a folder of images for each class"
        )
    listed.images += flat
    return listed


def _load(source: str, paths: list[str]) -> np.ndarray:
    """The images uint8 (n, h, w) or (n, h, w, 3), all of one size and kind."""
    first = pixels(os.path.join(source, paths[0]), paths[0])
    if len(paths) * first.size > MAX_BYTES:
        raise BadData(
            f"{len(paths)} images of {first.size} bytes each are more than {MAX_BYTES}; give less data"
        )
    check_reading(_COPIES * len(paths) * first.size, f"{len(paths)} images")
    images = np.zeros((len(paths), *first.shape), np.uint8)
    images[0] = first
    for i, path in enumerate(paths[1:], start=1):
        image = pixels(os.path.join(source, path), path, size=(first.shape[1], first.shape[0]))
        if image.ndim != first.ndim:
            this, others = ("grey", "in colour") if image.ndim == 2 else ("in colour", "grey")
            raise BadData(
                f"{quoted(path)} is {this}, the images before it {others}; save all as RGB or all as grey"
            )
        images[i] = image
    return images


@dataclass(frozen=True)
class _Images:
    """Class and path of images in the order of their digests, their pixels, and lines on what was left out."""

    files: list[tuple[str, str]]
    pixels: np.ndarray
    notes: tuple[str, ...]

    def content(self) -> Content:
        return replace(array_content(self.pixels, None, self.pixels.nbytes), notes=self.notes)  # integers


def _read(source: str, limit: int | None) -> _Images:
    """The first ``limit`` images."""
    listed = _find(source)
    images = _load(source, [path for _, path in listed.images])
    digests = [array_digest(image) for image in images]
    order = sorted(range(len(digests)), key=digests.__getitem__)[:limit]  # stable: equal images by class
    return _Images([listed.images[i] for i in order], images[order], listed.notes())


def files_in_order(source: str) -> list[str]:
    """Paths within the folder of all its images, in the order of the labels. Raises BadData."""
    return [path for _, path in _read(source, None).files]


def read(
    source: str, *, asked: Asked, limit: int | None, choice: Choice = AS_CLASSES
) -> tuple[Content, AnyLabels]:
    """Images (n, h, w) or (n, h, w, 3) uint8; labels are the names of the class folders."""
    refuse_columns(asked, "the labels of images are the names of their folders")
    images = _read(source, limit)
    if not images.files[0][0]:
        raise BadData(
            f"{quoted(source)} holds images but no class folders, so there are no labels; "
            "put the images of each class into a folder of its own"
        )
    words = sorted({folder for folder, _ in images.files})
    code_of = {word: code for code, word in enumerate(words)}
    codes = np.array([code_of[folder] for folder, _ in images.files], np.int32)
    return images.content(), words_as(choice, words, codes, None)


def candidates(
    source: str, *, limit: int | None, ignore: int | None, header: bool | None, delimiter: str | None = None
) -> list[Content]:
    """The images, with or without class folders."""
    return [_read(source, limit).content()]
