"""The bytes of a network file, with what was lost on the way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mdlcodec.files.networks import Report
    from mdlcodec.sender.lossy import Change


class Packed(bytes):
    """The file's bytes; ``changes``: what lossy options did to each tensor; ``unchanged``: names of those that they
    leave alone; ``zero_signs``: how many -0.0 became 0.0."""

    changes: Sequence[Change]
    unchanged: Sequence[str]
    zero_signs: int

    @classmethod
    def of(cls, blob: bytes, report: Report) -> Packed:
        """Of what files.networks.pack gave."""
        packed = cls(blob)
        packed.changes, packed.unchanged = tuple(report.changes), tuple(report.kept)
        packed.zero_signs = report.zero_signs
        return packed
