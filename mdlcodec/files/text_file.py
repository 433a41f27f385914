"""A text file whose version, code, net and preset this program knows (formats/text.md)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mdlcodec.container import TextHeader, read_text_file, text_sections
from mdlcodec.container.ids import HIGHEST_PRESET, LOWEST_PRESET
from mdlcodec.container.text_file import PAYLOAD
from mdlcodec.errors import Unsupported
from mdlcodec.files.label_file import as_bytes

if TYPE_CHECKING:  # numba loads when something is encoded or decoded
    from mdlcodec.codes.contract import Settings
    from mdlcodec.codes.text import TextCode


@dataclass(frozen=True)
class TextFile:
    """A text file whose version, code, net and preset this program knows."""

    header: TextHeader
    payload: bytes
    sections: list[tuple[str, int]]
    code: TextCode
    settings: Settings

    @property
    def n(self) -> int:
        """Bytes of the text."""
        return self.header.n


def parse(blob: bytes) -> TextFile:
    """Read the header of a file; raises CorruptFile, or Unsupported for what a newer version may know, and BadData
    for a ``blob`` that is not bytes."""
    blob = as_bytes(blob)
    header, payload = read_text_file(blob)

    from mdlcodec.codes.contract import Settings
    from mdlcodec.codes.text import text_code_numbered

    code = text_code_numbered(header.code, header.net)
    if not LOWEST_PRESET <= header.preset <= HIGHEST_PRESET:
        raise Unsupported(f"preset {header.preset} is not known to this version: install a newer mdlcodec")
    settings = Settings(header.net, header.preset, header.seed)
    sections: list[tuple[str, int]] = []
    for name, size in text_sections(blob):
        sections += code.sections(payload) if name == PAYLOAD else [(name, size)]
    return TextFile(header, payload, sections, code, settings)


def network_section(blob: bytes) -> bytes:
    """The network section of a file of the two-part code (formats/network.md). Raises what ``parse`` raises, and
    BadData for a file that holds no network."""
    file = parse(blob)
    return file.code.network_section(file.payload)


def inspect(blob: bytes) -> dict[str, object]:
    """What a file says of itself, in values that JSON can hold; the sections' bytes add up to the file's.
    ``memory``: bytes that decoding takes at most. Raises as ``parse`` does."""
    file = parse(blob)
    return {
        "bytes": sum(size for _, size in file.sections),  # integers
        "code": file.code.name,
        "net": file.code.net,
        "length": file.n,
        "preset": file.settings.preset,
        "seed": file.settings.seed,
        "uniform_bits": 8 * file.n,
        "memory": file.code.cost(file.n, file.settings).memory,
        "sections": [{"name": name, "bytes": size} for name, size in file.sections],
    }
