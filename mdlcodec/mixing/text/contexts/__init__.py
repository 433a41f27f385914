"""Contexts: what the next byte may depend on, a module for each kind, under one contract.

A module has NAMES, a NamedTuple of arrays that it keeps, `update` with the byte that came, and `fill`, which writes
one hash for each of NAMES. A new kind of context is one more module, and one more line in each function below.
"""

from __future__ import annotations

from typing import NamedTuple

from mdlcodec.compiled import njit
from mdlcodec.mixing.text.contexts import gaps, lines, orders, structure, symbols, words

NAMES = (*orders.NAMES, *words.NAMES, *gaps.NAMES, *lines.NAMES, *structure.NAMES)
_WORDS = len(orders.NAMES)
_GAPS = _WORDS + len(words.NAMES)
_LINES = _GAPS + len(gaps.NAMES)
_STRUCTURE = _LINES + len(lines.NAMES)

_update_symbols, _update_orders, _update_words = symbols.update, orders.update, words.update
_update_gaps, _update_lines, _update_structure = gaps.update, lines.update, structure.update
_fill_orders, _fill_words, _fill_gaps = orders.fill, words.fill, gaps.fill
_fill_lines, _fill_structure = lines.fill, structure.fill


class Contexts(NamedTuple):
    """What every kind of context keeps."""

    symbols: symbols.Symbols
    orders: orders.Orders
    words: words.Words
    gaps: gaps.Gaps
    lines: lines.Lines
    structure: structure.Structure


def new_contexts() -> Contexts:
    """Before the first byte."""
    return Contexts(
        symbols.new_symbols(),
        orders.new_orders(),
        words.new_words(),
        gaps.new_gaps(),
        lines.new_lines(),
        structure.new_structure(),
    )


@njit(cache=True, _nrt=False)
def update(contexts, byte, at):  # type: ignore[no-untyped-def]
    """Takes the byte at position at."""
    _update_symbols(contexts.symbols, byte)
    _update_orders(contexts.orders, contexts.symbols)
    _update_words(contexts.words, contexts.symbols)
    _update_gaps(contexts.gaps, contexts.symbols)
    _update_lines(contexts.lines, byte, at)
    _update_structure(contexts.structure, byte)


@njit(cache=True, _nrt=False)
def fill(contexts, text, mask, at, out):  # type: ignore[no-untyped-def]
    """Writes the hashes of the contexts of the byte at position at, int64 (len(NAMES),)."""
    _fill_orders(contexts.orders, contexts.symbols, out[:_WORDS])
    _fill_words(contexts.words, contexts.symbols, out[_WORDS:_GAPS])
    _fill_gaps(contexts.gaps, contexts.symbols, out[_GAPS:_LINES])
    _fill_lines(contexts.lines, contexts.symbols, text, mask, at, out[_LINES:_STRUCTURE])
    _fill_structure(contexts.structure, contexts.symbols, out[_STRUCTURE:])
