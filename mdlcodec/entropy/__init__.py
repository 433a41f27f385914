"""Entropy coding: integer probabilities and the range coder that codes with them (formats/labels.md)."""

from mdlcodec.entropy.frequencies import (
    MAX_CLASSES,
    PROBABILITY_BITS,
    TOTAL_FREQUENCY,
    fill_frequencies,
    integer_frequencies,
    integer_frequency_row,
)
from mdlcodec.entropy.range_coder import RangeDecoder, RangeEncoder

__all__ = [
    "MAX_CLASSES",
    "PROBABILITY_BITS",
    "TOTAL_FREQUENCY",
    "RangeDecoder",
    "RangeEncoder",
    "fill_frequencies",
    "integer_frequencies",
    "integer_frequency_row",
]
