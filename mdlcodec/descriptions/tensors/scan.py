"""The order in which the elements of a view (a, b, c, d) are coded: d fastest (formats/network.md, "Layout")."""

from __future__ import annotations

from mdlcodec.compiled import njit


@njit(cache=True, inline="always")
def place_before(flat, extents):  # type: ignore[no-untyped-def]
    """The place whose next is number `flat`: a, b, c, d; place = c * extents[3] + d; column, of (b, c, d)."""
    kernel = extents[2] * extents[3]
    a = flat // (extents[1] * kernel)
    column = flat - a * extents[1] * kernel
    b = column // kernel
    place = column - b * kernel
    c = place // extents[3]
    return a, b, c, place - c * extents[3] - 1, place - 1, column - 1


@njit(cache=True, inline="always")
def next_place(where, extents):  # type: ignore[no-untyped-def]
    """The place after `where`, both as place_before gives them."""
    a, b, c, d, place, column = where
    d, place, column = d + 1, place + 1, column + 1
    if d == extents[3]:
        c, d = c + 1, 0
        if c == extents[2]:
            b, c, place = b + 1, 0, 0
            if b == extents[1]:
                a, b, column = a + 1, 0, 0
    return a, b, c, d, place, column
