"""What holds bytes: bytes, bytearray, memoryview, an array of bytes."""

from __future__ import annotations


def bytes_of(value: object) -> bytes | None:
    """Its bytes; None for what holds none, str among it."""
    try:
        view = memoryview(value)  # type: ignore[arg-type]  # raises for what is none
        return bytes(view) if view.format in ("B", "b", "c") else None
    except (TypeError, ValueError, BufferError):
        return None
