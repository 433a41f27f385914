"""``.npz`` archives with arrays x and y; every size is checked before anything is allocated."""

from __future__ import annotations

import lzma
import tokenize
import zipfile
import zlib
from math import prod
from pathlib import Path
from typing import IO, BinaryIO

import numpy as np

from mdlcodec.data.arrays import array_content
from mdlcodec.data.bounded import MAX_BYTES
from mdlcodec.data.dataset import AS_CLASSES, AnyLabels, Asked, Choice, Content, quoted, refuse_columns
from mdlcodec.data.label_choice import labels_as
from mdlcodec.errors import BadData
from mdlcodec.limits import check_reading

MEMBER_ENDING = ".npy"
DAMAGE = (  # how reading a damaged archive fails
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    NotImplementedError,  # a compression Python does not know
    RuntimeError,  # an encrypted member
    LookupError,
    ValueError,
    TypeError,
    SyntaxError,
    tokenize.TokenError,
)


_COPIES = 2  # of an array, while it is unpacked
_LABEL_COPIES, _BYTES_OF_A_LABEL = 6, 64  # while classes are looked for
_BYTES_OF_AN_ENTRY = 24  # for each byte of the directory, which has 46 and more of a member


class _Counted:
    """A stream from which zipfile reads an archive's directory at once, however long that says it is."""

    def __init__(self, stream: BinaryIO, name: str) -> None:
        self._stream, self._name = stream, name
        self.seek, self.tell, self.seekable = stream.seek, stream.tell, stream.seekable
        self.is_open = False

    def read(self, size: int = -1, /) -> bytes:
        if not self.is_open:
            check_reading(_BYTES_OF_AN_ENTRY * size, f"the directory of {self._name}")
        return self._stream.read(size)


def open_archive(stream: BinaryIO, name: str) -> zipfile.ZipFile:
    """The archive in a stream, which ``name`` is for people. Raises LimitExceeded, or one of DAMAGE."""
    counted = _Counted(stream, name)
    archive = zipfile.ZipFile(counted)  # type: ignore[arg-type]  # all that zipfile reads by
    counted.is_open = True
    return archive


def accepts(source: str) -> bool:
    """Whether this reader is meant."""
    return source.endswith(".npz")


def _array(member: IO[bytes], name: str, stored: int) -> np.ndarray:
    version = np.lib.format.read_magic(member)
    try:
        if version == (1, 0):
            shape, fortran, dtype = np.lib.format.read_array_header_1_0(member)
        elif version == (2, 0):
            shape, fortran, dtype = np.lib.format.read_array_header_2_0(member)
        else:
            raise BadData(f"{name} has .npy version {version}, which plain arrays do not need; save it again")
    except MemoryError as error:  # of Python's parser, at an expression nested too deep
        raise BadData(f"{name} has a header that cannot be read; save it again") from error
    if dtype.hasobject:
        raise BadData(
            f"{name} holds Python objects, which are not read; save numbers, or text with astype(str)"
        )
    if dtype.itemsize == 0:  # bytes cannot tell how many there are
        raise BadData(f"{name} has entries of no bytes; save numbers, or text with astype(str)")
    if any(length < 0 for length in shape) or dtype.itemsize * prod(shape) != stored - member.tell():
        raise BadData(f"{name} does not hold the array of shape {shape} that it declares; save it again")
    data = member.read(stored - member.tell())  # ends with the zip's CRC check; all of it may unpack to more
    return np.frombuffer(data, dtype).reshape(shape, order="F" if fortran else "C")


def read_member(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str, limit: int, held: int = 0
) -> np.ndarray:
    """The array in a member of an archive, which ``name`` is for people; at most ``limit`` bytes. ``held``: bytes
    that are held already.

    Raises BadData, LimitExceeded, or one of DAMAGE.
    """
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise BadData(f"{name} is compressed as numpy does not; save it again with np.savez_compressed")
    if info.file_size > limit:
        raise BadData(f"{name} unpacks to more than {limit} bytes; give less")
    check_reading(held + _COPIES * info.file_size, name)
    with archive.open(info) as member:
        return _array(member, name, info.file_size)


def damaged(what: str, error: BaseException) -> BadData:
    """One line for an archive that could not be read, for the reason that is one of DAMAGE."""
    reason = " ".join(str(error).split())[:100] or type(error).__name__
    if reason == "File is not a zip file":  # zipfile's words where the archive's end is missing
        reason = "it is cut short, or no zip archive"
    return BadData(f"cannot read {what}: {reason}; give a file that is complete")


def _read_arrays(source: str, wanted: list[str]) -> dict[str, np.ndarray]:
    """The wanted arrays that the archive holds."""
    arrays: dict[str, np.ndarray] = {}
    try:
        if not Path(source).is_file() or Path(source).stat().st_size > 2 * MAX_BYTES:
            raise BadData(
                f"{quoted(source)} is no regular file of at most {2 * MAX_BYTES} bytes; save x and y alone"
            )
        with open(source, "rb") as stream, open_archive(stream, quoted(source)) as archive:
            for key in wanted:
                members = [info for info in archive.infolist() if info.filename == key + MEMBER_ENDING]
                if len(members) > 1:
                    raise BadData(f"{quoted(source)} holds {key} more than once; save it again")
                for info in members:
                    held = sum(array.nbytes for array in arrays.values())  # integers
                    arrays[key] = read_member(archive, info, f"{key} in {quoted(source)}", MAX_BYTES, held)
    except DAMAGE as error:
        raise damaged(quoted(source), error) from error
    if "x" not in arrays:
        raise BadData(f"{quoted(source)} has no array x; save the inputs as x and the labels as y")
    return arrays


def read(
    source: str, *, asked: Asked, limit: int | None, choice: Choice = AS_CLASSES
) -> tuple[Content, AnyLabels]:
    """Inputs and labels."""
    refuse_columns(asked, "an .npz file has its labels in y")
    arrays = _read_arrays(source, ["x", "y"])
    if "y" not in arrays:
        raise BadData(f"{quoted(source)} has no array y; save the labels as y")
    if not arrays["y"].shape or arrays["y"].shape[:1] != arrays["x"].shape[:1]:
        raise BadData(
            f"{quoted(source)} has x of shape {arrays['x'].shape} and y of shape {arrays['y'].shape}"
        )
    held = arrays["x"].nbytes + arrays["y"].nbytes
    labels_bytes = _LABEL_COPIES * arrays["y"].nbytes + _BYTES_OF_A_LABEL * len(arrays["y"])
    check_reading(held + labels_bytes, f"y in {quoted(source)}")
    content = array_content(arrays["x"], limit, held)
    return content, labels_as(choice, arrays["y"][:limit], content.n)


def candidates(
    source: str, *, limit: int | None, ignore: int | None, header: bool | None, delimiter: str | None = None
) -> list[Content]:
    """The array x; y is not looked at."""
    x = _read_arrays(source, ["x"])["x"]
    return [array_content(x, limit, x.nbytes)]  # integers
