"""Every code on one text: a file each, decoded in a fresh process before it counts.

A row is a file FOLDER/CODE.mdl; what is there already, of this text, code and preset, is decoded again and kept.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mdlcodec.container import text_digest
from mdlcodec.errors import MdlcodecError
from mdlcodec.files.temporary import temporary_file
from mdlcodec.limits import Limits
from mdlcodec.report.record import read_regular

if TYPE_CHECKING:
    from mdlcodec.codes.text import TextCode
    from mdlcodec.files.runs import Watch

_MOST_BYTES = 1 << 28  # a larger file is made again rather than read


@dataclass(frozen=True)
class TextRow:
    """One code's file: ``bytes`` of it, ``ideal_bits`` of the text, ``decode_seconds`` of the fresh process with
    its start; ``encode_seconds`` and ``ideal_bits`` are None of a file that was there; ``failed``: why there is
    none."""

    code: str
    net: str | None
    bytes: int | None = None
    ideal_bits: float | None = None
    encode_seconds: float | None = None
    decode_seconds: float | None = None
    file: str | None = None
    failed: str | None = None


def compared_text(
    text: bytes,
    codes: list[TextCode],
    folder: Path,
    verify: Callable[[Path], float],
    *,
    preset: int,
    limits: Limits,
    force: bool,
    watch: Watch | None = None,
) -> list[TextRow]:
    """A row for each code. ``verify``: decodes a file in a fresh process, compares, gives its seconds."""
    return [
        _row(text, code, folder, verify, preset=preset, limits=limits, force=force, watch=watch)
        for code in codes
    ]


def file_of(code: TextCode, folder: Path) -> Path:
    """Where a code's file goes."""
    return folder / f"{code.name}{'' if code.net is None else f'-{code.net}'}.mdl"


def check_files(text: bytes, codes: list[TextCode], folder: Path, preset: int) -> None:
    """Raise MdlcodecError where files of these names are there that are not of this text, code and preset."""
    for code in codes:
        path = file_of(code, folder)
        if os.path.lexists(path) and _held(path, text, code, preset) is None:
            raise MdlcodecError(
                f"{str(path)!r} is not of this text, code and preset; choose another -o, or overwrite it with -f"
            )


def _row(
    text: bytes,
    code: TextCode,
    folder: Path,
    verify: Callable[[Path], float],
    *,
    preset: int,
    limits: Limits,
    force: bool,
    watch: Watch | None,
) -> TextRow:
    from mdlcodec.files import text as texts

    path = file_of(code, folder)
    try:
        held = None if force else _held(path, text, code, preset)
        if held is not None:
            return TextRow(
                code.name, code.net, len(held), decode_seconds=verify(path.absolute()), file=str(path)
            )
        blob, run = texts.encode(
            text, code=code.name, net=code.net or "auto", preset=preset, limits=limits, watch=watch
        )
        with temporary_file(folder) as temporary:
            temporary.write_bytes(blob)
            seconds = verify(temporary)
            os.replace(temporary, path)
        return TextRow(code.name, code.net, len(blob), run.ideal_bits, run.seconds, seconds, str(path))
    except MdlcodecError as error:
        return TextRow(code.name, code.net, failed=str(error))
    except OSError as error:
        return TextRow(code.name, code.net, failed=f"{str(folder)!r} cannot be written to: {error.strerror}")
    except MemoryError:
        return TextRow(code.name, code.net, failed="out of memory; choose a lower preset, or less text")


def _held(path: Path, text: bytes, code: TextCode, preset: int) -> bytes | None:
    """The bytes of a file that says that it is of this text, code and preset."""
    from mdlcodec.files import text_file

    blob = read_regular(path, _MOST_BYTES)
    try:
        file = None if blob is None else text_file.parse(blob)
    except MdlcodecError:
        return None
    if file is None or file.header.digest != text_digest(text):
        return None
    same = (file.code.name, file.code.net, file.n, file.settings.preset)
    return blob if same == (code.name, code.net, len(text), preset) else None
