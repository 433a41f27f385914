"""The result of encoding a text, as an object: the file's bytes, and what is known of them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mdlcodec.files import text_file
from mdlcodec.files.curves import Curve
from mdlcodec.report.coded_file import CodedFile, html_table

if TYPE_CHECKING:
    from mdlcodec.files.runs import Run


@dataclass(frozen=True)
class TextResult(CodedFile):
    """A text as a file, and what is known of it; the names are those of `mdlcodec.report.result.Result`.

    ``blob``: the file's bytes; ``length``: the text's, in bytes; ``ideal_bits``: -sum log2 p of its bytes,
    without the header; ``uniform_bits``: 8 a byte; ``sections``: name and bytes of each, adding up to the file;
    ``seconds``: of encoding; ``curve``: see `mdlcodec.files.curves.Curve`, whose labels are bytes
    here; ``memory``: bytes that decoding takes at most.
    """

    blob: bytes = field(repr=False)
    code: str
    net: str | None
    preset: int
    seed: int
    length: int
    ideal_bits: float
    uniform_bits: int
    memory: int
    seconds: float = field(compare=False)
    sections: tuple[tuple[str, int], ...] = field(repr=False)
    curve: Curve = field(repr=False)

    @classmethod
    def of(cls, blob: bytes, run: Run) -> TextResult:
        """Of what files.text.encode gave."""
        assert run.curve is not None
        facts: dict[str, Any] = text_file.inspect(blob)
        return cls(
            blob=blob,
            **{name: facts[name] for name in _TOLD},
            ideal_bits=run.ideal_bits,
            seconds=run.seconds,
            sections=tuple((part["name"], part["bytes"]) for part in facts["sections"]),
            curve=run.curve,
        )

    def __hash__(self) -> int:
        return hash(self.blob)

    @property
    def bits_a_byte(self) -> float:
        """Of the whole file; nan of an empty text."""
        return self.bits / self.length if self.length else math.nan

    def __str__(self) -> str:
        rate = f" ({self.bits_a_byte:.3f} bits a byte)" if self.length else ""
        return f"{self.length:,} bytes of text in {len(self.blob):,}{rate}: {self._how}"

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """For notebooks: a small table."""
        rows = {
            "code": self._how,
            "text": f"{self.length:,} bytes",
            "bytes": f"{len(self.blob):,}"
            + (f" ({self.bits_a_byte:.3f} bits a byte)" if self.length else ""),
            "ideal bits of the text": f"{self.ideal_bits:,.1f}",
            "sections": ", ".join(f"{name} {size:,}" for name, size in self.sections),
            "seconds": f"{self.seconds:.1f}",
        }
        return html_table(rows)


_TOLD = ("code", "net", "preset", "seed", "length", "uniform_bits", "memory")
