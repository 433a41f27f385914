"""Exact arithmetic: everything that the receiver repeats is computed here, to the bit (formats/arithmetic.md)."""
