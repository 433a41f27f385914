"""A label file whose version, code, network and preset this program knows (formats/labels.md)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mdlcodec.container import LabelHeader, read_label_file, sections
from mdlcodec.container.ids import HIGHEST_PRESET, LOWEST_PRESET, PROBE_PRESET, CodeId, NetId
from mdlcodec.data import targets
from mdlcodec.data.byte_likes import bytes_of
from mdlcodec.data.dataset import Labels
from mdlcodec.errors import BadData, CorruptFile, Unsupported
from mdlcodec.limits import DEFAULT_MEMORY

if TYPE_CHECKING:  # torch and numba load when something is encoded or decoded
    from mdlcodec.codes import Code, Settings
    from mdlcodec.data import AnyLabels
    from mdlcodec.data.targets import Target


@dataclass(frozen=True)
class LabelFile:
    """A label file whose version, code, network and preset this program knows."""

    header: LabelHeader
    payload: bytes
    sections: list[tuple[str, int]]
    code: Code
    settings: Settings
    net: str | None

    @property
    def n(self) -> int:
        """Number of labels."""
        return self.header.n

    @property
    def k(self) -> int:
        """Number of classes; 0 of reals."""
        return len(self.header.values)

    @property
    def target(self) -> Target:
        """What the file says of its labels before they are decoded."""
        return _target(self.header)

    def one_label_each(self) -> AnyLabels:
        """One label of each class, or both ends of the range of reals; form and column are the file's."""
        grid = self.header.grid
        if grid is not None:
            return labels_of(np.array([grid.low, grid.high]), self.header)
        return labels_of(np.arange(self.k, dtype=np.int32), self.header)


def as_bytes(blob: object) -> bytes:
    """What holds bytes (bytes, bytearray, memoryview, an array of bytes) as bytes, else BadData."""
    held = bytes_of(blob)
    if held is None:
        raise BadData(
            f"a file was given as {type(blob).__name__}; give its bytes (pathlib.Path(name).read_bytes())"
        )
    return held


def parse(blob: bytes, memory: int = DEFAULT_MEMORY) -> LabelFile:
    """Read the header of a file; raises CorruptFile, or Unsupported for what a newer version may know.

    BadData for a ``blob`` that is not bytes, and nothing like them; LimitExceeded where the values of its classes
    take more than ``memory`` bytes.
    """
    blob = as_bytes(blob)
    header, payload = read_label_file(blob, memory)
    if header.n < 1:
        raise CorruptFile("damaged: the file says that it holds no labels")

    from mdlcodec.codes import Settings, code_numbered

    code = code_numbered(header.code)
    settings = Settings(header.net, header.preset, header.seed, header.own_net)
    if not LOWEST_PRESET <= settings.preset <= HIGHEST_PRESET and not _is_probe(header):
        raise Unsupported(f"preset {settings.preset} is not known to this version: install a newer mdlcodec")
    net = code.net_name(settings)
    target = _target(header)
    try:
        code.check_target(target)
    except BadData as error:
        raise Unsupported(f"{error}: install a newer mdlcodec") from error
    code.check_network(settings, target)
    parts = []
    for name, size in sections(blob, memory):
        parts += code.sections(payload, target) if name == "labels" else [(name, size)]
    return LabelFile(header, payload, parts, code, settings, net)


def _is_probe(header: LabelHeader) -> bool:
    """Whether the preset is that of probes, which codes have that learn classes from columns on both sides."""
    learned = {
        (CodeId.PREQUENTIAL, NetId.MLP),
        (CodeId.PREQUENTIAL, NetId.KERNEL),
        (CodeId.SWITCHING, NetId.NONE),
    }
    return header.preset == PROBE_PRESET and header.grid is None and (header.code, header.net) in learned


def network_section(blob: bytes, memory: int = DEFAULT_MEMORY) -> bytes:
    """The network section of a file of a two-part code (formats/network.md).

    Raises what ``parse`` raises, and BadData for a file that holds no network.
    """
    file = parse(blob, memory)
    return file.code.network_section(file.payload, file.target)


def inspect(blob: bytes, memory: int = DEFAULT_MEMORY) -> dict[str, object]:
    """What a file says of itself, in values that JSON can hold; the sections' bytes add up to the file's.

    Raises as ``parse`` does.
    """
    file = parse(blob, memory)
    column, dtype = file.header.column, file.header.values.dtype
    return {
        "bytes": sum(size for _, size in file.sections),  # integers
        "code": file.code.name,
        "net": file.net,
        "labels": file.n,
        "as": "classes" if file.header.grid is None else "reals",
        "classes": file.k if file.header.grid is None else None,
        "dtype": f"U{dtype.itemsize // 4}" if dtype.kind == "U" else dtype.name,
        "form": file.header.form,
        "target": None if column is None else {"index": column[0], "name": column[1]},
        "preset": file.settings.preset,
        "seed": file.settings.seed,
        "uniform_bits": file.n * math.log2(_possible(file.header)),  # reported only
        "sections": [{"name": name, "bytes": size} for name, size in file.sections],
    }


def _target(header: LabelHeader) -> Target:
    if header.grid is not None:
        return targets.Reals(header.grid, header.values.dtype)
    return targets.Classes(len(header.values))


def labels_of(classes: np.ndarray, header: LabelHeader) -> AnyLabels:
    """Labels of what was coded."""
    from mdlcodec.data import LabelColumn
    from mdlcodec.data.reals import RealLabels

    column = None if header.column is None else LabelColumn(*header.column)
    if header.grid is not None:
        target = targets.Reals(header.grid, header.values.dtype)
        return RealLabels(classes, target, header.form, column, header.style)
    return Labels(classes, header.values, header.form, column)


def _possible(header: LabelHeader) -> int:
    """How many values each label can have, as the file says."""
    return len(header.values) if header.grid is None else header.grid.high - header.grid.low + 1
