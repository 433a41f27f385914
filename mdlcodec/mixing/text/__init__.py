"""Context mixing of text, byte by byte and bit by bit, in integers alone (formats/mixing.md)."""

from mdlcodec.mixing.text.coder import TextDecoder, TextEncoder
from mdlcodec.mixing.text.levels import LEVELS, memory_bytes, seconds_forecast
from mdlcodec.mixing.text.networks import bit_sums

__all__ = ["LEVELS", "TextDecoder", "TextEncoder", "bit_sums", "memory_bytes", "seconds_forecast"]
