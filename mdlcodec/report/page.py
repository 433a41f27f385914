"""A study as one HTML page that needs nothing else: pictures (SVG), a table that sorts, the command that made
it."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

from mdlcodec.report.plot import number

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 72em; padding: 0 1em; color: #222 }
figure { margin: 1.5em 0 } figure svg { max-width: 100%; height: auto } figcaption { color: #555 }
table { border-collapse: collapse; font-variant-numeric: tabular-nums } th, td { padding: .2em .7em; text-align:
right } th { cursor: pointer; border-bottom: 2px solid #888 } tr:nth-child(even) td { background: #f4f4f4 }
th:first-child, td:first-child { text-align: left } pre { background: #f4f4f4; padding: .7em; overflow-x: auto }
"""
_SCRIPT = """
for (const head of document.querySelectorAll('th')) head.addEventListener('click', () => {
  const table = head.closest('table'), column = [...head.parentNode.children].indexOf(head)
  head.dataset.down = head.dataset.down === '1' ? '' : '1'
  const key = row => row.children[column].dataset.value
  const rows = [...table.tBodies[0].rows].sort((a, b) => {
    const x = key(a), y = key(b), down = head.dataset.down ? 1 : -1
    if (x === '' || y === '') return (x === '') - (y === '')  // what is not there comes last
    const numbers = !isNaN(Number(x)) && !isNaN(Number(y))
    return (numbers ? Number(x) - Number(y) : x < y ? -1 : x > y ? 1 : 0) * down
  })
  table.tBodies[0].append(...rows)
})
"""


def svg(figure: Figure) -> str:
    """A picture as an element of a page."""
    file = io.StringIO()
    figure.savefig(file, format="svg", metadata={"Date": None})
    text = file.getvalue()
    return text[text.index("<svg") :]


def page(
    title: str,
    command: str,
    pictures: Sequence[tuple[Figure, str]],
    rows: Sequence[Mapping[str, object]],
    notes: Sequence[str] = (),
) -> bytes:
    """The page; ``pictures``: with their captions; ``rows``: all with the same keys, which are the columns, but
    those that none has a value of; ``notes``: what was found."""
    columns = [name for name in (rows[0] if rows else {}) if any(row[name] is not None for row in rows)]
    head = "".join(f"<th>{escape(column.replace('_', ' '))}</th>" for column in columns)
    body = "".join(
        "<tr>"
        + "".join(f'<td data-value="{escape(held(row[c]))}">{escape(shown(row[c]))}</td>' for c in columns)
        + "</tr>"
        for row in rows
    )
    figures = "".join(
        f"<figure>{svg(figure)}<figcaption>{escape(caption)}</figcaption></figure>"
        for figure, caption in pictures
    )
    said = "".join(f"<li>{escape(note)}</li>" for note in notes)
    said = f"<ul>{said}</ul>" if said else ""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style></head><body><h1>{escape(title)}</h1><pre>{escape(command)}</pre>{said}{figures}"
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table><script>{_SCRIPT}</script></body></html>\n"
    ).encode()


def shown(value: object) -> str:
    """A cell of a table, for people."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return held(value)
    return f"{value:,}" if isinstance(value, int) else number(value)


def held(value: object) -> str:
    """What a cell is sorted by; nothing where there is no value."""
    return "" if value is None else str(value)
