"""A folder of images by class, or all in one: content gives the order (formats/data.md, Folders of images)."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from mdlcodec.data.arrays import array_content, array_digest
from mdlcodec.data.bounded import MAX_BYTES, MAX_FILES, list_bounded
from mdlcodec.data.dataset import AS_CLASSES, AnyLabels, Choice, Content, quoted, refuse_target
from mdlcodec.data.image_file import ENDINGS, is_image, pixels
from mdlcodec.data.label_choice import words_as
from mdlcodec.errors import BadData


def accepts(source: str) -> bool:
    """Whether this reader is meant: by any folder that the readers before do not want."""
    return Path(source).is_dir()


def _names_in(source: str, folder: str, allowed: int) -> list[str]:
    """Names 'folder/name' of the images of one class."""
    images = []
    for name in list_bounded(os.path.join(source, folder), allowed):
        path = os.path.join(folder, name)
        if name.startswith("."):
            continue
        if is_image(path):
            images.append(path)
        elif os.path.isdir(os.path.join(source, path)):
            raise BadData(
                f"the class folder {quoted(folder)} holds a folder, {quoted(name)}; "
                "give a folder whose folders are the classes, with nothing but images in each"
            )
    return images


def _find(source: str) -> list[tuple[str, str]]:
    """Class ('' if there are no class folders) and path within the folder of every image, ascending."""
    images: list[tuple[str, str]] = []
    flat = []
    for name in list_bounded(source):
        if name.startswith("."):
            continue
        if os.path.isdir(os.path.join(source, name)):
            images += [(name, path) for path in _names_in(source, name, MAX_FILES - len(images))]
        elif is_image(name):
            flat.append(("", name))
    if images and flat:
        raise BadData(
            f"{quoted(source)} holds class folders and, beside them, {quoted(flat[0][1])}; "
            "put every image into the folder of its class"
        )
    if not images and not flat:
        raise BadData(
            f"{quoted(source)} holds no images ({', '.join(ENDINGS)}), nor MNIST's or CIFAR's files; "
            "give a folder with a folder of images for each class"
        )
    return images or flat


def _load(source: str, paths: list[str]) -> np.ndarray:
    """The images uint8 (n, h, w) or (n, h, w, 3), all of one size and kind."""
    first = pixels(os.path.join(source, paths[0]), paths[0])
    if len(paths) * first.size > MAX_BYTES:
        raise BadData(
            f"{len(paths)} images of {first.size} bytes each are more than {MAX_BYTES}; give less data"
        )
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


def _read(source: str, limit: int | None) -> tuple[list[tuple[str, str]], np.ndarray]:
    """Class and path of the first ``limit`` images in the order of their digests, and the images."""
    files = _find(source)
    images = _load(source, [path for _, path in files])
    digests = [array_digest(image) for image in images]
    order = sorted(range(len(files)), key=digests.__getitem__)[:limit]  # stable: equal images by class
    return [files[i] for i in order], images[order]


def files_in_order(source: str) -> list[str]:
    """Paths within the folder of all its images, in the order of the labels. Raises BadData."""
    return [path for _, path in _read(source, None)[0]]


def read(
    source: str, *, target: str | None, limit: int | None, choice: Choice = AS_CLASSES
) -> tuple[Content, AnyLabels]:
    """Images (n, h, w) or (n, h, w, 3) uint8; labels are the names of the class folders."""
    refuse_target(target, "the labels of images are the names of their folders")
    files, images = _read(source, limit)
    if not files[0][0]:
        raise BadData(
            f"{quoted(source)} holds images but no class folders, so there are no labels; "
            "put the images of each class into a folder of its own"
        )
    words = sorted({folder for folder, _ in files})
    code_of = {word: code for code, word in enumerate(words)}
    codes = np.array([code_of[folder] for folder, _ in files], np.int32)
    return array_content(images), words_as(choice, words, codes, None)


def candidates(source: str, *, limit: int | None, ignore: int | None, header: bool | None) -> list[Content]:
    """The images, with or without class folders."""
    return [array_content(_read(source, limit)[1])]
