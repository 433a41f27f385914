"""Table 1 of Blier & Ollivier 2018, for files."""

from __future__ import annotations

from collections.abc import Sequence

from mdlcodec.report.row import Row

_HEAD = ["code", "net", "bytes", "kbit", "ratio", "test accuracy"]
_IDEAL_HEAD = ["labels, ideal kbit", "objective kbit"]
_LAST = "encode, decode"  # not aligned, so that what times a line tells moves nothing else
_TEXT_COLUMNS = 2


def table_1(rows: Sequence[Row], *, ideal: bool = False) -> list[str]:
    """Lines: a head, and each code's file; ``ideal``: with the lengths that are no file's (see Row)."""
    cells = [_HEAD + (_IDEAL_HEAD if ideal else [])]
    cells += [_cells(row)[: len(cells[0])] for row in rows if row.failed is None]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    widths[0] = max(len(text) for text in (_HEAD[0], *(row.code for row in rows)))
    lines, made = [f"{_aligned(cells[0], widths)}  {_LAST}"], iter(cells[1:])
    for row in rows:
        if row.failed is None:
            times = f"{_shown(row.encode_seconds, '{:.1f} s')}, {_shown(row.decode_seconds, '{:.1f} s')}"
            lines.append(f"{_aligned(next(made), widths)}  {times}")
        else:
            lines.append(f"{row.code.ljust(widths[0])}  failed: {row.failed}")
    return lines


def _cells(row: Row) -> list[str]:
    return [
        row.code,
        row.net or "-",
        _shown(row.bytes, "{:,}"),
        _shown(row.kbit, "{:,.2f}"),
        _shown(row.ratio, "{:,.3f}"),
        _shown(row.test_accuracy, "{:.2%}"),
        _kbit(row.ideal_bits),
        _kbit(row.objective_bits),
    ]


def _shown(value: float | None, form: str) -> str:
    return "-" if value is None else form.format(value)


def _kbit(bits: float | None) -> str:
    return _shown(None if bits is None else bits / 1000, "{:,.2f}")


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(
        cell.ljust(width) if i < _TEXT_COLUMNS else cell.rjust(width)
        for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
