"""What results of encoding have in common, whatever was encoded."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape


class CodedFile:
    """A file's bytes ``blob``, its code, net and preset, and what uniform coding takes, ``uniform_bits``."""

    blob: bytes
    code: str
    net: str | None
    preset: int
    uniform_bits: float

    @property
    def bits(self) -> int:
        """The codelength: 8 times the file's bytes."""
        return 8 * len(self.blob)

    @property
    def ratio(self) -> float | None:
        """To uniform coding; None where that takes nothing."""
        return self.bits / self.uniform_bits if self.uniform_bits else None

    @property
    def _how(self) -> str:
        return self.code + ("" if self.net is None else f" ({self.net})") + f", preset {self.preset}"


def html_table(rows: Mapping[str, str]) -> str:
    """For notebooks: a row for each name whose text is not empty."""
    cells = (
        f"<tr><th>{escape(name)}</th><td>{escape(text)}</td></tr>" for name, text in rows.items() if text
    )
    return f"<table>{''.join(cells)}</table>"
